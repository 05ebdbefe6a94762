"""Studies on a real Dask cluster of two workers on this machine: nothing is lost, whoever is killed."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from distributed import Client, LocalCluster
from filelock import FileLock
from helpers.command_line import environment
from helpers.processes import until
from helpers.tiny import DIVERGING, FAILING, LONG, tiny

from vgg_lib.basics.errors import InputError
from vgg_lib.cli import main
from vgg_lib.evidence import cluster as module
from vgg_lib.evidence import cluster_worker
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.cluster import ClusterQueue
from vgg_lib.evidence.reporting import StudyLine
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.studies import STUDIES, Study
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.runs import make_run

SOURCE = tiny()
WARM = tiny("B", warm_start=SOURCE.key)

#: Seconds after which something hangs, on the slowest of machines.
PATIENCE = 300

start = partial(LocalCluster, host="127.0.0.1", dashboard_address="127.0.0.1:0")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home of those who started the workers."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def cluster(home):
    """Two workers of one thread each, without Imagenette."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(home).items():
            patch.setenv(name, value)
        patch.delenv("VGG_LIB_DATA", raising=False)
        with start(n_workers=2, threads_per_worker=1, processes=True) as two:
            yield two


@pytest.fixture
def queue_of(cluster, tmp_path):
    """``queue_of(run, …)`` trains these runs on the cluster."""

    def make(*runs, ask=None, measures=(), **choices):
        ask = ask or (lambda known, seeds: iter(runs))
        study = Study("those", "?", ask, 1, lambda run: Wanted(measures=measures))
        where = {"scheduler": cluster.scheduler_address, "folder": tmp_path / "shared"}
        agenda = Agenda(study, Store(tmp_path / "records.jsonl"), Workshop(tmp_path / "runs"))
        return ClusterQueue(agenda, **where | choices)

    return make


def kill_worker_of(run, cluster, folder):
    """Kill the process that trains ``run``, as soon as it has saved a state."""
    until(Workshop(folder).checkpoint(run).exists, PATIENCE)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        [worker] = [w for w, tasks in client.processing().items() if any(task.startswith(run.key) for task in tasks)]
        os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)


def reported(cluster, run):
    """The shares of a run's steps that workers reported, as they came."""
    events = cluster.scheduler.get_events()
    messages = [said for topic in events if topic.startswith("vgg_lib ") for _, said in events[topic]]
    return [share for key, share in messages if key == run.key]


def test_a_worker_killed_in_the_middle_of_a_run_costs_nothing_but_its_time(cluster, queue_of, tmp_path):
    def ask(known, seeds):
        yield from (LONG, SOURCE, DIVERGING, FAILING)
        if SOURCE.key in known:
            yield WARM

    queue = queue_of(ask=ask)
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_worker_of, LONG, cluster, queue.folder)
        queue.run()
        killing.result()
    found = {record.run: record for record in queue.agenda.store}
    assert len(list(queue.agenda.store)) == 5
    assert {run: record.outcome for run, record in found.items()} == {
        LONG: "finished",
        SOURCE: "finished",
        WARM: "finished",
        DIVERGING: "diverged",
        FAILING: "failed",
    }
    assert "leaves conv1_1 without channels" in found[FAILING].reason
    shares = reported(cluster, LONG)
    assert shares.count(min(shares)) == 1, "it began once, and went on from its checkpoint"

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        undisturbed = {run: queue.agenda.workshop.attempt(run) for run in (LONG, WARM)}
    finally:
        torch.set_num_threads(threads)
    for run, record in undisturbed.items():
        assert found[run].losses == record.losses
        assert found[run].evaluations[0].predictions == record.evaluations[0].predictions

    left = {path.suffix for path in queue.folder.iterdir() if run_of_name(path) != FAILING.key}
    assert left == {".lock", ".safetensors"}  # the weights that WARM started from
    assert not queue.agenda.workshop.is_being_trained(LONG)


def run_of_name(path: Path) -> str:
    return path.name.split(".")[0]


def test_a_run_that_kills_its_workers_is_recorded_as_failed(cluster, queue_of, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    run = tiny(epochs=5000)
    queue = queue_of(run)
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_worker_of, run, cluster, queue.folder)
        queue.run()
        killing.result()
    [record] = queue.agenda.store
    assert record.outcome == "failed"
    assert "its worker died 1 times, last tcp://127.0.0.1:" in record.reason


def test_a_queue_that_is_stopped_stops_its_workers(cluster, queue_of, monkeypatch):
    run = tiny(epochs=5000)
    queue = queue_of(run)

    def stop(*_):
        if reported(cluster, run):
            raise KeyboardInterrupt

    monkeypatch.setattr(StudyLine, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        queue.run()
    with FileLock(queue.folder / f"{run.key}.worker.lock", timeout=PATIENCE):  # long before 5000 epochs are done
        assert not list(queue.agenda.store)
    assert not queue.agenda.workshop.is_being_trained(run)


def test_photographs_that_a_worker_does_not_have_are_said_so(queue_of, tmp_path):
    says = (
        r"worker tcp://127\.0\.0\.1:\d+ on .*: the data folder is .*, which does not hold imagenette2-160/.*each worker"
    )
    with pytest.raises(InputError, match=says):
        queue_of(make_run("A", "laptop"), root=tmp_path).run()


def test_data_to_measure_on_that_a_worker_does_not_have_is_said_so(queue_of, tmp_path):
    queue = queue_of(SOURCE, measures=("transfer",), root=tmp_path)
    with pytest.raises(InputError, match=r"worker tcp://.*: transfer is measured on .*, which is not there"):
        queue.run()
    assert not queue.agenda.store.path.exists()


@pytest.mark.filterwarnings("ignore::vgg_lib.basics.errors.InputWarning")
def test_a_part_of_the_photographs_is_refused_unless_it_is_meant(queue_of, fake_imagenette):
    run, root = make_run("A", "quick", data="imagenette", width=1 / 16, epochs=1), fake_imagenette()
    queue = queue_of(run, root=root)
    with pytest.raises(InputError, match=r"worker tcp://.* 20 photographs instead of 9,469 .* say --other-photographs"):
        queue.run()
    assert not queue.agenda.store.path.exists()
    queue.agenda.other_photographs = True
    queue.run()
    [record] = queue.agenda.store
    assert (record.outcome, record.of_other_photographs) == ("finished", True)


def test_a_folder_that_a_worker_cannot_write_to_is_said_so(queue_of, tmp_path):
    (tmp_path / "shared").write_text("a file")
    with pytest.raises(InputError, match=r"worker tcp://.*/shared cannot be used .*: choose another folder"):
        queue_of(SOURCE).run()


def test_workers_of_another_version_are_refused(queue_of, monkeypatch):
    monkeypatch.setattr(cluster_worker, "__version__", "0.0.1")
    with pytest.raises(InputError, match=r"worker tcp://.* has vgg_lib .*, and here is vgg_lib 0\.0\.1 with PyTorch"):
        queue_of(SOURCE).run()


def test_a_scheduler_that_goes_away_ends_the_queue(queue_of, capsys):
    with ThreadPoolExecutor() as pool, start(n_workers=0) as nobody:
        queue = queue_of(SOURCE, scheduler=nobody.scheduler_address)
        waiting = pool.submit(queue.run)
        until(lambda: queue._waits, PATIENCE)
        nobody.close()
        with pytest.raises(InputError, match=r"the Dask scheduler at tcp://.* is gone .*: start it again, then this"):
            waiting.result()
    assert f"there are no workers: start some with `dask worker {nobody.scheduler_address}`" in capsys.readouterr().err


def test_a_scheduler_that_is_not_there_is_said_so(queue_of, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 .*: start one with"):
        queue_of(SOURCE, scheduler="tcp://127.0.0.1:1").run()


def test_without_dask_it_says_what_to_install(queue_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"a cluster needs Dask .*: pip install 'vgg-lib\[cluster\]'"):
        queue_of(SOURCE).run()


def test_checkpoints_and_results_do_not_share_a_folder(queue_of, tmp_path):
    with pytest.raises(InputError, match=r"folder .*/runs is where the queue saves what comes back"):
        queue_of(SOURCE, folder=tmp_path / "runs")


def test_folders_of_a_cluster_may_be_in_the_home_folder(agenda_of, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    queue = ClusterQueue(agenda_of(SOURCE), "tcp://127.0.0.1:1", folder=Path("~/shared"), root=Path("~/data"))
    assert (queue.folder, queue.root) == (tmp_path / "shared", tmp_path / "data")
    with pytest.raises(InputError, match="is where the queue saves what comes back"):
        ClusterQueue(agenda_of(SOURCE), "tcp://127.0.0.1:1", folder=Path("~/runs"))


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """``command("run", …)`` is the command line: its exit code, and what it said."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(STUDIES, "tiny", Study("tiny", "?", lambda known, seeds: iter([SOURCE]), 1))

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["vgg-lib", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code or 0, *capsys.readouterr()

    return run


def test_the_command_trains_a_study_on_a_cluster_and_shows_how_far_it_is(cluster, command, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    code, out, err = command("run", "tiny", "--scheduler", cluster.scheduler_address)
    assert code == 0
    assert "tiny: 1 done (0 diverged), 0 running, 0 failed, 0 to do" in out
    assert "tiny:   0%" in err and "tiny: 100%" in err and "1 of 1 runs" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "--workers 2 is for this machine"),
        (["--folder", "shared"], "--folder shared is for a cluster: name its --scheduler"),
    ],
)
def test_choices_of_a_machine_and_of_a_cluster_are_not_mixed(command, words, says):
    code, _, err = command("run", "tiny", *words)
    assert code == 2
    assert says in err
