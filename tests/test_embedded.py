"""The embedded data set: the same bytes everywhere, and what is in them."""

import hashlib

import pytest
import torch
from torchvision.ops import masks_to_boxes

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import COUNTS, MARKS, SEEDS, THINGS, _boxes, embedded, generate


def digest(tensor):
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("split", "images"), [("train", "5a0c010686bf0553"), ("val", "c862901f489b1c69")])
def test_the_pictures_are_the_same_bytes_on_every_machine(split, images):
    assert digest(embedded(split).images.pixels) == embedded(split).fingerprint == images


@pytest.mark.parametrize(("split", "images"), [("train", "2c3cd922b389a466"), ("val", "1ec0b161910483a4")])
def test_the_marked_pictures_are_the_same_bytes_on_every_machine(split, images):
    marked = embedded(split, marked=True)
    assert digest(marked.images.pixels) == marked.fingerprint == images


def test_a_mark_is_the_colour_of_a_triangle_and_nothing_else():
    plain, marked = embedded("val"), embedded("val", marked=True)
    assert torch.equal(plain.boxes, marked.boxes) and torch.equal(plain.labels, marked.labels)
    differ = (plain.images.pixels != marked.images.pixels).any(1)
    left, top, right, bottom = masks_to_boxes(differ).T
    side = torch.maximum(right - left, bottom - top) + 1
    thing = (plain.boxes[:, 2:] - plain.boxes[:, :2]).amax(1)
    assert (side > 3).all() and (side <= 0.45 * thing + 2).all()  # a triangle is a quarter of a thing's side
    brightest = (marked.images.pixels * differ[:, None]).flatten(2).amax(2).argmax(1)
    assert (brightest == MARKS[marked.labels].argmax(1)).double().mean() > 0.9  # the light is uneven


@pytest.mark.parametrize(("split", "boxes"), [("train", "68791fb70bc6457f"), ("val", "271b63dab34947bb")])
def test_the_boxes_are_the_same_on_every_machine(split, boxes):
    assert digest(embedded(split).boxes) == boxes


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bytes_do_not_depend_on_the_number_of_threads(threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        images, _, _ = generate(COUNTS["val"], SEEDS["val"])
    finally:
        torch.set_num_threads(before)
    assert digest(images) == embedded("val").fingerprint


def test_another_seed_gives_other_pictures():
    assert not torch.equal(generate(10, seed=1)[0], generate(10, seed=2)[0])


@pytest.mark.parametrize("split", COUNTS)
def test_classes_are_balanced(split):
    photos = embedded(split)
    assert photos.classes == tuple(THINGS)
    assert photos.labels.bincount().tolist() == [len(photos) / 10] * 10


def test_names_are_unique_over_both_splits():
    names = embedded("train").names + embedded("val").names
    assert len(set(names)) == len(names) == 3000


def test_the_things_sizes_vary_about_twofold():
    left, top, right, bottom = embedded("train").boxes.T.float()
    small, large = torch.maximum(right - left, bottom - top).quantile(torch.tensor([0.05, 0.95])).tolist()
    assert 1.8 < large / small < 2.5


def test_boxes_lie_inside_the_picture():
    left, top, right, bottom = embedded("train").boxes.T
    assert (left >= 0).all() and (left < right).all() and (right <= 64).all()
    assert (top >= 0).all() and (top < bottom).all() and (bottom <= 64).all()


def test_boxes_are_tight_with_right_and_bottom_excluded():
    masks = torch.rand(50, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.999
    expected = masks_to_boxes(masks).long() + torch.tensor([0, 0, 1, 1])
    assert torch.equal(_boxes(masks), expected)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: embedded("test"), "unknown split 'test': choose from train, val"),
        (lambda: generate(0, 1), "0 pictures"),
    ],
)
def test_what_is_not_there_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()
