"""The queue: nothing is done twice or lost, whatever is killed."""

import dataclasses
import multiprocessing
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from processes import nursery, until
from test_cli import environment
from test_runs import a_record
from tiny import DIVERGING, FAILING, LONG, tiny

from vgg_lib.basics.errors import InputError
from vgg_lib.cli import main
from vgg_lib.evidence import queue
from vgg_lib.evidence.agenda import Agenda, Status, cost
from vgg_lib.evidence.queue import Order, Queue
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.studies import Study
from vgg_lib.evidence.testing import failed
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.checkpoints import load_state
from vgg_lib.training.loop import train
from vgg_lib.training.runs import make_run

RUN = tiny()
WARM = tiny("B", warm_start=RUN.key)


def agenda_in(folder, *runs, keep_weights=lambda run: True, **choices):
    """The agenda of a study of these runs, in this folder."""
    study = Study("those", "?", lambda known, seeds: iter(runs), 1, keep_weights)
    return Agenda(study, Store(folder / "records.jsonl"), Workshop(folder / "runs"), **choices)


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "runs")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records.jsonl")


@pytest.fixture
def agenda_of(tmp_path):
    """``agenda_of(run, …)`` is the agenda of a study of these runs."""
    return partial(agenda_in, tmp_path)


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
    """A process that is a queue, and the end of a pipe that hears what it says."""
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
    assert "Invalid momentum value: -1.0" in store.find(FAILING).reason
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
    first, second = (list(filter(None, told)) for told in shares.values())
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
        command = [sys.executable, Path(__file__).with_name("tiny.py"), *words]
        process = subprocess.Popen(command, env=environment(tmp_path) | {"TQDM_DISABLE": ""}, stderr=said)
        until(workshop.checkpoint(LONG).exists)
        assert workshop.is_being_trained(LONG)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        until(lambda: not workshop.is_being_trained(LONG))  # its worker ended with it
    assert Store(store).find(LONG) is None
    assert load_state(workshop.checkpoint(LONG))["epoch"] < 8
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
    assert f"failed: {FAILING}: ValueError: Invalid momentum value: -1.0" in out
    monkeypatch.setattr(sys, "argv", ["vgg-lib", "status", "tiny", "--workers", "2", "--store", str(store)])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == out


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
    order = Order(RUN, workshop, store, root=None, threads=1, again=False, for_weights=True)
    process = nursery().Process(target=queue.work, args=(order, theirs))
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


def test_what_is_missing_comes_in_order_and_a_source_before_its_warm_start(agenda_of, store, workshop):
    other = tiny(seed=1)
    those = agenda_of(WARM, LONG, RUN, other, DIVERGING)
    store.add(a_record(other))
    store.add(failed(DIVERGING, "no memory"))
    assert those.missing(store.latest()) == [RUN, LONG]
    store.add(a_record(RUN))
    assert those.missing(store.latest()) == [RUN, LONG]  # its weights are not there
    workshop.folder.mkdir()
    workshop.weights(RUN.key).touch()
    assert those.missing(store.latest()) == [WARM, LONG]
    those.again = True
    assert those.missing(store.latest()) == [WARM, LONG, DIVERGING]


def test_the_status_counts_runs_and_hours(agenda_of, store, workshop):
    runs = [tiny(seed=seed) for seed in range(7)]
    those = agenda_of(*runs)
    assert those.status(workers=2).hours_left is None
    assert not workshop.folder.exists()
    store.add(a_record(runs[0], seconds=1800.0))
    store.add(a_record(runs[1], seconds=5400.0))
    store.add(a_record(runs[2], outcome="diverged", seconds=1.0))
    store.add(failed(runs[3], "no memory"))
    with workshop.lock(runs[4]):
        status = those.status(workers=2)
    assert dataclasses.replace(status, failures=[]) == Status(
        done=3, diverged=1, running=1, failures=[], to_do=2, hours_left=pytest.approx(1.5)
    )  # three of an hour, two at once
    assert [failure.reason for failure in status.failures] == ["no memory"] and status.failed == 1


def test_hours_left_know_that_a_longer_run_takes_longer(agenda_of, store):
    store.add(a_record(RUN, seconds=3600.0))
    assert agenda_of(RUN, tiny(epochs=3)).status(workers=1).hours_left == pytest.approx(3)


def test_a_run_costs_more_the_wider_and_the_longer_it_is():
    assert cost(tiny(epochs=3)) == pytest.approx(3 * cost(RUN))
    assert cost(make_run("D")) > cost(make_run("A")) > 2 * cost(make_run("A", width=1 / 8))


def test_a_damaged_checkpoint_begins_again_and_what_was_half_written_goes(workshop):
    checkpoint = workshop.checkpoint(RUN)
    train(RUN, max_steps=1, checkpoint=checkpoint, progress=False)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    half, others = (workshop.folder / f".{key}.checkpoint.1.part" for key in (RUN.key, LONG.key))
    half.touch()
    others.touch()
    steps = []
    made = workshop.attempt(RUN, watch=lambda done, *_: steps.append(done))
    assert (made.outcome, steps[0]) == ("finished", 1)
    assert others.exists() and not half.exists()
    assert workshop.weights(RUN.key).exists()


@pytest.mark.parametrize("size", [0, 5_000])
def test_a_full_disk_is_not_the_runs_fault(workshop, store, full_disk, size):
    store.add(a_record())
    train(RUN, max_steps=1, checkpoint=workshop.checkpoint(RUN), progress=False)
    before = {path: path.read_bytes() for path in (store.path, workshop.checkpoint(RUN))}
    with full_disk(size), pytest.raises(InputError, match="free some space"):
        workshop.do(RUN, store)
    assert {path: path.read_bytes() for path in before} == before


def test_a_record_that_does_not_fit_leaves_the_checkpoint(workshop, store, full_disk):
    workshop.folder.mkdir()
    workshop.checkpoint(RUN).touch()
    with full_disk(10), pytest.raises(InputError, match="cannot add a record"):
        workshop.finish(a_record(RUN), store)
    assert workshop.checkpoint(RUN).exists() and not store.path.exists()


def test_a_failed_run_keeps_its_checkpoint(workshop, store):
    workshop.folder.mkdir()
    workshop.checkpoint(RUN).touch()
    workshop.finish(failed(RUN, "no memory"), store)
    assert workshop.checkpoint(RUN).exists()
    workshop.finish(a_record(RUN), store)
    assert not workshop.checkpoint(RUN).exists()
    assert [record.outcome for record in store] == ["failed", "finished"]


def test_without_photographs_no_run_is_tried(agenda_of, store, cache, tmp_path):
    with pytest.raises(InputError, match="does not hold imagenette2-160/"):
        Queue(agenda_of(make_run("A", "laptop")), root=tmp_path).run()
    assert not store.path.exists()


def test_a_queue_is_not_shared_by_torchrun(agenda_of, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="torchrun started 2 queues as one: start it alone"):
        Queue(agenda_of(RUN)).run()


def test_a_folder_that_cannot_be_worked_in_is_named(agenda_of, workshop):
    workshop.folder.write_text("no folder")
    with pytest.raises(InputError, match=r"runs cannot be worked in .*: make it a folder"):
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
