"""What is measured of box nets, how it is recorded, and how boxes on photographs are judged."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from helpers.records import a_record
from helpers.tiny import DIVERGING
from PIL import Image
from scipy.stats import binomtest

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.data.imagenette import imagenette
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.stand_in import write_stand_in
from vgg_lib.evidence import measures, verdicts
from vgg_lib.evidence.box_rule import MEASURED, ON_PHOTOGRAPHS
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import Wanted, record, record_measures
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.signals import Signal
from vgg_lib.tasks.box_file import boxed, boxed_from_file
from vgg_lib.tasks.carried_photographs import FOLDER, carried_photographs
from vgg_lib.tasks.localisation import predict_boxes, train_boxes
from vgg_lib.tasks.transfer import Transfer, Transferred, evaluate_pixels, evaluate_transfer
from vgg_lib.training.loop import build, prepare, train
from vgg_lib.training.parallel import Team
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.runs import make_run
from vgg_lib.training.signals import signals_at
from vgg_lib.training.trained import Trained

RUN = make_run("A", "quick", batch_norm=True, seed=3, train_on="all")
LARGER = make_run("A", "quick", batch_norm=True, seed=3, train_on="all", crop=64, scale=73)


def untrained(run):
    """The net that a training of the run starts from, told of inputs as those of photographs are."""
    net = build(run, 10)
    net.preprocessing = Preprocessing((120.0,) * 3, (70.0,) * 3)
    return net


def few(monkeypatch):
    """Let runs train and test on few embedded pictures."""
    train, test = (embedded(split).take(torch.arange(60)) for split in ("train", "val"))
    monkeypatch.setattr(measures, "photos_to_train", lambda run, root: train)
    monkeypatch.setattr(measures, "photos_to_test", lambda run, root: test)
    return train, test


@pytest.mark.parametrize(("run", "scale"), [(RUN, 36), (LARGER, 73)])
def test_the_error_is_that_of_the_box_net_taught_as_table_8_says(monkeypatch, run, scale):
    train, test = few(monkeypatch)
    short = {name: dataclasses.replace(how, epochs=2) for name, how in measures.BOX_NETS.items()}
    monkeypatch.setattr(measures, "BOX_NETS", short)
    net = untrained(run)
    how = dataclasses.replace(short["PCR"], scale=scale, seed=3)
    found = predict_boxes(train_boxes(net, train, how), test.images, test.labels, scale)
    overlaps = [iou(a, b) for a, b in zip(found.tolist(), test.boxes.tolist(), strict=True)]
    assert all(map(math.isfinite, overlaps))
    wrong = sum(one <= 0.5 for one in overlaps)
    assert MEASURES["PCR"].take(Trained(run, net, ()), None) == {"error": round(100 * wrong / 60, 2)}


def test_pixels_are_measured_without_any_net(monkeypatch, tmp_path):
    train, test = (embedded(split).take(torch.arange(count)) for split, count in (("train", 200), ("val", 100)))
    how = Transfer("embedded", train_per_class=10, test_per_class=5, costs=(1.0, 10.0))
    monkeypatch.setattr(measures, "_transfer_photos", lambda root: (train, test))
    monkeypatch.setattr(measures, "EVIDENCE", how)
    found = MEASURES["pixels"].take(None, None)
    expected = evaluate_pixels(train, test, how)
    assert found["error"] == expected.error and found["classes"] == expected.errors and found["cost"] == expected.cost
    assert found["data"] == {"train": train.fingerprint, "test": test.fingerprint}
    with pytest.raises(InputError, match="put CIFAR-10's pictures there"):
        MEASURES["pixels"].check(tmp_path)


@pytest.mark.parametrize("warm", [False, True])
def test_the_untrained_net_is_that_of_the_runs_seed(monkeypatch, warm):
    train, test = (embedded(split).take(torch.arange(count)) for split, count in (("train", 200), ("val", 100)))
    how = Transfer("embedded", train_per_class=10, test_per_class=5, costs=(1.0, 10.0))
    monkeypatch.setattr(measures, "_transfer_photos", lambda root: (train, test))
    monkeypatch.setattr(measures, "EVIDENCE", how)
    net = untrained(RUN)
    run = dataclasses.replace(RUN, warm_start="0" * 16, warm_layers="all") if warm else RUN
    found = MEASURES["untrained"].take(Trained(run, net, ()), None)
    [expected] = evaluate_transfer(net, train, test, how)
    data = {"train": train.fingerprint, "test": test.fingerprint}
    assert found == {"error": expected.error, "cost": expected.cost, "data": data}


def test_the_untrained_net_is_computed_with_where_the_trained_one_is(monkeypatch):
    def seen(net, *sets, **how):
        devices.append(next(net.parameters()).device.type)
        return [Transferred("fc7", 0.0, {}, 1.0, 0.0)]

    devices = []
    monkeypatch.setattr(measures, "_transfer_photos", lambda root: (embedded("train"), embedded("val")))
    monkeypatch.setattr(measures, "evaluate_transfer", seen)
    MEASURES["untrained"].take(Trained(RUN, untrained(RUN).to("meta"), ()), None)
    assert devices == ["meta"]


def test_signals_are_measured_on_the_way_of_nets_that_diverge_too():
    at = signals_at(DIVERGING)
    made = record(train(DIVERGING), wanted=Wanted(measures=("signals", "PCR")))
    assert made.outcome == "diverged" and set(made.measurements) == {"signals"}
    assert set(made.measurements["signals"]) == set(map(str, at)) < {"0", "1", "10", "100"}
    for step, layers in at.items():
        for layer, signal in layers.items():
            recorded = made.measurements["signals"][str(step)][layer]
            for size, there in zip(dataclasses.astuple(signal), recorded, strict=True):
                assert there == (pytest.approx(size, rel=5e-3) if math.isfinite(size) else None)


def test_an_infinite_signal_is_recorded_as_none(monkeypatch):
    layers = {"fc8": Signal(math.inf, math.nan, 0.12345)}
    monkeypatch.setattr(measures, "signals_at", lambda run, root: {0: layers})
    assert MEASURES["signals"].take(Trained(RUN, untrained(RUN), ()), None) == {"0": {"fc8": [None, None, 0.123]}}


@pytest.mark.parametrize("size", ["unit", "paper"])
def test_what_neighbours_leave_is_told_of_the_first_batch_before_and_after_training(size):
    run = make_run("A-LRN", "quick", width=1 / 8, input_scale=size, epochs=1, learning_rate=1e-3)
    trained = train(run, max_steps=3)
    learner, batches = prepare(run, Team(torch.device("cpu")), None, None)
    crops, _ = next(iter(batches.epoch(0)))
    found = record_measures(trained.net, run, ["neighbours"]).measurements["neighbours"]
    for when, net in {"start": learner.net, "end": trained.net}.items():
        with torch.inference_mode():
            a = net.features[:2](net.preprocessing(crops))
            left = (net.features[2](a) / (a * 2**-0.75))[a > 0]
        for share, told in found[when].items():
            assert told == pytest.approx(left.quantile(float(share)).item(), abs=1e-3)
    assert list(found["end"]) == ["0.001", "0.01", "0.1", "0.5"]
    if size == "unit":
        assert min(found["end"].values()) > 0.99
    else:
        assert found["start"] != found["end"] and found["end"]["0.001"] < 0.9


def test_a_net_without_response_normalisation_has_no_neighbours_to_measure():
    with pytest.raises(InputError, match="'neighbours' has nothing to measure in network A:"):
        record_measures(untrained(RUN), RUN, ["neighbours"])


@pytest.mark.parametrize(("name", "network"), [("signals", "B"), ("neighbours", "A-LRN")])
def test_what_a_run_does_from_its_start_is_not_measured_where_that_is_a_trained_net(name, network):
    warm = make_run(network, "quick", width=1 / 16, warm_start=RUN.key)
    with pytest.raises(InputError, match=f"{name!r} has nothing to measure in network {network} from A: choose"):
        record_measures(untrained(make_run(network, "quick", width=1 / 16)), warm, [name])


def test_a_net_has_neighbours_by_its_own_layers_whatever_it_is_called():
    assert MEASURES["neighbours"].fits(dataclasses.replace(make_run("A-LRN", "quick"), network="A"))
    assert not MEASURES["neighbours"].fits(dataclasses.replace(RUN, network="A-LRN"))


def iou(a, b):
    """Intersection over union of two boxes, in plain arithmetic."""
    width, height = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def test_table_8_has_two_contrasts_each_of_one_difference():
    shared, by_class, all_layers = (dataclasses.asdict(how) for how in measures.BOX_NETS.values())
    assert {name for name in shared if shared[name] != by_class[name]} == {"per_class"}
    assert {name for name in shared if by_class[name] != all_layers[name]} == {"tuned"}
    told = [str(CLAIMS[name].rule) for name in ("class-boxes", "tuned-boxes")]
    assert "SCR.error) minus" in told[0] and "PCR.error) is above" in told[0]
    assert "PCR.error) minus" in told[1] and "PCR-all.error) is above" in told[1]


@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize(
    "name", [*measures.BOX_NETS, MEASURED, "boxes on carried photographs", "pixels", "transfer", "untrained"]
)
def test_what_takes_long_shows_how_far_it_is_where_it_is_asked_to(monkeypatch, name, progress):
    class AskedError(Exception):
        pass

    def ask(*what, progress):
        raise AskedError(progress)

    few(monkeypatch)
    for long in ("train_boxes", "evaluate_pixels", "evaluate_transfer"):
        monkeypatch.setattr(measures, long, ask)
    boxes = boxed(embedded("val").take(torch.arange(9)))
    monkeypatch.setattr(measures, "_photographs_with_boxes", lambda trained, root: (boxes, boxes))
    monkeypatch.setattr(measures, "_transfer_photos", lambda root: (None, None))
    with pytest.raises(AskedError, match=str(progress)):
        MEASURES[name].take(Trained(RUN, untrained(RUN), ()), None, progress=progress)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of photographs with a file of boxes for some: one box for the first of each half, two for the second."""
    run = make_run("A", "laptop", batch_norm=True)
    root = write_stand_in(tmp_path)
    folder = measures.photographs_folder(root)
    entries = {}
    for split in ("train", "val"):
        names = sorted(path.relative_to(folder / "imagenette2-160").as_posix() for path in folder.rglob("*.JPEG"))
        for name, boxes in zip([n for n in names if n.startswith(split)], ([[1, 1, 9, 9]],) * 3, strict=False):
            entries[name] = {"size": [10, 10], "boxes": [*boxes, [0, 0, 2, 2]] if len(entries) % 3 == 1 else boxes}
    (folder / measures.BOX_FILE).write_text(json.dumps(entries))
    short = {name: dataclasses.replace(how, epochs=1) for name, how in measures.BOX_NETS.items()}
    monkeypatch.setattr(measures, "BOX_NETS", short)
    return run, root


def test_boxes_on_photographs_are_told_photograph_by_photograph(photographs, tmp_path):
    run, root = photographs
    made = record_measures(untrained(run), run, [MEASURED], root=root)
    found = made.measurements[MEASURED]
    assert found["trained_on"] == 3 and found["single"] == "101"
    assert set(found["right"]) == {"SCR", "PCR", "PCR-all", "mean box", "whole picture"}
    assert found["right"]["mean box"] == found["right"]["whole picture"] == "111"
    assert found["errors"]["mean box"] == 0.0
    assert made.of_tests_alone and Record.from_line(made.to_line()) == made


def test_boxes_on_carried_photographs_are_of_their_own_pixels_squashed_as_imagenettes_were(photographs):
    run, root = photographs
    net = untrained(run)
    found = record_measures(net, run, ["boxes on carried photographs"], root=root).measurements
    found = found["boxes on carried photographs"]
    assert found["names"] == ["cathedral.jpg", "perch.jpg"] and found["trained_on"] == 3 and not found["folded"]
    assert found["errors"]["mean box"] == 0.0 and 0 <= found["errors"]["PCR-all"] <= 100
    shown = carried_photographs().photos
    for image, box in zip(shown.images.load(torch.arange(2)), found["boxes"]["mean box"], strict=True):
        height, width = image.shape[-2:]  # the stand-in's boxes go from a tenth of each side to nine
        assert box == pytest.approx([0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height], abs=0.06)
    train = boxed_from_file(
        imagenette("train", root, squash=224), measures.photographs_folder(root) / measures.BOX_FILE, below="train/"
    )
    how = dataclasses.replace(measures.BOX_NETS["PCR-all"], scale=73)
    taught = train_boxes(net, train.photos, how)
    for file, label, box in zip(shown.names, shown.labels, found["boxes"]["PCR-all"], strict=True):
        with Image.open(FOLDER / file) as opened:
            seen = torch.from_numpy(np.array(opened.resize((224, 224), Image.Resampling.BILINEAR))).permute(2, 0, 1)
            sides = torch.tensor([opened.width, opened.height] * 2)
        [told] = predict_boxes(taught, ImageTensor(seen[None]), label[None], 73)
        assert box == pytest.approx((told / 224 * sides).tolist(), abs=0.06)


def test_photographs_without_a_file_of_boxes_are_refused_before_anything_is_measured(tmp_path):
    run = make_run("A", "laptop")
    with pytest.raises(InputError, match=r"imagenette-boxes\.json, which is not there: put a file of boxes"):
        record_measures(untrained(run), run, [MEASURED], root=write_stand_in(tmp_path))


def test_a_net_of_photographs_without_boxes_is_told_which_measure_needs_them(tmp_path):
    run = make_run("A", "laptop")
    with pytest.raises(InputError, match=r"'PCR-all' takes .* preset 'laptop' have none: measure a net of .*'quick'"):
        record_measures(untrained(run), run, ["PCR-all"], root=tmp_path)


@pytest.mark.parametrize(("name", "own"), [("signals", True), (MEASURED, True), ("pixels", False)])
def test_a_measure_of_other_photographs_than_the_published_ones_is_recorded_as_such(
    photographs, monkeypatch, name, own
):
    run, root = photographs
    quick = dataclasses.replace(MEASURES[name], take=lambda *of, progress: {}, check=lambda root: None)
    monkeypatch.setitem(MEASURES, name, quick)
    made = record_measures(untrained(run), run, [name], root=root)
    photos = {"train": photos_to_train(run, root), "test": photos_to_test(run, root)}
    assert made.data == ({k: v for what, of in photos.items() for k, v in of.identity(what).items()} if own else {})
    assert made.of_other_photographs == own


def test_an_unknown_measure_is_told_which_there_are():
    with pytest.raises(InputError, match="'boxes': choose from SCR, PCR"):
        record_measures(untrained(RUN), RUN, ["boxes"])


def recorded(net, mean, single):
    """What is known where the nets were right on these photographs."""
    run = ON_PHOTOGRAPHS.recipe.run(0)
    measured = {"right": {"PCR-all": net, "mean box": mean}, "single": single}
    return {run.key: a_record(run, measurements={MEASURED: measured})}


@pytest.mark.parametrize(
    ("net", "mean", "verdict"),
    [
        ("1" * 10 + "0" * 10, "0" * 20, "the net is better"),
        ("0" * 20, "1" * 10 + "0" * 10, "the mean box is better"),
        ("1" * 5 + "0" * 15, "0" * 20, "cannot be told apart"),
        ("1" * 20, "1" * 20, "cannot be told apart"),
    ],
)
def test_boxes_on_photographs_are_judged_by_those_that_only_one_is_right_on(net, mean, verdict):
    judged = ON_PHOTOGRAPHS.judge(recorded(net, mean, "1" * 20))
    assert judged.verdict == verdict
    assert (judged.photographs, judged.net) == (20, net.count("1"))
    only = [sum(a > b for a, b in zip(*pair, strict=True)) for pair in ((net, mean), (mean, net))]
    assert judged.p == (pytest.approx(binomtest(only[0], sum(only)).pvalue) if sum(only) else 1)
    assert judged.interval()[0] <= 100 - 5 * judged.net <= judged.interval()[1]


def test_photographs_with_several_boxes_do_not_count():
    judged = ON_PHOTOGRAPHS.judge(recorded("1111", "0000", "1010"))
    assert (judged.photographs, judged.net, judged.blind, judged.only_net) == (2, 2, 0, 2)


def test_another_answer_that_looks_at_no_photograph_may_be_the_baseline():
    known = recorded("1" * 10 + "0" * 10, "0" * 20, "1" * 20)
    next(iter(known.values())).measurements[MEASURED]["right"]["whole picture"] = "1" * 20
    judged = dataclasses.replace(ON_PHOTOGRAPHS, baseline="whole picture").judge(known)
    assert (judged.blind, judged.only_net, judged.only_blind) == (20, 0, 10)
    assert judged.verdict == "the whole picture is better"


def test_without_a_record_of_boxes_nothing_is_judged():
    assert ON_PHOTOGRAPHS.judge({}) is None
    run = ON_PHOTOGRAPHS.recipe.run(0)
    assert ON_PHOTOGRAPHS.judge({run.key: a_record(run)}) is None
    assert "PCR-all made from (D normalised), seed 0, against the mean box" in str(ON_PHOTOGRAPHS)


def test_the_records_of_boxes_judge_claims_beside_those_of_photographs(monkeypatch, tmp_path):
    boxes, photos = (Store(tmp_path / f"{name}.jsonl") for name in ("localisation", "evidence"))
    of_boxes = CLAIMS["class-boxes"].rule.challenger.recipes[0].run(0)
    both = ON_PHOTOGRAPHS.recipe.run(0)
    boxes.add(a_record(of_boxes))
    boxes.add(a_record(both, losses=()))
    photos.add(a_record(both))
    monkeypatch.setattr(verdicts, "studies_with_records", lambda: ["evidence", "localisation"])
    monkeypatch.setattr(verdicts, "recorded", lambda name: {"localisation": boxes, "evidence": photos}[name])
    known = verdicts.evidence()
    assert set(known) == {of_boxes.key, both.key}
    assert not known[both.key].of_tests_alone
    assert math.isfinite(known[both.key].losses[-1])
