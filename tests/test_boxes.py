"""Boxes: how much they overlap, how a net is told of them, where they are in a crop, and files of them."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.data.images import ImageList, ImageTensor
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import Crops, cut
from vgg_lib.tasks.box_file import boxed, boxed_from_file
from vgg_lib.tasks.boxes import boxes_in_crops, boxes_in_pictures, decode, encode, merge, overlap

SIDE = st.floats(0, 100, width=32)
BOX = st.tuples(SIDE, SIDE, st.floats(0.5, 50, width=32), st.floats(0.5, 50, width=32)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)
BOXES = st.lists(BOX, min_size=1, max_size=6).map(torch.tensor)


@given(BOXES, BOXES)
def test_overlap_is_torchvisions(a, b):
    expected = box_iou(a, b)
    torch.testing.assert_close(overlap(a[:, None], b[None]), expected, rtol=1e-4, atol=1e-6)
    count = min(len(a), len(b))
    torch.testing.assert_close(overlap(a[:count], b[:count]), expected.diagonal(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("empty", [[1.0, 1, 1, 5], [3.0, 1, 1, 5], [3.0, 5, 1, 1]])
def test_a_box_without_area_overlaps_nothing(empty):
    empty = torch.tensor(empty)
    assert overlap(empty, torch.tensor([0.0, 0, 9, 9])) == 0
    assert overlap(empty, empty) == 0


@given(BOXES, st.integers(1, 500), st.integers(1, 500))
def test_what_is_decoded_was_encoded(boxes, height, width):
    sizes = torch.tensor([[height, width]]).expand(len(boxes), 2)
    torch.testing.assert_close(decode(encode(boxes, sizes), sizes), boxes, rtol=1e-4, atol=1e-3)


def test_a_box_is_told_by_centre_width_and_height_in_parts_of_its_own_sides():
    encoded = encode(torch.tensor([[10.0, 20, 30, 80]]), torch.tensor([[100, 40]]))
    torch.testing.assert_close(encoded, torch.tensor([[20 / 40, 50 / 100, 20 / 40, 60 / 100]]))


def test_a_predicted_width_below_0_is_a_width_of_0():
    left, top, right, bottom = decode(torch.tensor([[0.5, 0.5, -0.2, 0.4]]), 10)[0].tolist()
    assert (left, right) == (5, 5)
    assert (top, bottom) == pytest.approx((3, 7))


def crops_of(count, side, top, left, flip):
    return Crops(*(torch.full((count,), value) for value in (side, top, left, flip)))


@given(BOXES, st.integers(32, 80), st.integers(0, 9), st.integers(0, 9), st.booleans(), st.integers(32, 99))
def test_boxes_of_crops_come_back_to_their_pictures(boxes, side, top, left, flip, height):
    sizes, crops = torch.tensor([[height, 50]] * len(boxes)), crops_of(len(boxes), side, top, left, flip)
    there = boxes_in_crops(boxes, sizes, crops, 32)
    torch.testing.assert_close(boxes_in_pictures(there, sizes, crops, 32), boxes, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("flip", [False, True])
def test_the_box_of_a_bright_patch_is_around_it_in_the_crop_too(flip):
    picture = torch.zeros(1, 3, 60, 90, dtype=torch.uint8)
    picture[:, :, 20:40, 30:42] = 255
    crops = crops_of(1, 120, 30, 44, flip)  # enlarged twice
    seen = cut(picture, crops, 64)[0, 0] > 127
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    expected = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    box = boxes_in_crops(torch.tensor([[30.0, 20, 42, 40]]), torch.tensor([[60, 90]]), crops, 64)
    assert box[0].tolist() == [float(edge) for edge in expected]


def test_merging_goes_on_until_nothing_overlaps_and_keeps_its_input():
    boxes = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 12], [0, 0, 10, 14], [50, 50, 60, 61]])
    scores = torch.tensor([0.1, 0.5, 0.2, 0.3, 0.6])
    before = boxes.clone()
    merged, summed = merge(boxes, scores)
    torch.testing.assert_close(merged, torch.tensor([[50.0, 50, 60, 60.5], [0, 0, 10, 12]]))
    torch.testing.assert_close(summed, torch.tensor([1.1, 0.6]))
    assert torch.equal(boxes, before)


@given(BOXES, st.floats(0.1, 0.9))
def test_merged_boxes_do_not_overlap_and_lose_no_score(boxes, least):
    scores = torch.arange(1.0, len(boxes) + 1)
    merged, summed = merge(boxes, scores, least)
    assert summed.sum() == pytest.approx(float(scores.sum()), rel=1e-5)
    assert torch.equal(summed, summed.sort(descending=True).values)
    assert (overlap(merged[:, None], merged[None]).triu(1) < least).all()


def photos(count=4, height=50, width=100):
    names = tuple(f"ILSVRC2012_val_{i}.JPEG" for i in range(count))
    images = ImageTensor(torch.zeros(count, 3, height, width, dtype=torch.uint8))
    return Photos(images, torch.arange(count) % 2, names, ("a", "b"), "")


ENTRIES = {
    "val/n1/ILSVRC2012_val_2.JPEG": {"size": [200, 400], "boxes": [[0, 0, 20, 40], [100, 100, 200, 400]]},
    "train/n0/ILSVRC2012_val_0.JPEG": {"size": [100, 50], "boxes": [[10, 10, 30, 40]]},
    "train/n0/ILSVRC2012_val_9.JPEG": {"size": [100, 50], "boxes": [[10, 10, 30, 40]]},
}


def written(folder, entries):
    path = folder / "boxes.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


def test_boxes_of_a_file_are_resized_with_their_photographs(tmp_path):
    found = boxed_from_file(photos(), written(tmp_path, ENTRIES))
    assert found.photos.names == ("ILSVRC2012_val_0.JPEG", "ILSVRC2012_val_2.JPEG")
    assert found.photos.labels.tolist() == [0, 0]
    assert found.boxes[0].tolist() == [[10, 10, 30, 40]]
    assert found.boxes[1].tolist() == [[0, 0, 10, 5], [50, 12.5, 100, 50]]
    assert found.photos.boxes.tolist() == [[10, 10, 30, 40], [50, 12.5, 100, 50]]


def test_a_file_of_boxes_may_be_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, ENTRIES)
    assert len(boxed_from_file(photos(), "~/boxes.json")) == 2


def test_photographs_with_one_box_can_be_told_apart(tmp_path):
    found = boxed_from_file(photos(), written(tmp_path, ENTRIES))
    assert found.single().photos.names == ("ILSVRC2012_val_0.JPEG",)
    assert len(found.single()) == len(found.single().photos) == 1


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"x.JPEG": {"size": [9, 9], "boxes": [[0, 0, 9, 9]]}}, "boxes of 1 photographs, and none of them is among"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [[0, 0, 9, 10]]}}, "reaches outside its picture"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [[-1, 0, 9, 9]]}}, "reaches outside its picture"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [[0, 0, 9, 9], [5, 0, 5, 9]]}}, "is empty"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": []}}, "has no box: give one or more"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [[0, 0, 9]]}}, "describes ILSVRC2012_val_0.JPEG as"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [0, 9], "boxes": [[0, 0, 9, 9]]}}, "describes ILSVRC2012_val_0.JPEG as"),
        ({"ILSVRC2012_val_0.JPEG": [[0, 0, 9, 9]]}, "describes ILSVRC2012_val_0.JPEG as"),
        ({"ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [["a", 0, 9, 9]]}}, "describes ILSVRC2012_val_0.JPEG"),
        ([], "holds no boxes"),
        ("{", "no file of boxes in JSON"),
    ],
)
def test_a_file_of_boxes_that_cannot_be_used_is_told_what_is_wrong(tmp_path, entries, says):
    with pytest.raises(InputError, match=says):
        boxed_from_file(photos(), written(tmp_path, entries))


def test_files_of_one_name_in_two_classes_are_two_photographs(tmp_path):
    named = dataclasses.replace(photos(2), names=("ant/0.jpg", "bee/0.jpg"))
    sides = {"bee": 9, "ant": 5}
    entries = {f"train/{name}/0.jpg": {"size": [100, 50], "boxes": [[0, 0, x, x]]} for name, x in sides.items()}
    found = boxed_from_file(named, written(tmp_path, entries))
    assert found.photos.names == named.names
    assert found.photos.boxes[:, 2].tolist() == [5, 9]


def test_files_of_one_name_in_two_halves_are_told_apart(tmp_path):
    sides = {"train": 9, "test": 5}
    entries = {
        f"{half}/a/ILSVRC2012_val_0.JPEG": {"size": [9, 9], "boxes": [[0, 0, x, x]]} for half, x in sides.items()
    }
    found = boxed_from_file(photos(), written(tmp_path, entries), below="test/")
    assert found.boxes[0][0, 3] == pytest.approx(50 * 5 / 9)
    with pytest.raises(InputError, match=r"has boxes of ILSVRC2012_val_0.JPEG twice, the second time as test/a"):
        boxed_from_file(photos(), written(tmp_path, entries))


def test_a_missing_file_of_boxes_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file of boxes at .*nowhere\.json"):
        boxed_from_file(photos(), tmp_path / "nowhere.json")


def test_the_embedded_pictures_have_one_box_each():
    some = boxed(embedded("val"))
    assert len(some) == len(some.single()) == 600
    assert torch.equal(torch.cat(some.boxes), embedded("val").boxes.float())


def test_boxes_of_other_photographs_are_refused():
    with pytest.raises(InputError, match="these photographs have no boxes"):
        boxed(photos())
    with pytest.raises(InputError, match="there are 4 photographs and boxes of 3"):
        boxed(photos(), [torch.tensor([[0, 0, 9, 9]])] * 3)
    with pytest.raises(InputError, match=r"ILSVRC2012_val_0.JPEG has a box .* 100 wide and 50 high"):
        boxed(photos(), [torch.tensor([[0, 0, 9, 51]])] * 4)


def test_photographs_of_many_sizes_have_boxes_in_their_own_pixels(tmp_path):
    mixed = Photos(
        ImageList([torch.zeros(3, 100, 200), torch.zeros(3, 10, 20)]), torch.zeros(2), ("0.JPEG", "1.JPEG"), ("a",), ""
    )
    entries = {f"{i}.JPEG": {"size": [400, 200], "boxes": [[0, 0, 200, 200]]} for i in (1, 0)}
    assert boxed_from_file(mixed, written(tmp_path, entries)).photos.boxes.tolist() == [
        [0, 0, 100, 100],
        [0, 0, 10, 10],
    ]
