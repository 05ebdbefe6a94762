"""Runs and their keys, records and their file."""

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
import torch

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.records import Evaluation, Record
from vgg_lib.evidence.store import Store, recorded
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.presets import PRESETS, Preset
from vgg_lib.training.runs import Run, make_run

RUN = make_run("A", "quick")

#: Another value for every field: one that is added needs a line here.
OTHER_RUN = {
    "network": "B",
    "scale": (36, 72),
    "initialisation": Initialisation("normal", 0.1),
    "batch_norm": True,
    "seed": 1,
    "train_on": "all",
    "warm_start": "0123456789abcdef",
}
OTHER_PRESET = {
    "name": "mine",
    "data": "imagenette",
    "crop": 33,
    "scales": (36,),
    "width": 0.5,
    "epochs": 11,
    "batch_size": 51,
    "learning_rate": 0.03,
    "schedule": "plateau",
    "initialisation": Initialisation("glorot"),
    "size": "320px",
    "squash": 128,
    "momentum": 0.8,
    "weight_decay": 1e-4,
    "dropout": 0.5,
    "input_scale": "paper",
    "colour_shift": True,
    "precision": "float32",
}


def names(kind):
    return [field.name for field in dataclasses.fields(kind)]


def a_record(run=RUN, **choices):
    evaluation = Evaluation(run.protocol, "held-out", {"top1": 25.0}, "0123", "0129")
    return Record(
        **{
            "run": run,
            "outcome": "finished",
            "evaluations": (evaluation,),
            "losses": (2.3, 1.1),
            "seconds": 1.5,
            "memory": None,
            "data": {"train": "ab"},
            "machine": {"device": "cpu", "threads": 2},
            "date": "2014-09-04",
        }
        | choices
    )


@pytest.mark.parametrize("field", [name for name in names(Run) if name != "preset"])
def test_every_field_of_a_run_changes_its_key(field):
    assert dataclasses.replace(RUN, **{field: OTHER_RUN[field]}).key != RUN.key


@pytest.mark.parametrize("field", names(Preset))
def test_every_field_of_a_preset_changes_the_runs_key(field):
    preset = dataclasses.replace(RUN.preset, **{field: OTHER_PRESET[field]})
    assert dataclasses.replace(RUN, preset=preset).key != RUN.key


def test_another_network_of_the_same_name_changes_the_key(monkeypatch):
    monkeypatch.setitem(NETWORKS, "A", NETWORKS["B"])
    assert make_run("A", "quick").key != RUN.key


def test_a_key_is_the_same_in_another_process():
    code = "from vgg_lib.training.runs import make_run; print(make_run('A', 'quick').key)"
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == RUN.key


def test_a_run_takes_the_presets_first_scale_and_initialisation():
    run = make_run("D", "paper")
    assert (run.scale, run.initialisation) == (256, Initialisation("glorot"))


def test_a_choice_goes_to_the_run_or_to_its_preset():
    run = make_run("D", "laptop", seed=7, epochs=3)
    assert (run.seed, run.preset.epochs) == (7, 3)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"network": "F"}, "unknown network 'F': choose from A"),
        ({"preset_name": "huge"}, "unknown preset 'huge': choose from quick, laptop, paper"),
        ({"colour": 1}, "unknown field of a run 'colour': choose from"),
        ({"train_on": "val"}, "unknown part to train on 'val'"),
        ({"scale": 31}, "training scale 31 does not hold the crop of 32 .* choose one of 36, 54"),
        ({"scale": (72, 36)}, r"training scale \(72, 36\)"),
        ({"epochs": 0}, "epochs 0: choose one above 0"),
        ({"learning_rate": -1.0}, "learning_rate -1.0: choose one above 0"),
        ({"schedule": "plateau", "train_on": "all"}, "plateau schedule watches .* choose train_on='nine-tenths'"),
    ],
)
def test_a_run_that_cannot_be_is_refused(choices, says):
    with pytest.raises(InputError, match=says):
        make_run(**{"network": "A", "preset_name": "quick"} | choices)


@pytest.mark.parametrize(("train_on", "test_set"), [("nine-tenths", "held-out"), ("all", "validation")])
def test_only_runs_on_all_of_the_training_set_are_tested_on_validation(train_on, test_set):
    assert make_run("A", "quick", train_on=train_on).test_set == test_set


@pytest.mark.parametrize(("scale", "q"), [(256, 256), (384, 384), ((256, 512), 384)])
def test_a_run_is_tested_at_q_equal_to_s_or_its_middle(scale, q):  # Table 3
    assert make_run("D", "paper", scale=scale).protocol == Protocol((q,), dense=True, grid=None, mirror=True)


@pytest.mark.parametrize("name", PRESETS)
def test_every_scale_of_a_preset_makes_a_run(name):
    assert [make_run("A", name, scale=scale).scale for scale in PRESETS[name].scales] == list(PRESETS[name].scales)


@pytest.mark.parametrize(
    "record",
    [
        a_record(),
        a_record(dataclasses.replace(RUN, **OTHER_RUN)),
        a_record(make_run("D", "paper", scale=(256, 512))),
        a_record(outcome="diverged", reason="the loss became nan", evaluations=()),
    ],
    ids=["plain", "all fields", "paper", "diverged"],
)
def test_a_record_comes_back_from_its_line(record):
    again = Record.from_line(record.to_line())
    assert again == record
    assert again.key == again.run.key


@pytest.mark.parametrize(("outcome", "error"), [("finished", 25.0), ("diverged", 90.0)])
def test_a_diverged_run_counts_as_chance(outcome, error):
    assert a_record(outcome=outcome).error == error


def test_the_confusion_counts_what_it_is_by_what_the_net_says():
    expected = torch.zeros(10, 10, dtype=torch.long)
    expected[[0, 1, 2, 3], [0, 1, 2, 9]] = 1
    assert torch.equal(a_record().evaluations[0].confusion(), expected)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "new" / "records.jsonl")


def test_a_store_gives_back_its_records_in_order(store):
    records = [a_record(make_run("A", "quick", seed=seed)) for seed in range(3)]
    for record in records:
        store.add(record)
    assert list(store) == records


def test_a_store_that_is_not_there_is_empty(store):
    assert list(store) == []
    assert store.find(RUN) is None


def test_a_store_finds_the_last_record_of_a_run(store):
    for seed, seconds in ((0, 1.0), (1, 2.0), (0, 3.0)):
        store.add(a_record(make_run("A", "quick", seed=seed), seconds=seconds))
    assert store.find(RUN).seconds == 3.0


@pytest.mark.parametrize(
    ("second_line", "says"),
    [
        (b"{}\n", "line 2, is not a record"),
        (b"no json\n", "line 2, is not a record"),
        (b"[1, 2]\n", "line 2, is not a record"),
        (b"\xff\xfe\n", "line 2, is not a record"),
        (a_record().to_line().replace('"A"', '"F"').encode(), "line 2, is not a record .*unknown network 'F'"),
    ],
)
def test_a_line_that_is_no_record_is_named(store, second_line, says):
    store.add(a_record())
    with store.path.open("ab") as file:
        file.write(second_line)
    with pytest.raises(InputError, match=rf"records\.jsonl, {says}"):
        list(store)


def test_a_line_that_the_power_cut_off_is_no_record_and_is_replaced_by_the_next(store):
    store.add(a_record())
    whole = store.path.read_bytes()
    store.path.write_bytes(whole + whole[:-5])
    assert list(store) == [a_record()]
    store.add(a_record())
    assert store.path.read_bytes() == whole * 2


def test_a_store_of_nothing_but_a_cut_line_is_empty(store):
    store.path.parent.mkdir()
    store.path.write_bytes(a_record().to_line().encode()[:-1])
    assert list(store) == []
    store.add(a_record())
    assert list(store) == [a_record()]


def add_many(path, first, count):
    for seed in range(first, first + count):
        Store(path).add(a_record(make_run("A", "quick", seed=seed), reason="x" * 20_000))


def test_several_processes_add_without_losing_or_mixing_a_line(store):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(add_many, store.path, count=25), range(0, 100, 25)))
    assert sorted(record.run.seed for record in store) == list(range(100))


def test_a_failed_run_has_no_error_to_tell():
    failed = a_record(outcome="failed", reason="MemoryError", evaluations=())
    assert Record.from_line(failed.to_line()) == failed
    with pytest.raises(InputError, match=r"failed and has no error to tell \(MemoryError\)"):
        _ = failed.error


@pytest.mark.parametrize("room", [0, 1, 50])
def test_a_full_disk_leaves_the_records_as_they_were(store, full_disk, room):
    store.add(a_record())
    before = store.path.read_bytes()
    with full_disk(len(before) + room), pytest.raises(InputError, match=r"cannot add a record to .*: free some space"):
        store.add(a_record())
    assert store.path.read_bytes() == before


def test_records_of_an_unknown_study_are_refused():
    with pytest.raises(InputError, match="unknown study with records 'none'"):
        recorded("none")
