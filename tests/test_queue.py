"""The queue: nothing is done twice or lost, whatever is killed."""

import dataclasses
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from multiprocessing import get_context

import pytest
import torch
from helpers import tiny as tiny_study
from helpers.agendas import agenda_in
from helpers.command_line import environment
from helpers.processes import nursery, until
from helpers.records import a_record
from helpers.tiny import DIVERGING, FAILING, LONG, tiny

from vgg_lib.basics.errors import InputError
from vgg_lib.cli import main
from vgg_lib.evidence import queue
from vgg_lib.evidence.queue import Queue
from vgg_lib.evidence.queue_worker import Order, work
from vgg_lib.evidence.reporting import StudyLine
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import Wanted, failed
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.runs import make_run

RUN = tiny()
WARM = tiny("B", warm_start=RUN.key)


@pytest.fixture
def quick_workers(monkeypatch):
    """Workers that start at once."""
    monkeypatch.setattr(queue, "_SPAWN", nursery())
    monkeypatch.setattr(queue, "LOOK_AGAIN", 0.1)
    monkeypatch.setattr(queue.machine, "cores", lambda: 1)  # one thread each: several would wait for each other


def outcomes(store):
    return sorted((record.key, record.outcome) for record in store)


def run_queue(folder, said, runs, largest_file=resource.RLIM_INFINITY):
    """What a process does that is a queue, with the disk full for larger files; without a word it ended well."""
    queue._SPAWN = get_context("fork")
    queue.LOOK_AGAIN = 0.1
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    try:
        Queue(agenda_in(folder, *runs), workers=2).run()
    except InputError as error:
        said.send(str(error))


def queue_process(*arguments):
    """A process that is a queue, and the pipe in which it says what went wrong."""
    ours, theirs = nursery().Pipe(duplex=False)
    process = nursery().Process(target=run_queue, args=(arguments[0], theirs, *arguments[1:]))
    process.start()
    theirs.close()
    return process, ours


def test_two_queues_do_each_run_once(tmp_path, store, workshop):
    runs = [WARM, RUN, DIVERGING, FAILING, tiny(seed=1)]
    processes = [queue_process(tmp_path, runs)[0] for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(store)) == len(runs)
    found = [store.find(run).outcome for run in runs]
    assert found == ["finished", "finished", "diverged", "failed", "finished"]
    assert not list(workshop.folder.glob("*.checkpoint"))
    assert "leaves conv1_1 without channels" in store.find(FAILING).reason
    assert "the loss became" in store.find(DIVERGING).reason


def test_a_full_disk_ends_the_queue_and_loses_nothing(tmp_path, store):
    process, said = queue_process(tmp_path, [RUN], 20_000)  # too little for a state
    assert "cannot be written" in said.recv()
    process.join()
    assert not store.path.exists()
    process, _ = queue_process(tmp_path, [RUN])
    process.join()
    assert outcomes(store) == [(RUN.key, "finished")]


@pytest.fixture
def killing():
    """``killing(run, times, when)`` kills the run's worker so many times, each as soon as ``when()``."""
    threads = []

    def kill(run, times, when):
        for _ in range(times):
            worker = until(lambda: next((p for p in multiprocessing.active_children() if p.name == run.key), None))
            until(when)
            worker.kill()
            until(lambda worker=worker: worker not in multiprocessing.active_children())

    def start(*arguments):
        threads.append(threading.Thread(target=kill, args=arguments))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_a_run_whose_worker_is_killed_goes_on(agenda_of, store, workshop, quick_workers, killing, monkeypatch):
    run, shares = tiny(epochs=4), defaultdict(list)
    receive = queue._Job.receive

    def overhear(job):
        receive(job)
        shares[job.process.pid].append(job.share)

    monkeypatch.setattr(queue._Job, "receive", overhear)
    killing(run, 1, workshop.checkpoint(run).exists)
    Queue(agenda_of(run), workers=1).run()
    assert outcomes(store) == [(run.key, "finished")]
    assert len(store.find(run).losses) == 4
    first, second = (list(filter(None, some)) for some in shares.values())
    assert min(first) < 1 / 4 < min(second)  # it did not begin again


def test_a_run_whose_worker_dies_again_and_again_has_failed_and_the_others_are_trained(
    agenda_of, store, quick_workers, killing
):
    killing(LONG, queue.DEATHS, lambda: True)
    Queue(agenda_of(LONG, RUN), workers=1).run()
    assert outcomes(store) == sorted([(LONG.key, "failed"), (RUN.key, "finished")])
    assert store.find(LONG).reason.startswith("its process ended 3 times, last with exit code -9")


def test_the_command_killed_and_given_again_does_nothing_twice(tmp_path, monkeypatch, capsys):
    store = tmp_path / "records.jsonl"
    words = ["run", "tiny", "--workers", "2", "--store", str(store)]
    workshop = Workshop(tmp_path / "vgg_lib" / "runs")
    with (tmp_path / "said").open("w") as said:
        command = [sys.executable, tiny_study.__file__, *words]
        process = subprocess.Popen(command, env=environment(tmp_path) | {"TQDM_DISABLE": ""}, stderr=said)
        until(workshop.checkpoint(LONG).exists)
        assert workshop.is_being_trained(LONG)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        until(lambda: not workshop.is_being_trained(LONG))  # its worker ended with it
    assert Store(store).find(LONG) is None
    assert 0 < workshop.share_done(LONG) < 1
    lines = (tmp_path / "said").read_text()
    assert "tiny:   0%" in lines and str(LONG) in lines

    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(queue, "_SPAWN", nursery())
    monkeypatch.setattr(sys, "argv", ["vgg-lib", *words])
    with pytest.raises(SystemExit):
        main()
    assert outcomes(Store(store)) == sorted(
        [(LONG.key, "finished"), (DIVERGING.key, "diverged"), (FAILING.key, "failed")]
    )
    out = capsys.readouterr().out
    assert "tiny: 2 done (1 diverged), 0 running, 1 failed, 0 to do; hours left on 2 workers: 0.0" in out
    assert f"failed: {FAILING}: InputError: width 0.0009765625 leaves conv1_1 without channels" in out
    monkeypatch.setattr(sys, "argv", ["vgg-lib", "status", "tiny", "--workers", "2", "--store", str(store)])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == out


def run_command(folder, words, said):
    """What a process does that is the command line."""
    os.environ.update(environment(folder))
    queue._SPAWN = get_context("fork")
    sys.argv = ["vgg-lib", *words]
    with said.open("w") as sys.stderr:
        main()


def test_a_command_that_is_told_to_end_ends_its_workers_first(tmp_path):
    workshop, said = Workshop(tmp_path / "vgg_lib" / "runs"), tmp_path / "said"
    process = nursery().Process(target=run_command, args=(tmp_path, ["run", "tiny", "--workers", "1"], said))
    process.start()
    until(workshop.checkpoint(LONG).exists)
    process.terminate()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    assert not workshop.is_being_trained(LONG)
    assert 0 < workshop.share_done(LONG) < 1
    assert "stopped: what was being trained goes on from its checkpoint next time" in said.read_text()


def test_a_worker_that_is_stopped_for_a_while_is_not_dead(agenda_of, store, workshop, quick_workers, monkeypatch):
    drawn, workers = [], set()
    draw = StudyLine.draw

    def watch(line, shares):
        drawn.append(shares)
        workers.update(process.pid for process in multiprocessing.active_children() if process.name == LONG.key)
        draw(line, shares)

    monkeypatch.setattr(queue, "DRAW_AGAIN", 0.01)
    monkeypatch.setattr(StudyLine, "draw", watch)

    def stop_for_a_while():
        until(workshop.checkpoint(LONG).exists)
        [worker] = workers
        os.kill(worker, signal.SIGSTOP)
        before = len(drawn)
        until(lambda: len(drawn) > before + 50)  # the queue goes on without a word from it
        os.kill(worker, signal.SIGCONT)

    stopping = threading.Thread(target=stop_for_a_while)
    stopping.start()
    Queue(agenda_of(LONG), workers=1).run()
    stopping.join()
    assert outcomes(store) == [(LONG.key, "finished")] and len(workers) == 1


def test_a_queue_that_is_stopped_for_a_while_goes_on(tmp_path, store, workshop):
    runs = [RUN, tiny(seed=1), tiny(seed=2)]
    process, _ = queue_process(tmp_path, runs)
    until(workshop.checkpoint(RUN).exists)
    os.kill(process.pid, signal.SIGSTOP)
    until(lambda: len(list(store)) == 2)  # its two workers go on to the end
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0
    assert outcomes(store) == sorted((run.key, "finished") for run in runs)


def test_a_failed_run_is_trained_again_where_that_is_wanted(agenda_of, store, quick_workers):
    store.add(failed(FAILING, "no memory"))
    store.add(failed(RUN, "no memory"))
    Queue(agenda_of(FAILING, RUN), workers=1).run()
    assert len(list(store)) == 2
    Queue(agenda_of(FAILING, RUN, again=True), workers=1).run()
    assert [record.outcome for record in store] == ["failed", "failed", "failed", "finished"]


@pytest.mark.parametrize("outcome", ["finished", "diverged", "failed"])
def test_a_run_that_another_queue_has_done_meanwhile_is_not_trained(store, workshop, outcome):
    store.add(a_record(RUN, outcome=outcome))
    workshop.folder.mkdir()
    if outcome != "failed":
        workshop.weights(RUN.key).touch()
    ours, theirs = nursery().Pipe(duplex=False)
    order = Order(
        *(RUN, workshop, store),
        root=None,
        threads=1,
        again=False,
        other_photographs=False,
        for_weights=True,
        wanted=Wanted(),
    )
    process = nursery().Process(target=work, args=(order, theirs))
    process.start()
    assert ours.recv() == ("failed" if outcome == "failed" else "done")
    process.join()
    assert outcomes(store) == [(RUN.key, outcome)]


def test_a_run_that_another_queue_trains_is_waited_for(agenda_of, store, workshop, monkeypatch):
    lock = ExitStack()
    lock.enter_context(workshop.lock(RUN))

    def the_other_queue_goes_on(_):
        store.add(a_record(RUN))
        lock.close()

    monkeypatch.setattr(queue, "_SPAWN", None)  # no worker is started to find that out
    monkeypatch.setattr(queue, "LOOK_AGAIN", 0)
    monkeypatch.setattr(time, "sleep", the_other_queue_goes_on)
    Queue(agenda_of(RUN)).run()
    assert outcomes(store) == [(RUN.key, "finished")]


def test_a_warm_start_trains_its_source_again_where_the_weights_are_gone(agenda_of, store, quick_workers, workshop):
    store.add(a_record(RUN))
    Queue(agenda_of(WARM), workers=1).run()
    assert outcomes(store) == sorted([(RUN.key, "finished"), (WARM.key, "finished")])
    assert workshop.weights(RUN.key).exists()


def test_of_a_chain_whose_weights_are_all_gone_each_is_trained_again(agenda_of, store, quick_workers, workshop):
    last = dataclasses.replace(WARM, seed=1, warm_start=WARM.key, warm_layers="all")
    store.add(a_record(RUN))
    store.add(a_record(WARM))
    Queue(agenda_of(RUN, WARM, last), workers=1).run()
    assert outcomes(store) == sorted((run.key, "finished") for run in (RUN, WARM, last))
    assert all(workshop.weights(run.key).exists() for run in (RUN, WARM, last))


def test_a_warm_start_whose_source_failed_has_failed(agenda_of, store, quick_workers):
    warm = tiny("B", warm_start=FAILING.key)
    Queue(agenda_of(warm, FAILING), workers=1).run()
    assert outcomes(store) == sorted([(FAILING.key, "failed"), (warm.key, "failed")])
    assert "there is no file of weights" in store.find(warm).reason


def test_a_source_that_cannot_be_trained_again_is_not_tried_for_ever(agenda_of, store, quick_workers):
    warm = tiny("B", warm_start=FAILING.key)
    store.add(a_record(FAILING))  # it could, on another machine
    Queue(agenda_of(warm), workers=1).run()
    assert outcomes(store) == sorted([(FAILING.key, "finished"), (warm.key, "failed")])


def test_without_photographs_no_run_is_tried(agenda_of, store, cache, tmp_path):
    with pytest.raises(InputError, match="does not hold imagenette2-160/"):
        Queue(agenda_of(make_run("A", "laptop")), root=tmp_path).run()
    assert not store.path.exists()


def test_of_a_net_that_is_trained_for_its_weights_alone_nothing_is_measured(
    agenda_of, store, cache, quick_workers, workshop
):
    store.add(a_record(RUN))
    asked = agenda_of(WARM)
    measured = {RUN: Wanted(measures=("transfer",)), WARM: Wanted()}  # whose pictures are not there
    asked.study = dataclasses.replace(asked.study, wanted=measured.__getitem__)
    Queue(asked, workers=1).run()
    assert outcomes(store) == sorted([(RUN.key, "finished"), (WARM.key, "finished")])
    assert workshop.weights(RUN.key).exists()


def test_what_a_warm_start_is_measured_on_is_looked_for_before_its_source_is_trained(agenda_of, store, cache, workshop):
    store.add(a_record(RUN))
    asked = agenda_of(WARM)
    measured = {RUN: Wanted(), WARM: Wanted(measures=("transfer",))}
    asked.study = dataclasses.replace(asked.study, wanted=measured.__getitem__)
    with pytest.raises(InputError, match=r"transfer is measured on .*, which is not there"):
        Queue(asked, workers=1).run()
    assert not workshop.weights(RUN.key).exists()


def test_without_the_data_that_is_measured_on_no_run_is_tried(agenda_of, store, cache, monkeypatch):
    asked = agenda_of(RUN, tiny(seed=1))
    asked.study = dataclasses.replace(asked.study, wanted=lambda run: Wanted(measures=("transfer",)))
    monkeypatch.setattr(queue, "_SPAWN", None)  # no worker is started to find that out
    with pytest.raises(
        InputError, match=r"transfer is measured on .*cifar10-small, which is not there: put CIFAR-10's"
    ):
        Queue(asked).run()
    assert not store.path.exists()


ON_FILES = make_run("A", "quick", data="imagenette", width=1 / 16, epochs=1)


@pytest.fixture
def a_part(fake_imagenette):
    """A folder with a part of Imagenette, whose other part is missing."""
    root = fake_imagenette(per_class=3)
    for path in (root / "imagenette2-160").glob("*/*/*_1.JPEG"):
        path.unlink()
    return root


@pytest.mark.filterwarnings("ignore::vgg_lib.basics.errors.InputWarning")
def test_a_study_refuses_other_photographs_unless_they_are_meant(agenda_of, store, a_part, quick_workers):
    with pytest.raises(InputError, match=r"20 photographs instead of 30 .* or say --other-photographs"):
        Queue(agenda_of(ON_FILES), workers=1, root=a_part).run()
    assert not store.path.exists()
    for _ in range(2):
        Queue(agenda_of(ON_FILES, other_photographs=True), workers=1, root=a_part).run()
    [record] = store
    assert (record.outcome, record.of_other_photographs) == ("finished", True)


def test_what_was_trained_on_other_photographs_is_not_done(agenda_of, store, quick_workers, workshop):
    store.add(a_record(RUN, data={"train": "ab", "train differs": "20 photographs instead of 30"}))
    assert agenda_of(RUN).status(1).to_do == 1
    assert agenda_of(RUN, other_photographs=True).status(1).done == 1
    Queue(agenda_of(RUN), workers=1).run()
    assert [record.of_other_photographs for record in store] == [True, False]


def test_what_was_tested_alone_is_trained(agenda_of, store, quick_workers):
    store.add(a_record(RUN, losses=()))
    Queue(agenda_of(RUN), workers=1).run()
    assert [record.of_tests_alone for record in store] == [True, False]


def test_a_queue_is_not_shared_by_torchrun(agenda_of, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="torchrun started 2 queues as one: start it alone"):
        Queue(agenda_of(RUN)).run()


def test_a_number_of_processes_that_is_none_is_named(agenda_of, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "abc")
    with pytest.raises(InputError, match=r"the variable WORLD_SIZE is 'abc', .*: unset it"):
        Queue(agenda_of(RUN)).run()


def test_a_folder_that_cannot_be_worked_in_is_named(agenda_of, workshop):
    workshop.folder.write_text("no folder")
    with pytest.raises(InputError, match=r"runs cannot be used .*: make it a folder"):
        Queue(agenda_of(RUN)).run()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "none"], "unknown study 'none': choose from pilot"),
        (["run", "pilot", "--workers", "-1"], "workers is -1: choose 1 or more, or 0"),
        (["run", "pilot", "--seeds", "0"], "seeds is 0: choose 1 or more"),
        (["status", "pilot", "--seeds", "-2"], "seeds is -2: choose 1 or more"),
    ],
)
def test_what_cannot_be_queued_is_refused(tmp_path, monkeypatch, capsys, words, message):
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["vgg-lib", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_workers_share_the_cores(agenda_of, monkeypatch):
    monkeypatch.setattr(queue.machine, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    shared = [(q.workers, q.threads) for q in (Queue(agenda_of(), n) for n in (0, 2, 16))]
    assert shared == [(8, 1), (2, 4), (16, 1)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Queue(agenda_of()).workers == 1
