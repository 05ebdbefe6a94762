"""A recorded run, done again from its key."""

import dataclasses

import pytest

from vgg_lib.basics.errors import InputError, InputWarning
from vgg_lib.evidence import redoing, store
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.runs import make_run

SHORT = {"epochs": 1, "width": 1 / 16}


@pytest.fixture
def records(tmp_path, monkeypatch):
    """A study whose records come with the library."""
    monkeypatch.setattr(store, "_records", lambda: tmp_path)
    return Store(tmp_path / "those.jsonl")


def test_the_command_trains_a_recorded_run_again_and_compares(records, tmp_path, vgg_lib):
    run = make_run("A", "quick", seed=5, **SHORT)
    recorded = Workshop(tmp_path / "there").do(run, records)
    said = vgg_lib("redo", run.key, "--store", tmp_path / "redone.jsonl")
    assert said.code == 0
    assert "took " in said.out and " seconds where it was recorded" in said.out
    count = len(recorded.evaluations[0].targets)
    assert f"the same run is recorded with {recorded.error:.1f} %: it answers {count:,} of {count:,} images" in said.out
    [redone] = Store(tmp_path / "redone.jsonl")
    assert (redone.key, redone.losses) == (run.key, recorded.losses)
    assert len(list(records)) == 1


def test_a_net_that_it_starts_from_is_trained_first(records, tmp_path):
    source = make_run("A", "quick", **SHORT)
    run = dataclasses.replace(make_run("B", "quick", **SHORT), warm_start=source.key)
    there, here = Workshop(tmp_path / "there"), Workshop(tmp_path / "here")
    recorded = [there.do(one, records) for one in (source, run)]
    redone = redoing.redo(run.key, here, Store(tmp_path / "redone.jsonl"))
    assert redone.losses == recorded[1].losses
    assert [record.key for record in Store(tmp_path / "redone.jsonl")] == [source.key, run.key]
    redoing.redo(run.key, here, Store(tmp_path / "redone.jsonl"))
    assert len(list(Store(tmp_path / "redone.jsonl"))) == 3, "its weights are there the second time"


def test_what_cannot_be_measured_here_is_left_out_with_a_word(monkeypatch):
    def missing(root):
        raise InputError("there are no such pictures")

    [name, other] = list(MEASURES)[:2]
    monkeypatch.setitem(MEASURES, name, dataclasses.replace(MEASURES[name], check=missing))
    monkeypatch.setitem(MEASURES, other, dataclasses.replace(MEASURES[other], check=lambda root: None))
    with pytest.warns(InputWarning, match="left out: there are no such pictures"):
        assert redoing._possible(Wanted(measures=(name, other)), None) == Wanted(measures=(other,))


def test_a_run_of_the_evidence_is_measured_as_its_study_does():
    record, wanted = redoing.recorded_run(next(iter(store.recorded("evidence"))).key)
    assert isinstance(record, Record)
    assert {test.protocol for test in wanted.tests} <= {e.protocol for e in record.evaluations}
    assert wanted.tests and set(wanted.measures) <= set(record.measurements)


def test_a_key_that_is_not_recorded_is_named(vgg_lib):
    said = vgg_lib("redo", "0123456789abcdef")
    assert said.code == 2 and "no run of key '0123456789abcdef' is recorded" in said.err
