"""What commands are told reaches what they call: each option on its own, down to the arguments or the words printed."""

import inspect
import json
import pkgutil
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from helpers.records import RUN, a_record
from PIL import Image

from vgg_lib.evidence import verdicts
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.studies import study
from vgg_lib.networks.geometry import activation_bytes, cost_table, macs, parameters
from vgg_lib.tasks.localisation import Localisation
from vgg_lib.tasks.transfer import Transfer

CARRIED = Path(str(files("vgg_lib"))) / "weights_carried" / "things.safetensors"
RECORDS = Path(str(files("vgg_lib"))) / "records"


@pytest.fixture
def heard(vgg_lib, monkeypatch):
    """``heard("vgg_lib.….name", "run", …)`` is what the command calls ``name`` with, by parameter; there it ends."""

    def hear(name, *words):
        parameters_of, calls = inspect.signature(pkgutil.resolve_name(name)), []

        def end(*values, **named):
            bound = parameters_of.bind(*values, **named)
            bound.apply_defaults()
            calls.append(bound.arguments)
            sys.exit(0)

        monkeypatch.setattr(name, end)
        said = vgg_lib(*words)
        assert said.code == 0, said.err
        [call] = calls
        return call

    return hear


@pytest.fixture
def pictures(tmp_path):
    """A folder of two classes with a picture in each half, and ``boxes.json`` beside it with a box for each."""
    boxes = {}
    for name in ("train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(path)
        boxes[name] = {"size": [40, 40], "boxes": [[0, 0, 20, 20]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    return tmp_path / "pictures"


QUEUE, CLUSTER = "vgg_lib.commands.run.Queue", "vgg_lib.commands.run.ClusterQueue"


@pytest.mark.parametrize(
    ("words", "claims", "choices"),
    [
        ([], [], {}),
        (["--claim", "depth"], ["depth"], {}),
        (["--claim", "depth", "--claim", "fusion"], ["depth", "fusion"], {}),
        (["--seeds", 2], [], {"seeds": 2}),
        (["--again"], [], {"again": True}),
        (["--other-photographs"], [], {"other_photographs": True}),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
@pytest.mark.parametrize(("queue", "where"), [(QUEUE, []), (CLUSTER, ["--scheduler", "tcp://there"])])
def test_run_trains_the_agenda_that_it_is_told(heard, words, claims, choices, queue, where):
    agenda = heard(queue, "run", "evidence", *words, *where)["agenda"]
    assert agenda.study.runs({}) == study("evidence", claims).runs({})
    told = {name: getattr(agenda, name) for name in ("seeds", "again", "other_photographs")}
    assert told == {"seeds": None, "again": False, "other_photographs": False} | choices


def test_run_reads_and_writes_where_it_is_told(heard):
    call = heard(QUEUE, "run", "pilot", "--workers", 3, "--data", "photos", "--store", "mine.jsonl")
    assert (call["workers"], call["root"]) == (3, Path("photos"))
    assert call["agenda"].store.path == Path("mine.jsonl")
    call = heard(CLUSTER, "run", "pilot", "--scheduler", "tcp://there", "--folder", "kept", "--data", "photos")
    assert (call["scheduler"], call["folder"], call["root"]) == ("tcp://there", Path("kept"), Path("photos"))


@pytest.mark.parametrize(
    ("words", "claims", "seeds"),
    [
        ([], [], None),
        (["--claim", "depth"], ["depth"], None),
        (["--claim", "depth", "--claim", "fusion"], ["depth", "fusion"], None),
        (["--seeds", 2], [], 2),
    ],
)
def test_status_counts_the_runs_of_what_it_is_told(vgg_lib, words, claims, seeds):
    said = vgg_lib("status", "evidence", *words, "--workers", 3).out
    count = len(study("evidence", claims).runs({}, seeds))
    assert f"evidence: 0 done (0 diverged), 0 running, 0 failed, {count} to do; hours left on 3 workers" in said
    assert not words or count < len(study("evidence").runs({}))


@pytest.mark.parametrize(
    ("words", "size"), [([], "160px"), (["--size", "320px"], "320px"), (["--size", "full"], "full")]
)
def test_download_asks_for_the_size_that_it_is_told(heard, words, size):
    assert heard("vgg_lib.data.imagenette.download", "download", *words) == {"size": size}


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ([], {}),
        (["--shared"], {"per_class": False}),
        (["--tuned", "fc"], {"tuned": "fc"}),
        (["--seed", 3], {"seed": 3}),
        (["--epochs", 2], {"epochs": 2}),
        (["--scale", 50], {"scale": 50}),
    ],
)
def test_localise_teaches_as_it_is_told(heard, pictures, words, choices):
    told = ("localise", pictures, "--boxes", "boxes.json", "--weights", CARRIED, *words)
    how = heard("vgg_lib.commands.localise.train_boxes", *told)["how"]
    assert how == replace(Localisation(37), **choices)  # 8/7 of 32 pixels


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ([], {}),
        (["--test-per-class", 2], {"test_per_class": 2}),
        (["--train-per-class", 3], {"train_per_class": 3}),
        (["--layer", "pool3"], {"layers": ("pool3",)}),
        (["--scale", 32, "--scale", 36], {"scales": (32, 36)}),
        (["--stack"], {"combine": "stack"}),
    ],
)
def test_transfer_tests_as_it_is_told(heard, pictures, words, choices):
    told = ("transfer", pictures, "--weights", CARRIED, *words)
    how = heard("vgg_lib.commands.transfer.evaluate_transfer", *told)["how"]
    assert how == replace(Transfer("pictures"), **choices)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("measure.record_measures", ["measure", "saturation", "--weights", CARRIED, "--store", "mine.jsonl"]),
        ("protocols.record_protocols", ["protocols", "--weights", CARRIED, "--store", "mine.jsonl"]),
        ("export.carry", ["export", CARRIED]),
        ("redo.redoing.redo", ["redo", "d63eff5309e226a0"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize(("data", "root"), [([], None), (["--data", "photos"], Path("photos"))], ids=["else", "told"])
def test_photographs_are_looked_for_where_a_command_is_told(heard, name, words, data, root):
    assert heard(f"vgg_lib.commands.{name}", *words, *data)["root"] == root


def test_verdicts_for_programs_are_those_of_the_records(vgg_lib):
    store = RECORDS / "localisation.jsonl"
    listed = json.loads(vgg_lib("verdicts", "--json", "--store", store).out)
    assert [one["claim"] for one in listed] == list(CLAIMS)
    assert listed == json.loads(json.dumps(verdicts.as_json(verdicts.verdicts(Store(store).latest()))))


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (["--num-classes", 100_000], {"num_classes": 100_000}),  # so many show in the megabytes too
        (["--image-size", 96], {"image_size": 96}),
        (["--width", 0.5], {"width": 0.5}),
    ],
)
def test_describe_counts_what_it_is_told(vgg_lib, words, choices):
    *table, _, last = vgg_lib("describe", "D", *words).out.splitlines()
    assert f" {parameters('D', **choices):,} parameters, {macs('D', **choices) / 1e9:.3f} G multiply-adds" in last
    assert f" {activation_bytes('D', **choices) / 1e6:.1f} MB of activations" in last
    for line, row in zip(table[-3:], cost_table("D", **choices).tail(3).itertuples(), strict=True):
        assert {f"{row.parameters:,}", f"{row.macs:,}", f"{row.activations:,}"} <= set(line.split())


def test_describe_counts_vgg16_for_ten_classes(vgg_lib):
    said = vgg_lib("describe", "D", "--num-classes", 10).out
    assert f"{138_357_544 - 990 * 4097:,} parameters" in said  # 4,096 weights and a bias for each class
    assert f"{10 * 4097:,}" in said


def test_claim_says_statement_numbers_rule_and_verdict(vgg_lib, monkeypatch):
    monkeypatch.setattr("vgg_lib.commands.claim.verdicts", lambda: {"depth": None})  # judged in a second, and not here
    chosen = CLAIMS["depth"]
    assert vgg_lib("claim", "depth").out == (
        f"{chosen.statement} ({chosen.where})\nthe paper: {chosen.numbers()}\nrule: {chosen.rule}\n"
        "verdict: no rule yet\n"
    )


def test_compare_goes_through_all_records(vgg_lib, store):
    runs = [replace(RUN, seed=seed) for seed in (100, 101, 102)]
    for run in runs:
        store.add(a_record(run))
    said = vgg_lib("compare", store.path).out.splitlines()
    assert [line for line in said if not line.startswith(" ")] == [f"{run} (run {run.key})" for run in runs]
