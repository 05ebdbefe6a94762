"""From a run to its record: trained once at a time, nothing lost, nothing left half done."""

import errno
import os
import threading

import pytest
import torch
from filelock import FileLock
from helpers.records import a_record
from helpers.tiny import DIVERGING, FAILING, LONG, tiny

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import testing
from vgg_lib.evidence import workshop as evidence_workshop
from vgg_lib.evidence.origin import origin
from vgg_lib.evidence.testing import Wanted, failed
from vgg_lib.evidence.workshop import BusyError
from vgg_lib.training.checkpoints import load_state, save_state
from vgg_lib.training.loop import train

RUN = tiny()


def test_a_run_that_another_process_trains_is_left_alone(workshop, store):
    with workshop.lock(RUN), pytest.raises(BusyError, match=f"run {RUN.key} is being trained by another process"):
        workshop.do(RUN, store)
    assert not store.path.exists()


def test_who_only_looks_whether_a_run_is_trained_keeps_nobody_from_training_it(workshop, monkeypatch):
    monkeypatch.setattr(evidence_workshop, "PATIENCE", 60)  # of a machine so busy that the look takes long
    with workshop.lock(RUN):
        pass
    look = FileLock(workshop.folder / f"{RUN.key}.lock", thread_local=False)
    look.acquire()
    threading.Timer(0.1, look.release).start()
    with workshop.lock(RUN):
        assert workshop.is_being_trained(RUN)  # at once: it waits for nobody


def test_what_is_wanted_of_a_net_stands_in_its_record(workshop, store):
    record = workshop.do(RUN, store, wanted=Wanted((testing.Test(Protocol((40,))),)))
    assert [evaluation.protocol for evaluation in record.evaluations] == [RUN.protocol, Protocol((40,))]
    assert list(store) == [record]


@pytest.mark.parametrize("attended", [False, True])
def test_data_that_is_not_there_to_measure_on_is_not_the_runs_fault(workshop, store, cache, attended):
    with pytest.raises(InputError, match=r"cifar10-small, which is not there: put CIFAR-10's pictures there"):
        workshop.do(RUN, store, wanted=Wanted(measures=("transfer",)), attended=attended)
    assert not store.path.exists() and not workshop.weights(RUN.key).exists()


def test_a_record_that_is_enough_is_all_that_is_done(workshop, store):
    store.add(a_record(RUN))
    assert workshop.do(RUN, store, enough=lambda record: record.outcome == "finished") == a_record(RUN)
    assert not workshop.weights(RUN.key).exists()


@pytest.mark.parametrize(("anew", "records"), [(False, 1), (True, 2)])
def test_a_run_trained_again_for_its_weights_gets_no_second_record(workshop, store, anew, records):
    store.add(a_record(RUN))
    workshop.do(RUN, store, enough=None if anew else lambda record: False)
    assert workshop.weights(RUN.key).exists()
    assert len(list(store)) == records


def test_a_training_is_recorded_beside_tests_of_its_weights(workshop, store):
    store.add(a_record(RUN, losses=(), measurements={"transfer": 40.0}))
    workshop.finish(a_record(RUN), store)
    found = store.find(RUN)
    assert not found.of_tests_alone and found.measurements == {"transfer": 40.0}


def test_a_failure_is_recorded_unless_somebody_waits_for_it(workshop, store):
    with pytest.raises(InputError, match="leaves conv1_1 without channels"):
        workshop.do(FAILING, store, attended=True)
    assert not store.path.exists()
    assert workshop.do(FAILING, store).outcome == "failed"
    assert "leaves conv1_1 without channels" in store.find(FAILING).reason


def test_weights_go_where_they_are_wanted_but_not_those_that_diverged(workshop, store, tmp_path):
    mine = tmp_path / "mine.safetensors"
    workshop.do(DIVERGING, store, weights=mine)
    assert not mine.exists()
    workshop.do(DIVERGING, store)
    assert workshop.weights(DIVERGING.key).exists()  # a warm start from them diverges too, and says so
    workshop.do(RUN, store, weights=mine)
    assert mine.exists() and not workshop.weights(RUN.key).exists()


@pytest.fixture
def fresh_origin(monkeypatch):
    """``fresh_origin(commit)`` is as if that were checked out now; it begins with none that is known."""
    origin.cache_clear()
    yield lambda commit: monkeypatch.setattr("vgg_lib.evidence.origin._commit", lambda root: commit)
    origin.cache_clear()


def test_a_record_names_the_code_that_its_training_began_with(workshop, fresh_origin):
    fresh_origin("before")
    record = workshop.attempt(RUN, watch=lambda *step: fresh_origin("pulled since"), progress=False)
    assert record.origin.commit == "before"


@pytest.mark.parametrize(("before", "says"), [("other", "other+{}"), (None, "{}"), ("the same", "{}")])
def test_a_training_that_goes_on_on_another_engine_says_so(workshop, before, says):
    here = origin().engine
    checkpoint, names = workshop.checkpoint(RUN), {"the same": here}
    train(RUN, max_steps=1, checkpoint=checkpoint, engine=names.get(before, before), progress=False)
    if before is None:  # as an older version wrote it
        state = load_state(checkpoint)
        del state["trained"]["engines"]
        save_state(checkpoint, state)
    assert workshop.attempt(RUN, progress=False).origin.engine == says.format(here)


def test_a_damaged_checkpoint_begins_again_and_what_was_half_written_goes(workshop):
    checkpoint = workshop.checkpoint(RUN)
    train(RUN, max_steps=1, checkpoint=checkpoint, progress=False)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    half, others = (workshop.folder / f".{key}.checkpoint.1.part" for key in (RUN.key, LONG.key))
    half.touch()
    others.touch()
    steps = []
    record = workshop.attempt(RUN, watch=lambda done, *_: steps.append(done))
    assert (record.outcome, steps[0]) == ("finished", 1)
    assert others.exists() and not half.exists()
    assert workshop.weights(RUN.key).exists()


def test_a_checkpoint_that_cannot_be_read_is_kept(workshop, store, monkeypatch):
    checkpoint = workshop.checkpoint(RUN)
    train(RUN, max_steps=1, checkpoint=checkpoint, progress=False)
    before = checkpoint.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(type(checkpoint), "read_bytes", _not_now)
        with pytest.raises(InputError, match=r"checkpoint .* cannot be read \(Input/output error\)"):
            workshop.do(RUN, store)
    assert checkpoint.read_bytes() == before and not store.path.exists()


@pytest.mark.parametrize("times", [0, 1])
def test_a_whole_checkpoint_that_cannot_be_loaded_is_kept(workshop, store, monkeypatch, times):
    """Where memory runs out when it is looked at first, or when the training goes on from it."""
    checkpoint, loads = workshop.checkpoint(RUN), []
    train(RUN, max_steps=1, checkpoint=checkpoint, progress=False)
    before, load = checkpoint.read_bytes(), torch.load

    def no_memory(*given, **choices):
        loads.append(given)
        if len(loads) > times:
            raise RuntimeError("can't allocate memory")
        return load(*given, **choices)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", no_memory)
        with pytest.raises(InputError, match=r"checkpoint .* is whole .* \(can't allocate memory\): free some memory"):
            workshop.do(RUN, store)
    assert checkpoint.read_bytes() == before and not store.path.exists()


def _not_now(path):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


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
