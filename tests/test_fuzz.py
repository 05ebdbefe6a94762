"""Whatever a file holds, its reader gives what it should or an :class:`InputError` that names the file.

Images are in ``test_decoding.py``. The suite tries a few; with ``HYPOTHESIS_PROFILE=long`` and
``HYPOTHESIS_EXAMPLES=20000`` it tries so many, new ones each time.
"""

import hashlib
import io
import json
import warnings
from dataclasses import replace

import pytest
import torch
from helpers.damage import ANYTHING, damaged_bytes, damaged_json
from helpers.records import a_record
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.data.pixel_cache import pixel_file
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.published import load_published
from vgg_lib.tasks.box_file import Boxed, boxed_from_file
from vgg_lib.training.checkpoints import Checkpoint, load_state, save_state
from vgg_lib.training.parallel import Team
from vgg_lib.training.runs import Run, make_run, to_json
from vgg_lib.training.trained import Trained
from vgg_lib.training.weights import describe, load_net, run_of, save_net


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A path to write to; whatever is there can be overwritten."""
    return tmp_path_factory.mktemp("fuzz") / "fuzzed"


def named(file, read):
    """What the reader gives, ``None`` for an error that names the file; any other error fails."""
    try:
        return read(file)
    except InputError as error:
        assert str(file) in str(error)


LINE = a_record(measurements={"saturation": [0.5]}, classes=10).to_line()


@given(damaged_bytes([LINE.encode() * 2]) | damaged_json([json.loads(LINE)]).map(lambda raw: json.dumps(raw).encode()))
def test_records(file, content):
    file.write_bytes(content + b"\n")
    for record in named(file, lambda path: list(Store(path))) or []:
        assert isinstance(record, Record)
    named(file, lambda path: Store(path).latest())


def test_a_line_is_no_record_that_is_nested_without_end(file):
    file.write_bytes(b"[" * 100_000 + b"\n")
    with pytest.raises(InputError, match="line 1, is not a record"):
        list(Store(file))


RUN = make_run("A", "quick", width=1 / 16, epochs=1)


@given(damaged_bytes([b"\0" * 32 + bytes(range(256))]))
def test_checkpoints_that_are_damaged(file, content):
    file.write_bytes(content)
    assert named(file, load_state) is None


def checkpoint(path):
    """A checkpoint of a training of four weights."""
    net = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=9)
    parts = {"trained": Trained(RUN, net, ()), "net": net, "optimiser": optimiser, "schedule": schedule}
    return Checkpoint(path, RUN.key, Team(torch.device("cpu")), parts)


@given(st.data())
def test_checkpoints_that_hold_something_else(file, data):
    """What is written here with its digest, but is no state of this run."""
    with torch.random.fork_rng():
        checkpoint(file).save()
        state = load_state(file)
        for name in data.draw(st.sets(st.sampled_from(sorted(state)), min_size=1, max_size=2)):
            if data.draw(st.booleans()):
                del state[name]
            else:
                state[name] = data.draw(ANYTHING | st.just([torch.zeros(3)]) | st.just({"w": torch.zeros(3)}))
        save_state(file, state)
        named(file, lambda path: checkpoint(path).resume())


@given(st.data())
def test_checkpoints_of_another_form(file, data):
    content = io.BytesIO()
    torch.save(data.draw(ANYTHING), content)
    file.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())
    assert named(file, load_state) is None


def small():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return vgg("A", num_classes=2, image_size=32, width=1 / 64)


def forms_of_weights():
    """Small weights in each form of a file that people have."""
    for zipped in (True, False):
        out = io.BytesIO()
        torch.save({"state_dict": small().state_dict(), "epoch": 3}, out, _use_new_zipfile_serialization=zipped)
        yield out.getvalue()


@pytest.fixture(scope="module")
def saved(file):
    save_net(small(), file, classes=("a", "b"), run=RUN)
    return file.read_bytes()


@given(st.data())
def test_weights(file, saved, data):
    file.write_bytes(data.draw(damaged_bytes([saved, *FORMS])))
    net = named(file, load_net)
    assert net is None or isinstance(net[0], VGG)
    run = named(file, run_of)
    assert run is None or isinstance(run, Run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        net = named(file, lambda path: load_published(path, "A", image_size=32))
    assert net is None or isinstance(net, VGG)


FORMS = list(forms_of_weights())
DESCRIBED = to_json(describe(small(), ("a", "b"), RUN))


@given(damaged_json([DESCRIBED]))
def test_descriptions_of_weights(file, described):
    save_file(small().state_dict(), file, metadata={"vgg_lib": json.dumps(described)})
    net = named(file, load_net)
    assert net is None or isinstance(net[0], VGG)
    run = named(file, run_of)
    assert run is None or isinstance(run, Run)


BOXES = {
    "train/a/00000.png": {"size": [64, 64], "boxes": [[1, 2, 30, 40], [5, 5, 20, 20.5]]},
    "train/a/00001.png": {"size": [128, 96], "boxes": [[0, 0, 128, 96]]},
}


@pytest.fixture(scope="module")
def photos():
    return embedded("val").take(torch.arange(2))


@given(damaged_json([BOXES]).map(json.dumps) | damaged_bytes([json.dumps(BOXES).encode()]))
def test_boxes(file, photos, content):
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    names = ("00000.png", "00001.png")
    boxes = named(file, lambda path: boxed_from_file(replace(photos, names=names), path))
    assert boxes is None or isinstance(boxes, Boxed)


@given(damaged_bytes([bytes(100)]))
def test_kept_pixels(file, content):
    """A file of pixels that is not what was written is written again."""
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
    pixel_file(file, 2, lambda: iter([images]))
    whole = file.read_bytes()
    file.write_bytes(content if len(content) % 2 else whole[: len(content)])
    assert torch.equal(pixel_file(file, 2, lambda: iter([images])).all(), images)


FIELDS = sorted({*to_json(RUN), *to_json(RUN)["preset"]} - {"network", "preset", "layers", "name", "scales"})


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_recipes(choices):
    try:
        run = make_run("A", "quick", **choices)
    except InputError:
        return
    assert len(run.key) == 16


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_protocols(scales, dense, grid, mirror):
    try:
        protocol = Protocol(scales, dense, grid, mirror)
    except InputError:
        return
    assert protocol.singles()
