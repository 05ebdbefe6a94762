"""Real commands, as a user would type them: exit codes, messages, and what is left on disk."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from helpers.command_line import command, environment
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import data_folder
from vgg_lib.book.answering import about
from vgg_lib.book.export import best_carried
from vgg_lib.commands import doctor, shared, transfer
from vgg_lib.commands.shared import net_in, newest_weights, weights_or_best
from vgg_lib.data.embedded import embedded
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import measures, workshop
from vgg_lib.evidence.store import Store, recorded
from vgg_lib.networks.model import vgg
from vgg_lib.tasks import localisation
from vgg_lib.tasks.transfer import Transferred
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import load_net, predicts_boxes, save_net

CARRIED = Path(str(files("vgg_lib"))) / "weights_carried" / "things.safetensors"


def test_describe_counts_vgg16(tmp_path):
    shown = command("describe", "D", home=tmp_path).stdout
    assert "138,357,544 parameters" in shown
    assert "15.470 G multiply-adds" in shown


def test_train_evaluate_predict_go_end_to_end(vgg_lib, tmp_path):
    trained = vgg_lib("train", "--network", "A", "--preset", "quick", "--epochs", 1, "--width", 0.125)
    assert trained.code == 0, trained.err
    [record] = Store(tmp_path / "vgg_lib" / "records.jsonl")
    assert f"top-1 error {record.error:.1f} %" in trained.out

    assert f"top1 error {record.error:.1f} %" in vgg_lib("evaluate", "--network", "A").out

    answered = vgg_lib("predict", thing(tmp_path), "--top", 3)
    assert answered.err.strip() == f"asked: {record.run}"
    said = answered.out.splitlines()
    assert said[0] == str(thing(tmp_path))
    assert len(said) == 4 and all(line.endswith("%") for line in said[1:])


def thing(folder: Path) -> Path:
    """A picture of an embedded thing as a file."""
    path = folder / "photo.png"
    Image.fromarray(embedded("train").images[0].permute(1, 2, 0).numpy()).save(path)
    return path


def test_predict_without_trained_weights_asks_the_best_net_that_is_carried(vgg_lib, tmp_path):
    net, classes = load_net(best_carried())
    [scores] = posteriors(net, embedded("train").images[:1], Protocol((about(best_carried())["q"],)))
    answered = vgg_lib("predict", thing(tmp_path))
    first, *_ = answered.out.splitlines()[1:]
    assert first.startswith(classes[scores.argmax()])
    assert first.endswith(f"{100 * scores.max():.1f} %")
    told = about(best_carried())
    assert told["run"] in answered.err and f"errs on {told['errorInBytes']:.1f} %" in answered.err
    assert "photographs of Imagenette" in answered.err


def test_a_link_to_no_weights_is_passed_over(vgg_lib, tmp_path):
    (tmp_path / "vgg_lib").mkdir()
    (tmp_path / "vgg_lib" / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    said = vgg_lib("evaluate")
    assert said.code == 2
    assert "there are no trained weights" in said.err


def test_export_writes_weights_and_script_beside_each_other(vgg_lib, tmp_path):
    records = Path(str(files("vgg_lib"))) / "records" / "things.jsonl"
    said = vgg_lib("export", CARRIED, "--store", records, "--folder", tmp_path / "mine")
    assert said.code == 0, said.err
    [record] = recorded("things")
    assert f"top-1 error {record.error:.1f} %, in bytes" in said.out
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"A-jittered.safetensors", "A-jittered.js"}


def test_export_writes_over_no_weights_that_it_was_given(vgg_lib, tmp_path):
    records = Path(str(files("vgg_lib"))) / "records" / "things.jsonl"
    own = tmp_path / "A-jittered.safetensors"  # what the export of these weights is called
    own.write_bytes(CARRIED.read_bytes())
    said = vgg_lib("export", own, "--store", records, "--folder", tmp_path)
    assert said.code == 2 and "in place of" in said.err and "name another --folder" in said.err
    assert own.read_bytes() == CARRIED.read_bytes()
    said = vgg_lib("export", CARRIED, own, "--store", records, "--folder", tmp_path / "new")
    assert said.code == 2 and f"in place of {CARRIED}" in said.err
    assert not (tmp_path / "new").exists()


def test_export_writes_over_nothing_in_the_home_folder(vgg_lib, tmp_path):
    records = Path(str(files("vgg_lib"))) / "records" / "things.jsonl"
    own = tmp_path / "A-jittered.safetensors"
    own.write_bytes(CARRIED.read_bytes())
    for given, folder in ((own, "~"), ("~/A-jittered.safetensors", tmp_path)):
        said = vgg_lib("export", given, "--store", records, "--folder", folder)
        assert said.code == 2 and "in place of" in said.err
    assert own.read_bytes() == CARRIED.read_bytes()
    said = vgg_lib("export", CARRIED, "--store", records, "--folder", "~/new")
    assert said.code == 0, said.err
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"A-jittered.safetensors", "A-jittered.js"}
    assert not (tmp_path / "~").exists()


def test_export_refuses_what_the_page_cannot_answer_with_before_it_writes(vgg_lib, tmp_path):
    run = make_run("A-LRN", "quick", width=1 / 16)
    net = vgg("A-LRN", num_classes=10, image_size=32, width=1 / 16)
    path = save_net(net, tmp_path / "lrn.safetensors", run=run)
    said = vgg_lib("export", path, "--folder", tmp_path / "new")
    assert said.code == 2 and "a layer that the page's engine does not know" in said.err
    assert not (tmp_path / "new").exists()


def test_evaluate_gets_the_recorded_error_of_the_net_that_is_carried(vgg_lib):
    [record] = recorded("things")
    said = vgg_lib("evaluate", "--weights", CARRIED, "--scale", 54).out
    assert "network A, 258 held-out images of 'quick', dense at Q = 54, mirrored too" in said
    assert float(said.split()[-2]) == pytest.approx(record.error, abs=2)


@pytest.fixture(scope="module")
def other_nets(tmp_path_factory) -> Path:
    """A folder with ``ten`` and ``five``, B with random weights for as many classes, and ``cut``, cut off."""
    folder = tmp_path_factory.mktemp("nets")
    for name, classes in (("ten", 10), ("five", 5)):
        save_net(vgg("B", num_classes=classes, image_size=32, width=1 / 16), folder / f"{name}.safetensors")
    (folder / "cut.safetensors").write_bytes(CARRIED.read_bytes()[:-1])
    return folder


@pytest.mark.parametrize(
    ("words", "protocol"),
    [
        (["--scale", 36, "--scale", 54], Protocol((36, 54))),
        (["--no-mirror", "--grid", 2], Protocol((36,), grid=2, mirror=False)),
        (["--no-dense", "--grid", 3, "--scale", 40], Protocol((40,), dense=False, grid=3)),
    ],
)
@pytest.mark.parametrize("fused", [False, True], ids=["alone", "fused"])
def test_evaluate_tests_as_it_is_told(vgg_lib, other_nets, words, protocol, fused):
    paths = [CARRIED, other_nets / "ten.safetensors"][: 1 + fused]
    said = vgg_lib("evaluate", *(word for path in paths for word in ("--weights", path)), *words).out
    held_out = embedded("train").held_out()
    errors = top_errors(posteriors([load_net(path)[0] for path in paths], held_out.images, protocol), held_out.labels)
    assert said == (
        f"network {'A and B' if fused else 'A'}, 258 held-out images of 'quick', {protocol}\n"
        f"top1 error {errors['top1']:.1f} %\n"
    )


def test_weights_that_trained_on_all_are_tested_on_the_validation_images(vgg_lib, tmp_path):
    run, paths = make_run("A", "quick", width=1 / 16), []
    for name, part in (("some", "nine-tenths"), ("all", "all")):
        net = vgg("A", num_classes=10, image_size=32, width=1 / 16)
        paths.append(save_net(net, tmp_path / f"{name}.safetensors", run=replace(run, train_on=part)))
    said = vgg_lib("evaluate", "--weights", paths[0], "--weights", paths[1])
    assert "network A and A, 600 validation images of 'quick'" in said.out, said.err
    said = vgg_lib("protocols", "--weights", paths[0], "--weights", paths[1], "--store", tmp_path / "mine.jsonl")
    assert said.code == 2 and "is tested on the held-out tenth, on which A" in said.err
    assert not (tmp_path / "mine.jsonl").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["five"], "the weights tell 5 classes apart, preset 'quick' has 10"),
        (["ten", "five"], "the weights tell 5 classes apart"),
        (["ten", "cut"], "cut.safetensors is not a whole safetensors file"),
    ],
)
def test_evaluate_refuses_weights_that_do_not_go_together(vgg_lib, other_nets, names, message):
    said = vgg_lib("evaluate", *(f"--weights={other_nets / name}.safetensors" for name in names))
    assert said.code == 2
    assert message in said.err


def test_predict_refuses_weights_that_are_cut_off(vgg_lib, other_nets, tmp_path):
    said = vgg_lib("predict", thing(tmp_path), "--weights", other_nets / "cut.safetensors")
    assert said.code == 2
    assert "cut.safetensors is not a whole safetensors file" in said.err


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize(("outputs", "told"), [(16, True), (4, True), (16, False)])
def test_a_net_that_predicts_boxes_is_asked_for_no_class(vgg_lib, tmp_path, command, outputs, told):
    """Four numbers for each of four classes, or four for all: the latter are as many as there are names."""
    net = vgg("A", num_classes=outputs, image_size=32, width=1 / 16)
    path = save_net(net, tmp_path / "b.safetensors", classes=tuple("abcd"), **({"boxes": True} if told else {}))
    said = vgg_lib(command, *([thing(tmp_path)] if command == "predict" else []), "--weights", path)
    assert said.code == 2
    assert f"vgg-lib: {path} predicts boxes and no classes: give the classifier that it was made from" in said.err


def test_the_newest_weights_are_those_of_a_classifier(vgg_lib, tmp_path):
    made = vgg("A", num_classes=10, image_size=32, width=1 / 16)
    folder = data_folder()
    classifier = save_net(made, folder / "old.safetensors")
    save_net(vgg("A", num_classes=4, image_size=32, width=1 / 16), folder / "b.safetensors", classes=("a",), boxes=True)
    os.utime(classifier, (1, 1))
    assert weights_or_best(None) == newest_weights() == classifier


@pytest.mark.parametrize("classifier", [False, True])
def test_a_command_has_its_net_on_the_gpu_where_there_is_one(monkeypatch, classifier):
    monkeypatch.setattr(shared, "best_device", lambda: torch.device("meta"))
    net, classes = net_in(CARRIED, classifier=classifier)
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"meta"}
    assert classes == load_net(CARRIED)[1]


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--weights", CARRIED],
        ["predict", "photo.png", "--weights", CARRIED],
        ["protocols", "--weights", CARRIED, "--store", "mine.jsonl"],
        ["measure", "PCR", "--weights", CARRIED, "--store", "mine.jsonl"],
        ["transfer", "things", "--weights", CARRIED],
        ["localise", "things", "--weights", CARRIED, "--boxes", "boxes.json"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_computes_asks_for_the_gpu(vgg_lib, monkeypatch, words):
    def asked():
        raise InputError("the best device was asked for")

    monkeypatch.setattr(shared, "best_device", asked)
    said = vgg_lib(*words)
    assert (said.code, said.err) == (2, "vgg-lib: the best device was asked for\n")


def test_transfer_has_the_untrained_net_there_too(vgg_lib, tmp_path, monkeypatch):
    def seen(net, *sets, **how):
        devices.append(next(net.parameters()).device.type)
        return [Transferred("fc7", 0.0, {"cart": 0.0}, 1.0, 0.0)]

    devices = []
    for module in (shared, transfer):
        monkeypatch.setattr(module, "best_device", lambda: torch.device("meta"))
    monkeypatch.setattr(transfer, "evaluate_transfer", seen)
    said = vgg_lib("transfer", folder_of_things(tmp_path), "--weights", CARRIED, "--compare")
    assert said.code == 0, said.err
    assert devices == ["meta", "meta"]


def folder_of_things(root):
    """Two classes of embedded pictures as files, and the boxes of all."""
    boxes = {}
    for split, count in (("train", 60), ("test", 40)):
        photos = embedded("train" if split == "train" else "val")
        for i in range(count):
            label = int(photos.labels[i])
            if label < 2:
                path = root / "things" / split / photos.classes[label] / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                to_pil_image(photos.images[i]).save(path)
                name = f"{split}/{photos.classes[label]}/{i}.png"
                boxes[name] = {"size": [64, 64], "boxes": [photos.boxes[i].tolist()]}
    (root / "boxes.json").write_text(json.dumps(boxes))
    return root / "things"


def test_transfer_fits_an_svm_to_a_folder_of_ones_own(vgg_lib, tmp_path):
    words = ("--layer", "pool3", "--scale", 32, "--scale", 36, "--stack")
    said = vgg_lib("transfer", folder_of_things(tmp_path), "--weights", CARRIED, *words)
    assert said.code == 0, said.err
    first, *classes = said.out.splitlines()
    assert re.match(r"error \d+\.\d % with pool3 of network A; C = ", first)
    assert [line.split()[0] for line in classes] == ["cart", "seesaw"]


def test_transfer_compares_with_the_net_untrained_and_with_pixels(vgg_lib, tmp_path):
    vgg_lib("train", "--network", "A", "--preset", "quick", "--epochs", 1, "--width", 1 / 16)
    said = vgg_lib("transfer", folder_of_things(tmp_path), "--compare")
    assert re.search(r"error \d+\.\d % with the same net untrained", said.out), said.err
    assert re.search(r"error \d+\.\d % with the pixels alone", said.out)


@pytest.mark.parametrize("count", [0, -1])
def test_transfer_wants_a_photograph_of_each_class_at_least(vgg_lib, tmp_path, count):
    said = vgg_lib("transfer", folder_of_things(tmp_path), "--weights", CARRIED, "--train-per-class", count)
    assert said.code == 2 and f"{count} photographs of each class were asked for: ask for 1 or more" in said.err


def test_measure_shows_how_far_it_is(vgg_lib, monkeypatch):
    def ask(*what, progress):
        raise InputError(f"progress: {progress}")

    monkeypatch.setattr(measures, "train_boxes", ask)
    said = vgg_lib("measure", "PCR-all", "--weights", CARRIED, "--store", "mine.jsonl")
    assert (said.code, said.err) == (2, "vgg-lib: progress: True\n")


def test_localise_learns_tests_and_draws_boxes(vgg_lib, tmp_path):
    words = ("--boxes", tmp_path / "boxes.json", "--epochs", 1, "--picture", "seen.png", "--out", "boxes.safetensors")
    said = vgg_lib("localise", folder_of_things(tmp_path), "--weights", CARRIED, *words)
    assert said.code == 0, said.err
    assert [line.split("%")[-1] for line in said.out.splitlines()[:3]] == [
        " of 8 photographs",
        " with the mean box of the others",
        " with the whole picture",
    ]
    with Image.open(tmp_path / "seen.png") as picture:
        assert picture.width > 400
    net, classes = load_net(tmp_path / "boxes.safetensors")
    assert (net.num_classes, classes) == (8, ("cart", "seesaw"))
    assert predicts_boxes(tmp_path / "boxes.safetensors")


def test_localise_refuses_boxes_of_other_photographs(vgg_lib, tmp_path):
    folder = folder_of_things(tmp_path)
    (tmp_path / "boxes.json").write_text('{"a/b.png": {"size": [9, 9], "boxes": [[0, 0, 9, 9]]}}')
    said = vgg_lib("localise", folder, "--boxes", tmp_path / "boxes.json")
    assert said.code == 2
    assert "none of them is among these 12" in said.err
    assert not (tmp_path / "boxes.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--picture", "p.xyz"], "unknown form of a picture 'xyz': choose from"),
        (["--picture", "p.xyz/b.png", "--scale", "0"], "scale is 0: choose a whole number of 1 or more"),
        (["--picture", "boxes.json/b.png"], "boxes.json/b.png cannot be written"),
        (["--out", ""], ". is a folder: name a file in it"),
    ],
)
def test_localise_refuses_before_it_learns(vgg_lib, tmp_path, monkeypatch, words, message):
    monkeypatch.setattr(localisation, "_learn", None)
    said = vgg_lib("localise", folder_of_things(tmp_path), "--weights", CARRIED, "--boxes", "boxes.json", *words)
    assert said.code == 2
    assert message in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "boxes.json"],
        ["--out", "~/boxes.json"],
        ["--out", "net.safetensors"],
        ["--out", "seen.png", "--picture", "seen.png"],
        ["--picture", "things/train/cart/photo.png"],
        ["--picture", "link/train/cart/photo.png"],
    ],
    ids=" ".join,
)
def test_localise_writes_over_nothing_that_it_was_given(vgg_lib, tmp_path, monkeypatch, words):
    monkeypatch.setattr(localisation, "_learn", None)
    folder = folder_of_things(tmp_path)
    thing(folder / "train" / "cart")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "net.safetensors").write_bytes(CARRIED.read_bytes())
    said = vgg_lib("localise", folder, "--weights", "net.safetensors", "--boxes", "boxes.json", *words)
    assert said.code == 2
    assert f"{words[-1]} would be written in place of a file that is needed: name another one" in said.err


def test_localise_draws_its_picture_anew_beside_the_classes(vgg_lib, tmp_path):
    folder = folder_of_things(tmp_path)
    thing(folder)
    words = ("--boxes", "boxes.json", "--epochs", 1, "--picture", folder / "photo.png")
    said = vgg_lib("localise", folder, "--weights", CARRIED, *words)
    assert said.code == 0, said.err


def test_train_keeps_record_and_weights_apart(vgg_lib, tmp_path, monkeypatch):
    monkeypatch.setattr(workshop, "train", None)
    said = vgg_lib("train", "--weights", "z.x", "--store", "~/z.x")
    assert said.code == 2
    assert "z.x would be written in place of a file that is needed: name another one" in said.err
    assert not (tmp_path / "z.x").exists()


def test_a_diverged_run_is_recorded_and_says_so(vgg_lib, tmp_path):
    # A rate of 50 is out of bounds for any network and any machine.
    run = vgg_lib("train", "--epochs", 1, "--learning-rate", 50)
    assert run.code == 3
    assert "diverged" in run.out
    [record] = Store(tmp_path / "vgg_lib" / "records.jsonl")
    assert (record.outcome, record.error) == ("diverged", 90.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_half_file_and_says_how_to_go_on(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "vgg_lib", "train", "--epochs", "500"],
        env=environment(tmp_path) | {"TQDM_DISABLE": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background may ignore it
    )
    seen = ""
    while "loss=" not in seen:  # the first step is done
        seen += process.stderr.read(20)
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "stopped: the same command goes on where it was, but for a minute at most" in rest
    assert not list(tmp_path.rglob("*.safetensors")) + list(tmp_path.rglob("*.jsonl"))


def test_a_full_disk_leaves_no_half_file(vgg_lib, tmp_path, full_disk):
    with full_disk(20_000):  # too little for the state that is kept after the first epoch
        run = vgg_lib("train", "--epochs", 1, "--width", 0.125)
    assert run.code == 2
    assert "cannot be written" in run.err and "free some space" in run.err
    assert not [path for path in (tmp_path / "vgg_lib").rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["describe", "F"], "unknown network 'F': choose from A, A-LRN, B"),
        (["train", "--preset", "desk"], "unknown preset 'desk': choose from quick, laptop, paper"),
        (["train", "--scale", "20"], "does not hold the crop of 32 pixels"),
        (["train", "--scale", "wide"], "training scale 'wide' is not of the form 73 or 73-146"),
        (["train", "--scale", ""], "training scale '' is not of the form 73 or 73-146"),
        (["train", "--scale", "7²"], "training scale '7²' is not of the form 73 or 73-146"),
        (["claim", "width"], "unknown claim 'width': choose from no-normalisation, stacking"),
        (["describe", "D", "--width", "0.001"], "width 0.001 leaves conv1_1 without channels: choose 1/64"),
        (["describe", "D", "--image-size", "31"], "image size 31 is too small"),
        (["status", "--claim", "depth"], "--claim is part of a study: name it too"),
        (["evaluate"], "run `vgg-lib train` first"),
        (["evaluate", "--weights", CARRIED, "--scale", "31"], "test scale 31 is below the crop of 32 pixels"),
        (["evaluate", "--weights", CARRIED, "--no-dense"], "a grid of crops, or both: this one has neither"),
        (["evaluate", "--weights", CARRIED, "--network", "D"], "holds a net of network A, and D was asked for"),
        (["predict", "none.jpg", "--weights", "none.safetensors"], "there is no file of weights at none.safetensors"),
        (["train", "--preset", "laptop", "--data", "nowhere"], "the data folder is nowhere, which is no folder"),
    ],
)
def test_bad_input_names_thing_value_and_way_out(vgg_lib, tmp_path, words, message):
    said = vgg_lib(*words)
    assert said.code == 2
    assert message in said.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--store", "folder"], "Is a directory"),
        (["train", "--store", "text"], "text does not end in a record"),
        (["train", "--store", "/"], "/ is a folder: name a file of records"),
        (["train", "--weights", ""], ". is a folder: name a file in it"),
        (["train", "--weights", "folder"], "folder is a folder: name a file in it"),
        (["run", "pilot", "--store", "folder"], "Is a directory: 'folder'"),
        (["run", "pilot", "--store", "text"], "text does not end in a record"),
        (["redo", "d63eff5309e226a0", "--store", "text"], "text does not end in a record"),
        (["status", "pilot", "--store", "folder"], "folder cannot be read"),
        (["protocols", "--weights", CARRIED, "--store", "text"], "text does not end in a record"),
        (["measure", "pixels", "--weights", CARRIED, "--store", "text"], "text does not end in a record"),
        (["compare", "none"], "none holds no records: name a file that `vgg-lib train --store`"),
        (["verdicts", "--store", "none"], "none holds no records"),
        (["verdicts", "--store", "folder"], "folder cannot be read"),
        (["table", "evidence", "--store", "none"], "none holds no records"),
    ],
)
def test_a_file_that_is_none_of_records_or_weights_is_refused_before_any_work(
    vgg_lib, tmp_path, monkeypatch, words, message
):
    monkeypatch.setattr(workshop, "train", None)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("a text")
    said = vgg_lib(*words)
    assert said.code == 2
    assert message in said.err
    assert (tmp_path / "text").read_text() == "a text"


LONG = "a" * 300


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["predict", LONG], 1, "aaa cannot be read as a photograph"),
        (["evaluate", "--weights", LONG], 2, "there is no file of weights at aaa"),
        (["train", "--weights", LONG], 2, "aaa cannot be written"),
        (["train", "--preset", "laptop", "--data", LONG], 2, "the data folder is aaa"),
        (["train", "--store", LONG], 2, "cannot add a record to aaa"),
        (["compare", LONG], 2, "aaa cannot be read"),
        (["transfer", LONG], 2, "aaa is no folder"),
        (["localise", LONG, "--boxes", LONG], 2, "aaa is no folder"),
    ],
    ids=lambda value: " ".join(map(str, value))[:20] if isinstance(value, list) else None,
)
def test_a_name_that_is_too_long_is_a_users_error(vgg_lib, words, code, message):
    said = vgg_lib(*words)
    assert said.code == code
    assert message in said.err


def test_doctor_names_the_data_it_did_not_find_and_times_each_preset(vgg_lib, monkeypatch):
    narrow = {name: replace(preset, width=1 / 16) for name, preset in doctor.PRESETS.items()}  # what it times is quick
    monkeypatch.setattr(doctor, "PRESETS", narrow)
    shown = vgg_lib("doctor").out
    assert "not found: set VGG_LIB_DATA" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("preset")] == ["quick", "laptop", "paper"]


def test_doctor_says_what_helps_where_a_presets_batch_does_not_fit_and_goes_on(vgg_lib, monkeypatch):
    def out_of_memory(*values, **choices):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(doctor, "vgg", out_of_memory)
    last = vgg_lib("doctor").out.splitlines()[-1]
    assert "its batch of 256 does not fit in the GPU's memory: share it among several with torchrun, or" in last


def test_warnings_are_sentences(fake_imagenette, tmp_path):
    words = ["evaluate", "--preset", "laptop", "--weights", best_carried(), "--data", fake_imagenette()]
    said = command(*words, home=tmp_path)
    assert said.returncode == 0, said.stderr
    assert re.search(
        r"^vgg-lib: .*holds 20 photographs instead of 3,925 .* is not comparable$", said.stderr, re.MULTILINE
    )
    assert "Warning" not in said.stderr


def test_the_command_line_starts_without_what_few_commands_need():
    """Each takes as long to import as much of the rest together."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, vgg_lib.cli; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "torch" in loaded
    assert not {"torchvision", "matplotlib", "sklearn", "skimage"} & set(loaded)
