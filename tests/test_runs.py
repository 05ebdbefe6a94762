"""Runs and their keys, records and their file."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from helpers.records import a_record
from hypothesis import given
from hypothesis import strategies as st

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.records import Evaluation, Record, as_digits, from_digits, pack_posteriors, unpack_posteriors
from vgg_lib.evidence.store import Store, recorded, studies_with_records
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.loop import build
from vgg_lib.training.presets import PRESETS, Preset
from vgg_lib.training.runs import Run, make_run, run_from_json, to_json

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
    "warm_layers": "all",
    "layers": NETWORKS["B"],
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


#: What no training reads: names, and what else a preset has on offer.
NOT_READ = {"network", "name", "scales"}


@pytest.mark.parametrize("field", [name for name in names(Run) if name != "preset"])
def test_every_field_of_a_run_that_training_reads_changes_its_key(field):
    base = dataclasses.replace(RUN, warm_start="0" * 16) if field == "warm_layers" else RUN
    other = dataclasses.replace(base, **{field: OTHER_RUN[field]})
    assert (other.key != base.key) == (field not in NOT_READ)


@pytest.mark.parametrize("field", [name for name in names(Preset) if name != "initialisation"])
def test_every_field_of_a_preset_that_training_reads_changes_the_runs_key(field):
    other = dataclasses.replace(RUN, preset=dataclasses.replace(RUN.preset, **{field: OTHER_PRESET[field]}))
    assert (other.key != RUN.key) == (field not in NOT_READ)


def test_another_default_start_of_a_preset_changes_no_key():
    preset = dataclasses.replace(RUN.preset, initialisation=Initialisation("glorot"))
    assert dataclasses.replace(RUN, preset=preset).key == RUN.key


@pytest.mark.parametrize(
    ("run", "key"),
    [
        (make_run("A", "quick"), "da99b6c6b6b2aa26"),
        (make_run("D", "laptop", batch_norm=True, epochs=80, train_on="all", seed=4), "44b0d78f964b596e"),
        (make_run("D", "paper", scale=(256, 512)), "98e377cc17fbaaee"),
    ],
)
def test_keys_stay_what_they_are(run, key):  # records are found by them: a change here orphans all of them
    assert run.key == key


def test_a_new_field_at_its_default_changes_no_key():
    @dataclasses.dataclass(frozen=True)
    class NewerRun(Run):
        smoothing: float = 0.0

    fields = {name: getattr(RUN, name) for name in names(Run)}
    assert NewerRun(**fields).key == RUN.key
    assert NewerRun(**fields, smoothing=0.1).key != RUN.key


def test_a_whole_number_is_the_same_rate_as_a_float():
    assert make_run("A", "quick", learning_rate=1).key == make_run("A", "quick", learning_rate=1.0).key
    assert Initialisation("normal", 1) == Initialisation("normal", 1.0)


def test_another_network_of_the_same_name_changes_the_key(monkeypatch):
    monkeypatch.setitem(NETWORKS, "A", NETWORKS["B"])
    assert make_run("A", "quick").key != RUN.key


def test_a_run_keeps_the_layers_that_it_was_made_with(monkeypatch):
    run = make_run("A", "quick")
    key, before = run.key, run.layers
    monkeypatch.setitem(NETWORKS, "A", NETWORKS["B"])
    again = dataclasses.replace(run, seed=1)
    assert (run.key, run.layers, again.layers) == (key, before, before)
    assert build(again, 10).network == before
    assert run_from_json(to_json(run)).layers == before


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
        ({"train_on": "val"}, "train_on is 'val': choose 'nine-tenths' or 'all'"),
        ({"scale": (54, 36)}, r"training scale \(54, 36\) ends before it begins: choose \(36, 54\)"),
        ({"scale": 31}, "training scale 31 does not hold the crop of 32 .* choose one of 36, 54"),
        ({"scale": 10**7}, "training scale 10000000 is too large: choose 4096 pixels or fewer"),
        ({"scale": (72, 36)}, r"training scale \(72, 36\)"),
        ({"epochs": 0}, "epochs is 0: choose a whole number of 1 or more"),
        ({"epochs": 2.5}, "epochs is 2.5: choose a whole number"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0: choose a number above 0"),
        ({"learning_rate": math.inf}, "learning_rate is inf: choose a number above 0"),
        ({"schedule": "onecycle"}, "schedule is 'onecycle': choose 'plateau' or 'one-cycle'"),
        ({"input_scale": "Unit"}, "input_scale is 'Unit': choose 'unit' or 'paper'"),
        ({"data": "cifar10"}, "data is 'cifar10': choose 'embedded' or 'marked' or 'imagenette'"),
        ({"batch_norm": "no"}, "batch_norm is 'no': choose True or False"),
        ({"precision": "bf16"}, "precision is 'bf16': choose 'auto' or 'float32'"),
        ({"squash": -3}, "squash is -3: choose a whole number of 1 or more, or None"),
        ({"momentum": 2.0}, "momentum is 2.0: choose a number of 0 or more, below 1"),
        ({"seed": True}, "seed is True: choose a whole number of 0 or more"),
        ({"seed": 2**63}, f"seed is {2**63}: choose a whole number of 0 or more, below 2"),
        ({"seed": 10**23}, f"seed is {10**23}: choose a whole number"),
        ({"scale": "36"}, "scale is '36': choose a whole number, or a tuple of 2"),
        (
            {"initialisation": "he"},
            r"initialisation is 'he': choose one of type Initialisation, "
            r"such as Initialisation\(kind='he', sigma=None\) of vgg_lib\.networks\.initialisation",
        ),
        ({"warm_layers": "all"}, "copies the layers of a trained net: say in warm_start of which"),
        ({"warm_start": "A"}, "warm_start is 'A': choose the key of a run"),
        ({"schedule": "plateau", "train_on": "all"}, "plateau schedule watches .* choose train_on='nine-tenths'"),
    ],
)
def test_a_run_that_cannot_be_is_refused(choices, says):
    with pytest.raises(InputError, match=says):
        make_run(**{"network": "A", "preset_name": "quick"} | choices)


@pytest.mark.parametrize(("kind", "field"), [(kind, name) for kind in (Run, Preset) for name in names(kind)])
def test_no_field_takes_what_it_cannot_be(kind, field):
    thing = RUN if kind is Run else RUN.preset
    for nonsense in (object(), b"bytes", 1j, {"a": 1}, [None]):
        with pytest.raises(InputError, match=f"^{field} is .*: choose "):
            dataclasses.replace(thing, **{field: nonsense})


def test_a_preset_without_a_scale_is_refused():
    with pytest.raises(InputError, match=r"scales is \(\): name one training scale or more"):
        dataclasses.replace(RUN.preset, scales=())


def test_numpys_numbers_are_numbers():
    assert make_run("A", "quick", learning_rate=np.float64(0.1), seed=np.int64(3)).key == (
        make_run("A", "quick", learning_rate=0.1, seed=3).key
    )


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


def test_a_diverged_run_of_many_classes_counts_as_their_chance():
    assert a_record(outcome="diverged", classes=1000).error == pytest.approx(99.9)


def test_the_confusion_counts_what_it_is_by_what_the_net_says():
    expected = torch.zeros(10, 10, dtype=torch.long)
    expected[[0, 1, 2, 3], [0, 1, 2, 9]] = 1
    assert torch.equal(a_record().evaluations[0].confusion(), expected)


def test_targets_stand_once_in_a_line():
    targets = "0" * 400 + "1" * 300 + "2" * 234
    tests = [Evaluation(Protocol((q,)), "held-out", {"top1": 9.0}, targets, "0" * 934) for q in (36, 40, 44)]
    line = a_record(evaluations=tuple(tests)).to_line()
    assert len(line) < 3 * 934 + 4000 - 934
    assert Record.from_line(line).evaluations == tuple(tests)


@given(st.text("0123456789abc", max_size=60))
def test_targets_of_any_order_come_back(targets):
    test = Evaluation(RUN.protocol, "held-out", {"top1": 9.0}, targets, targets)
    assert Record.from_line(a_record(evaluations=(test,)).to_line()).evaluations == (test,)


def test_errors_can_be_kept_without_predictions():
    record = a_record(evaluations=(Evaluation(RUN.protocol, "held-out", {"top1": 9.0}),))
    assert Record.from_line(record.to_line()) == record
    with pytest.raises(InputError, match="the predictions under dense at Q = 36, mirrored too were not kept"):
        record.evaluations[0].confusion()


def test_posteriors_come_back_to_their_last_bit_that_counts():
    scores = torch.rand(50, 10, generator=torch.Generator().manual_seed(0)).mul(8).softmax(1)
    torch.testing.assert_close(unpack_posteriors(pack_posteriors(scores), 10), scores, atol=1e-5, rtol=0)


def test_a_record_of_before_is_read():
    old = a_record().to_line()
    raw = json.loads(old) | {"rules": 1, "key": "0" * 16}
    for evaluation in raw["evaluations"]:
        evaluation["targets"] = "0123"
    for later in ("targets", "origin", "classes"):
        raw.pop(later, None)
    del raw["run"]["layers"]
    assert Record.from_line(json.dumps(raw)) == a_record()


@pytest.mark.parametrize("classes", [[], [0, 35, 7]])
def test_classes_come_back_from_their_characters(classes):
    assert torch.equal(from_digits(as_digits(torch.tensor(classes, dtype=torch.long))), torch.tensor(classes).long())


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


@pytest.mark.parametrize("tests_last", [True, False])
def test_tests_of_weights_join_the_record_of_their_training(store, tests_last):
    dense = Evaluation(Protocol((40,)), "held-out", {"top1": 20.0}, "0123", "0123")
    training, tests = a_record(), a_record(losses=(), evaluations=(dense,))
    for record in (training, tests) if tests_last else (tests, training):
        store.add(record)
    found = store.find(RUN)
    assert found.losses == training.losses
    assert {e.protocol for e in found.evaluations} == {RUN.protocol, dense.protocol}


def test_tests_of_older_weights_give_way_to_those_of_a_training(store):
    own, other = (Evaluation(protocol, "held-out", {"top1": 50.0}) for protocol in (RUN.protocol, Protocol((40,))))
    store.add(a_record(losses=(), evaluations=(own, other), measurements={"PCR": 50.0, "SCR": 50.0}))
    store.add(a_record(measurements={"PCR": 10.0}))
    found = store.find(RUN)
    assert (found.error, found.error_under(other.protocol)) == (25.0, 50.0)
    assert found.measurements == {"PCR": 10.0, "SCR": 50.0}


@pytest.mark.parametrize("tests_last", [True, False])
def test_tests_on_other_photographs_make_the_training_count_nowhere(store, tests_last):
    training = a_record(data={"train": "ab", "test": "cd"})
    tests = a_record(losses=(), data={"test": "ef", "test differs": "20 photographs instead of 30"})
    for record in (training, tests) if tests_last else (tests, training):
        store.add(record)
    assert store.find(RUN).data == training.data | tests.data | ({} if tests_last else training.data)
    assert store.find(RUN).of_other_photographs


def test_of_tests_on_different_photographs_the_newer_count(store):
    part = a_record(losses=(), data={"test": "ef", "test differs": "20 photographs instead of 30"})
    whole = a_record(losses=(), data={"test": "cd"})
    for record in (part, whole):
        store.add(record)
    assert store.find(RUN) == whole


def test_tests_that_name_more_photographs_join_those_of_the_same(store):
    dense = Evaluation(Protocol((40,)), "held-out", {"top1": 20.0})
    store.add(a_record(losses=(), data={"test": "cd"}, evaluations=(dense,)))
    store.add(a_record(losses=(), data={"train": "ab", "test": "cd"}, evaluations=(), measurements={"signals": {}}))
    found = store.find(RUN)
    assert (found.evaluations, found.measurements) == ((dense,), {"signals": {}})


@pytest.mark.parametrize("place", range(3))
def test_all_that_was_tested_and_measured_of_a_trainings_weights_is_known(store, place):
    tests = [a_record(losses=(), evaluations=(), measurements={name: 1.0}) for name in ("transfer", "boxes")]
    for record in [*tests[:place], a_record(), *tests[place:]]:
        store.add(record)
    found = store.find(RUN)
    assert (found.losses, found.evaluations) == (a_record().losses, a_record().evaluations)
    assert found.measurements == {"transfer": 1.0, "boxes": 1.0}


def test_tests_alone_are_known_as_such(store):
    store.add(a_record(losses=()))
    assert store.find(RUN).of_tests_alone


@pytest.mark.parametrize(
    ("second_line", "says"),
    [
        (b"{}\n", "line 2, is not a record"),
        (b"no json\n", "line 2, is not a record"),
        (b"[1, 2]\n", "line 2, is not a record"),
        (b"\xff\xfe\n", "line 2, is not a record"),
        (
            a_record().to_line().replace('"test_set":"held-out"', '"test_set":3').encode(),
            r"line 2, is not a record \(.*`str`",
        ),
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


@pytest.mark.parametrize(
    "content",
    [
        b"a text",
        b"a text\n",
        b"a text\nof lines",
        a_record().to_line().encode() + b"a text",
        a_record().to_line().encode() + b"\n",
        b"a text\n" + a_record().to_line().encode()[:9],
        bytes(range(256)) * 999,
    ],
)
def test_a_file_that_does_not_end_in_a_record_stays_as_it_is(store, content):
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    for refused in (store.check, lambda: store.add(a_record())):
        with pytest.raises(InputError, match=r"records\.jsonl does not end in a record: name another file"):
            refused()
    assert store.path.read_bytes() == content


@pytest.mark.parametrize("zeros", [0, 3, 100])
@pytest.mark.parametrize("end", range(9))
def test_a_record_is_replaced_wherever_it_was_cut_off(store, end, zeros):
    store.add(a_record())
    whole = store.path.read_bytes()
    store.path.write_bytes(whole + whole[:end] + bytes(zeros))  # which a power cut may leave
    store.check()
    store.add(a_record())
    assert store.path.read_bytes() == whole * 2


@pytest.mark.parametrize("name", studies_with_records())
def test_the_records_of_the_library_can_be_added_to(name):
    recorded(name).check()


def test_a_folder_is_no_store(tmp_path):
    for refused in (lambda: list(Store(tmp_path)), Store(tmp_path).check, lambda: Store(tmp_path).add(a_record())):
        with pytest.raises(InputError, match=str(tmp_path)):
            refused()
    for path in ("", ".", "/"):
        with pytest.raises(InputError, match="is a folder: name a file of records in it"):
            Store(path)


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
