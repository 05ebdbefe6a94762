"""Carried nets: the same function in a quarter of the bytes, with their errors; and what the answering page loads."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.book import answering, export
from vgg_lib.evidence.store import Store, recorded
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.tasks.carried_photographs import FOLDER as PHOTOGRAPHS
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import describe, load_net, read, save_net, write

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "_static" / "answers"
TEXT = (ROOT / "book" / "answers.md").read_text(encoding="utf-8")
SCRIPTS = sorted(PAGE.glob("*.js"))
THINGS = export.FOLDER / "things.safetensors"


def normalised(network: str, width: float = 1 / 16) -> VGG:
    """A net whose batch normalisation does something: no mean is 0, no scale 1."""
    torch.manual_seed(0)
    net = vgg(network, num_classes=10, image_size=32, width=width, batch_norm=True)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values, low, high in (
                (layer.running_mean, -1, 1),
                (layer.running_var, 0.5, 2),
                (layer.weight.data, -2, 2),
                (layer.bias.data, -1, 1),
            ):
                values.uniform_(low, high)
    return net.eval()


@pytest.fixture
def inputs() -> torch.Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", ["A", "A-LRN", "B-5x5", "D"])
def test_folding_changes_nothing_that_a_net_says(network, inputs):
    net = normalised(network)
    made = export.folded(net)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in made.modules())
    with torch.inference_mode():
        assert torch.allclose(made(inputs), net(inputs), rtol=1e-4, atol=1e-4)


def test_weights_in_bytes_are_off_by_half_a_step_of_their_own_channel_at_most():
    weight = torch.randn(5, 3, 3, 3) * torch.tensor([1e-3, 1, 100, 0, 1]).view(5, 1, 1, 1)
    whole, scale = export.in_bytes(weight)
    assert whole.dtype == torch.int8 and int(whole.abs().max()) == 127
    off = (whole.float() * scale.view(5, 1, 1, 1) - weight).abs()
    assert bool((off <= scale.view(5, 1, 1, 1) * 0.501).all())


def test_a_carried_net_is_found_and_used_like_any_other(tmp_path, inputs):
    run = make_run("D", "quick", batch_norm=True)
    net = normalised("D")
    before = save_net(net, tmp_path / "before.safetensors", run=run)
    small = export.quantised(net)
    tensors = export.tensors_in_bytes(net)
    path = write(tensors, describe(small, run=run), tmp_path / "D.safetensors")
    loaded, _ = load_net(path)
    with torch.inference_mode():
        assert torch.equal(loaded(inputs), small(inputs))
    assert path.stat().st_size < before.stat().st_size / 2
    assert export.carried_nets(tmp_path) == {}, "neither says how often it errs"


@pytest.fixture(scope="module")
def carried(tmp_path_factory) -> Path:
    """The net of the embedded things as the page would have it."""
    return export.carry(THINGS, recorded("things"), tmp_path_factory.mktemp("carried"), progress=False)


def test_a_carried_net_says_how_often_it_errs_from_its_record(carried):
    [record] = recorded("things")
    told = answering.about(carried)
    assert (told["key"], told["error"]) == (record.key, record.error)
    assert abs(told["errorInBytes"] - told["error"]) <= export.MAY_RISE
    assert told["photographs"] == len(read(carried)[0]["tested"]["bytes"]["targets"]) > 100
    assert told["label"] == "A, jittered" and told["name"] == "A-jittered" == carried.stem
    assert told["scale"] == list(record.run.scale) or told["scale"] == record.run.scale
    assert told["testSet"] == "held-out" and told["trainedOn"].startswith("nine tenths")
    assert told["ranks"] == sorted(told["ranks"]) and len(told["ranks"]) == 19
    assert list(export.carried_nets(carried.parent)) == ["A-jittered"]


def test_a_net_without_its_record_is_not_carried(tmp_path):
    with pytest.raises(InputError, match=r"has no record of run [0-9a-f]{16}"):
        export.carry(THINGS, Store(tmp_path / "none.jsonl"), tmp_path)


def test_a_net_that_bytes_make_worse_is_not_carried(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAY_RISE", -50)
    with pytest.raises(InputError, match="it is not carried"):
        export.carry(THINGS, recorded("things"), tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_the_highest_score_is_that_of_map_and_mirror_together():
    class Photos:
        images = torch.randint(0, 256, (2, 3, 40, 56), dtype=torch.uint8)

        def __len__(self):
            return 2

    net = export.folded(normalised("A"))
    found = export.highest_scores(net, Photos(), 40)
    for image, score in zip(Photos.images, found, strict=True):
        x = net.preprocessing(image[None])
        with torch.inference_mode():
            views = [export.score_map(net, view).mean((2, 3)) for view in (x, x.flip(-1))]
        assert float(score) == pytest.approx(float((sum(views) / 2).max()), abs=1e-4)


def test_a_net_is_introduced_by_what_is_known_of_it(carried, tmp_path):
    [record] = recorded("things")
    assert f"errs on {answering.about(carried)['errorInBytes']:.1f} %" in answering.introduction(carried)
    assert answering.introduction(THINGS) == str(record.run)
    bare = save_net(normalised("A"), tmp_path / "bare.safetensors")
    assert answering.introduction(bare) == f"network A of {bare}"


def test_layers_are_told_as_convolutions_and_pools():
    layers = answering.page_layers(vgg("B-5x5", num_classes=10, image_size=64, width=1 / 4))
    assert layers[0] == {"name": "conv1_1", "kind": "conv", "channels": 16, "kernel": 5, "padding": 2, "relu": True}
    assert layers[1] == {"name": "pool1", "kind": "pool"}
    assert [(layer["name"], layer["kernel"], layer["relu"]) for layer in layers[-3:]] == [
        ("fc6", 2, True), ("fc7", 1, True), ("fc8", 1, False),
    ]  # fmt: skip


def test_a_layer_that_the_engine_does_not_know_is_refused():
    with pytest.raises(InputError, match="lrn1 of network A-LRN"):
        answering.page_layers(vgg("A-LRN", num_classes=10, image_size=32, width=1 / 16))


def test_the_page_gets_every_net_and_photograph_as_scripts(carried, tmp_path):
    answering.write_scripts(tmp_path, carried.parent)
    known = json.loads((tmp_path / "nets.js").read_text(encoding="utf-8").removeprefix("answers.known = ")[:-2])
    assert [net["name"] for net in known["nets"]] == ["A-jittered"] and known["missing"] == list(export.WANTED)
    text = (tmp_path / "nets" / "A-jittered.js").read_text(encoding="ascii")
    described, numbers = re.fullmatch(r'answers\.arrived\((\{.*\}),\n"([A-Za-z0-9+/=]+)"\);\n', text).groups()
    assert len(numbers) == pytest.approx(known["nets"][0]["size"] * 4 / 3, abs=4)
    assert len(json.loads(described)["layers"]) == len(load_net(carried)[0].specs)
    samples = json.loads((tmp_path / "photos.js").read_text(encoding="ascii").removeprefix("answers.samples = ")[:-2])
    assert all(set(sample) == {"name", "alt", "credit", "data"} for sample in samples)
    assert all(sample["data"].startswith("data:image/jpeg;base64,") for sample in samples)


def test_the_numbers_are_scales_biases_and_then_weights_by_place(carried):
    net, _ = load_net(carried)
    numbers = answering.payload(carried)
    layers = list(net.weight_layers().values())
    outputs = [len(layer.weight) for layer in layers]
    floats = np.frombuffer(numbers, "<f4", 2 * sum(outputs))
    whole = np.frombuffer(numbers, np.int8, offset=floats.nbytes)
    first, fc6 = layers[0], layers[-3]
    assert np.array_equal(floats[outputs[0] : 2 * outputs[0]], first.bias.detach().numpy())
    places = whole[: first.weight.numel()].reshape(outputs[0], 3, 3, 3).transpose(0, 3, 1, 2)
    assert np.allclose(places * floats[: outputs[0], None, None, None], first.weight.detach().numpy(), atol=1e-7)
    before = sum(layer.weight.numel() for layer in layers[:-3])
    scale = floats[2 * sum(outputs[:-3]) :][: outputs[-3]]
    side = round((fc6.in_features / outputs[-4]) ** 0.5)
    there = whole[before : before + fc6.weight.numel()].reshape(outputs[-3], side, side, -1).transpose(0, 3, 1, 2)
    assert np.allclose(there.reshape(outputs[-3], -1) * scale[:, None], fc6.weight.detach().numpy(), atol=1e-7)


def test_the_inner_loop_is_what_its_text_says():
    spec = spec_from_file_location("assemble", ROOT / "book" / "assemble.py")
    assemble = module_from_spec(spec)
    spec.loader.exec_module(assemble)
    assert (PAGE / "kernel.js").read_text(encoding="utf-8") == assemble.script(), "run `python book/assemble.py`"


def test_nets_that_come_with_the_library_hold_what_the_page_promises():
    for path in export.carried_nets().values():
        told = answering.about(path)
        assert told["errorInBytes"] - told["error"] <= export.MAY_RISE
        assert path.stat().st_size < 2_800_000
        assert path.stem == export.name_of(export.run_of(path))


def test_the_photographs_to_choose_from_are_free_named_and_small():
    photos = json.loads((PHOTOGRAPHS / "photos.json").read_text(encoding="utf-8"))
    assert {photo["file"] for photo in photos} == {path.name for path in PHOTOGRAPHS.glob("*.jpg")}
    for photo in photos:
        author, licence = re.search(
            r"by ([\w ]+?)(?:,.*)?, (CC BY-SA [23]\.0|CC0|public domain)$", photo["credit"]
        ).groups()
        assert author.removesuffix(", Wikimedia Commons") in TEXT and licence in TEXT
        assert len(photo["alt"]) > 40
        with Image.open(PHOTOGRAPHS / photo["file"]) as image:
            assert min(image.size) <= 260 and not image.getexif()


def test_the_scripts_stay_small():
    assert sum(path.stat().st_size for path in SCRIPTS) < 62_000
    assert sum(path.stat().st_size for path in PHOTOGRAPHS.glob("*.jpg")) < 120_000


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_nothing_is_asked_of_a_network(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]|XMLHttpRequest|WebSocket|sendBeacon|@import", text)
    assert re.findall(r"\bfetch\(.*", text) in ([], ["fetch(new URL(`nets/${name}.js`, answers.base));"])


@pytest.mark.parametrize("part", re.findall(r'data-part="(\w+)"', TEXT))
def test_a_still_picture_stands_where_scripts_are_off(part):
    [figure] = re.findall(rf'<figure class="explorer answers" data-part="{part}".*?</figure>', TEXT, re.DOTALL)
    assert "\n\n" not in figure, "a blank line would end the HTML"
    [(width, height, alt)] = re.findall(rf'/answers/{part}\.png" width="(\d+)" height="(\d+)" alt="([^"]+)"', figure)
    with Image.open(PAGE / f"{part}.png") as picture:
        assert picture.size == (int(width), int(height)), "run `python book/stills.py`"
    assert len(alt) > 40
