"""Things of known size: the crop that shows one, and the figure of errors over sizes."""

import dataclasses

import numpy as np
import pytest
import torch

from vgg_lib.basics.errors import InputError
from vgg_lib.book import figures
from vgg_lib.book.figures.drawing import NARROW
from vgg_lib.book.figures.style import SETTINGS
from vgg_lib.data.embedded import embedded
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.sizes import at_size

BLACK = torch.zeros(3)

pytestmark = pytest.mark.usefixtures("chapter_style")


@pytest.fixture
def boxes():
    """White boxes of 12×24, 32×32 and 40×20 pixels, in places of their own, in black pictures of 64×64."""
    places = torch.tensor([[4, 30, 16, 54], [30, 2, 62, 34], [10, 10, 50, 30]])
    pictures = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
    for picture, (left, top, right, bottom) in zip(pictures, places.tolist(), strict=True):
        picture[:, top:bottom, left:right] = 255
    some = embedded("val").take(torch.arange(3))
    return dataclasses.replace(some, images=ImageTensor(pictures), boxes=places)


def extents(crops):
    """First and last place of what is bright in each crop, down and along: ``(N, 4)``."""
    bright = crops[:, 0] > 127
    return torch.tensor(
        [[f(side.nonzero()) for side in (one.any(1), one.any(0)) for f in (torch.min, torch.max)] for one in bright]
    )


def test_the_longer_side_of_the_box_has_the_wanted_size_in_the_middle_of_the_crop(boxes):
    top, bottom, left, right = extents(at_size(boxes, torch.tensor([16.0, 24.0, 10.0]), 32, BLACK)).T
    assert (bottom - top + 1).tolist() == [16, 24, 5] or (bottom - top + 1).tolist() == [16, 24, 6]
    assert (right - left + 1).tolist() == [8, 24, 10]
    assert ((top + bottom + 1 - 32).abs() <= 1).all() and ((left + right + 1 - 32).abs() <= 1).all()


def test_a_shift_moves_the_crop_down_and_to_the_right(boxes):
    there, moved = (extents(at_size(boxes, 12.0, 32, BLACK, by)) for by in (0.0, torch.tensor([[2.0], [-3.0]])))
    assert ((moved - there).T.tolist()) == [[-2] * 3, [-2] * 3, [3] * 3, [3] * 3]


def test_the_mean_is_subtracted_inside_the_picture_and_nothing_is_beyond_it(boxes):
    crops = at_size(boxes, 8.0, 32, torch.tensor([10.0, 20.0, 30.0]))
    torch.testing.assert_close(crops[1, :, 16, 16], 255 - torch.tensor([10.0, 20.0, 30.0]))
    assert (crops[1, :, 0] == 0).all()  # 32 pixels of 64 are 8 of 16: the picture ends within the crop
    torch.testing.assert_close(crops[1].amin((1, 2)), -torch.tensor([10.0, 20.0, 30.0]))


def test_far_beyond_a_tiny_picture_there_is_nothing_either(boxes):
    crops = at_size(boxes, 2.0, 32, BLACK, torch.tensor([[8.0], [-8.0]]))
    assert (crops[:, :, -8:] == 0).all() and (crops[:, :, :, :8] == 0).all() and crops.amax() > 100


def test_mirror_images_of_the_picture_go_on_beyond_its_edges():
    one = embedded("val").take(torch.tensor([7]))
    left, top, right, bottom = one.boxes[0].tolist()
    to_its_middle = torch.tensor([[(64 - top - bottom) / 2], [(64 - left - right) / 2]])
    crop = at_size(one, float(max(right - left, bottom - top)), 160, BLACK, to_its_middle, mirrored=True)
    wide = np.pad(one.images[0].numpy(), ((0, 0), (48, 48), (48, 48)), mode="symmetric")
    torch.testing.assert_close(crop[0], torch.tensor(wide).float(), atol=1e-3, rtol=0)


def test_a_picture_at_its_own_size_is_its_own_pixels():
    one = embedded("val").take(torch.tensor([7]))
    left, top, right, bottom = one.boxes[0].tolist()
    along, down = ((64 - left - right) / 2, (64 - top - bottom) / 2)
    crop = at_size(one, float(max(right - left, bottom - top)), 64, BLACK, torch.tensor([[down], [along]]))
    torch.testing.assert_close(crop[0], one.images[0].float(), atol=1e-3, rtol=0)


def test_without_boxes_or_not_square_there_is_no_size(boxes):
    with pytest.raises(InputError, match="no boxes"):
        at_size(dataclasses.replace(boxes, boxes=None), 16.0, 32, BLACK)
    with pytest.raises(InputError, match="square"):
        at_size(dataclasses.replace(boxes, images=ImageTensor(boxes.images.pixels[:, :, :32])), 16.0, 32, BLACK)


@pytest.mark.parametrize("narrow", [False, True])
def test_errors_over_sizes_have_a_dot_for_each_seed_and_what_was_trained_below_zero(narrow):
    errors = {"one": {10: [40.0, 60.0], 20: [5.0]}, "many": {10: [20.0], 20: []}, "none": {10: [], 20: []}}
    trained = {"one": [(20, 20)], "many": [(10, 20)], "none": [(10, 10), (20, 20)]}
    figure = figures.over_sizes(errors, trained, narrow=narrow)
    [axes] = figure.axes
    lines = [list(zip(*line.get_data(), strict=True)) for line in axes.lines]
    means, below = (
        [line for line in axes.lines if line.get_label()[0] != "_"],
        [line for line in lines if line and line[0][1] < 0],
    )
    assert [line.get_label() for line in means] == ["one", "many", "none: no run recorded yet"]
    assert [line.get_color() for line in means] == [colour for colour, _ in SETTINGS[:3]]
    assert list(zip(*means[0].get_data(), strict=True)) == [(10, 50.0), (20, 5.0)]
    assert [dots.get_offsets().tolist() for dots in axes.collections] == [
        [[10, 40], [10, 60], [20, 5]], [[10, 20]], [],
    ]  # fmt: skip
    assert [[x for x, _ in line] for line in below] == [[20, 20], [10, 20], [10, 10], [20, 20]]
    assert min(axes.get_yticks()) == 0 and axes.get_ylim()[0] < min(y for line in below for _, y in line)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "20"]
    assert (figure.get_figwidth() == NARROW) == narrow
