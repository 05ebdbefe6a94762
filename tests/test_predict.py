"""``vgg-lib predict``: every photograph that can be read has an answer, and every other one a sentence."""

import io
import json

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from vgg_lib.book.answering import introduction
from vgg_lib.book.export import best_carried, carried_nets
from vgg_lib.data import decoding
from vgg_lib.data.embedded import THINGS, embedded
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.model import vgg
from vgg_lib.tasks import predict as asking
from vgg_lib.tasks.predict import predict, protocol_of
from vgg_lib.training.weights import carried, read, save_net


def thing(path, i=0):
    """A picture of an embedded thing as a file."""
    Image.fromarray(embedded("val").images[i].permute(1, 2, 0).numpy()).save(path)
    return path


def test_answers_are_the_posteriors_best_first(tmp_path):
    net, names = carried()
    paths = [str(thing(tmp_path / f"{i}.png", i)) for i in range(3)]
    scores = posteriors(net, embedded("val").images.take(torch.arange(3)), protocol_of(net))
    for answer, row in zip(predict(net, names, paths, top=4), scores, strict=True):
        best = row.sort(descending=True)
        assert [name for name, _ in answer.classes] == [names[i] for i in best.indices[:4]]
        assert [p for _, p in answer.classes] == pytest.approx(best.values[:4].tolist(), rel=1e-5)


@pytest.mark.parametrize("name", list(carried_nets()))
def test_a_net_that_is_carried_looks_as_it_did_when_its_error_was_measured(vgg_lib, tmp_path, monkeypatch, name):
    path, asked = carried_nets()[name], []
    monkeypatch.setattr(asking, "posteriors", lambda *how: asked.append(how[2]) or torch.full((1, 10), 0.1))
    said = vgg_lib("predict", thing(tmp_path / "a.png"), "--weights", path)
    assert said.code == 0, said.err
    tested = read(path)[0]["tested"]
    assert asked == [msgspec.convert(tested["bytes"]["protocol"], Protocol)]
    assert f"errs on {tested['bytes']['errors']['top1']:.1f} %" in said.err


def test_weights_that_name_no_run_are_asked_at_the_papers_single_scale(tmp_path):
    net = vgg("A", num_classes=3, image_size=224, width=1 / 16)
    assert protocol_of(net, save_net(net, tmp_path / "net.safetensors")) == Protocol(256)


def test_one_photograph_is_in_memory_at_a_time(tmp_path, monkeypatch):
    """Each is decoded when its turn has come, and at a size that the net needs: Q is 37."""
    sizes, net = [], carried()[0]
    read = decoding.read
    monkeypatch.setattr(decoding, "read", lambda *how: sizes.append(tuple((image := read(*how)).shape[1:])) or image)
    for name in "ab":
        Image.effect_noise((1200, 800), 50).convert("RGB").save(tmp_path / f"{name}.jpg")
    answers = predict(net, list(THINGS), [str(tmp_path / f"{name}.jpg") for name in "ab"], top=1)
    next(answers)
    assert sizes == [(100, 150)]
    next(answers)
    assert sizes == [(100, 150)] * 2


def test_one_that_cannot_be_read_does_not_keep_the_others_from_an_answer(vgg_lib, tmp_path):
    good = [thing(tmp_path / name) for name in ("a.png", "c.png")]
    (tmp_path / "b.png").write_bytes(b"\0no picture")
    said = vgg_lib("predict", "a.png", "b.png", "c.png", "--top", 1)
    assert said.code == 1
    assert said.out.splitlines()[::2] == [path.name for path in good]
    assert said.err.partition("\n")[2] == (
        "vgg-lib: b.png cannot be read as a photograph (it is in no form that is known): "
        "save it as JPEG or PNG, or remove it\n"
    )


def test_a_folder_is_its_photographs(vgg_lib, tmp_path):
    (tmp_path / "trip" / "raw").mkdir(parents=True)
    for name in ("b.png", "a.PNG", "._c.png"):
        thing(tmp_path / "trip" / name)
    (tmp_path / "trip" / "notes.txt").write_text("sunny")
    said = vgg_lib("predict", "trip", "--top", 1)
    assert (said.code, said.out.splitlines()[::2]) == (0, ["trip/a.PNG", "trip/b.png"])


def test_a_folder_that_cannot_be_read_does_not_keep_the_others_from_an_answer(vgg_lib, tmp_path, closed):
    (tmp_path / "trip").mkdir()
    closed(tmp_path / "trip")
    thing(tmp_path / "a.png")
    said = vgg_lib("predict", "trip", "a.png", "--top", 1)
    assert (said.code, said.out.splitlines()[0]) == (1, "a.png")
    assert "vgg-lib: trip cannot be read (Permission denied): check its permissions" in said.err


@pytest.mark.parametrize("name", ["~", "~/a.png"])
def test_photographs_may_be_in_the_home_folder(vgg_lib, tmp_path, name):
    thing(tmp_path / "a.png")
    said = vgg_lib("predict", name, "--top", 1)
    assert (said.code, said.out.splitlines()[::2]) == (0, [str(tmp_path / "a.png")])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("https://example.org/cat.jpg", r"https://example.org/cat.jpg cannot be .* (it is a web address): download it"),
        ("empty", "vgg-lib: empty holds no photographs: name another folder"),
        ("", "vgg-lib: a name is empty: name a photograph, or a folder of them"),
        ("strip.png", "strip.png: an image of 1×60000 pixels is more than 30 times as long as wide"),
        ("photo.heic", "(it is a HEIC photograph, which is not read): save it as JPEG or PNG"),
    ],
)
def test_what_has_no_answer_has_a_sentence(vgg_lib, tmp_path, name, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    Image.new("RGB", (60000, 1)).save(tmp_path / "strip.png")
    said = vgg_lib("predict", name)
    assert said.code == 1
    before, _, behind = says.partition(" .* ")
    assert before in said.err and behind in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("top", [0, -1])
def test_a_number_of_classes_below_1_is_refused(vgg_lib, tmp_path, top):
    said = vgg_lib("predict", thing(tmp_path / "a.png"), "--top", top)
    assert said.code == 2
    assert said.err == f"vgg-lib: --top {top} shows no class: choose 1 or more\n"


def test_more_classes_than_there_are_are_all(vgg_lib, tmp_path):
    assert len(vgg_lib("predict", thing(tmp_path / "a.png"), "--top", 99).out.splitlines()) == 11


def test_programs_get_json(vgg_lib, tmp_path):
    thing(tmp_path / "a.png")
    said = vgg_lib("predict", "a.png", "none.png", "--json", "--top", 2)
    told = json.loads(said.out)
    good, bad = told.pop("photos")
    assert said.code == 1
    assert told == {"net": introduction(best_carried()), "weights": str(best_carried())}
    assert good["photo"] == "a.png" and len(good["classes"]) == 2
    assert set(good["classes"][0]) == {"class", "probability"}
    assert bad == {"photo": "none.png", "error": said.err.partition("vgg-lib: ")[2].strip()}


def test_a_photograph_has_the_answer_that_it_has_upright(vgg_lib, tmp_path):
    upright = Image.fromarray(embedded("val").images[2].permute(1, 2, 0).numpy())
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    said = vgg_lib("predict", "upright.png", "turned.png", "--top", 2).out.splitlines()
    assert said[1:3] == said[4:6]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
@pytest.mark.parametrize(
    "words", [["predict", "café ×.png"], ["claim", "depth"], ["table", "pilot"], ["describe", "A"]]
)
def test_output_need_not_be_utf8(vgg_lib, tmp_path, monkeypatch, words, encoding):
    thing(tmp_path / "café ×.png")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding, write_through=True))
    said = vgg_lib(*words)
    assert said.code == 0
    assert len(written.getvalue().decode(encoding).strip()) > 50
    assert "\\u" not in written.getvalue().decode(encoding)


def test_photographs_of_12_megapixels_take_little_memory(tmp_path):
    """Not 36 MB each, as all their pixels would."""
    smooth = np.zeros((3000, 4000, 3), np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg")
    assert decoding.decode(tmp_path / "a.jpg", at_least=74).shape == (3, 375, 500)
