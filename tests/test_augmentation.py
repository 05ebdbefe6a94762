"""Rescaling, crops, flips and colour shifts, against torchvision's and NumPy's."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2.functional import resize

from vgg_lib.basics.errors import InputError
from vgg_lib.data.augmentation import ColourShift, as_drawn, draw, draw_crops, training_batch
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.rescaling import Crops, cut, rescale, rescaled_size

sides = st.integers(20, 90)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(seed))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 600))
def test_the_smallest_side_becomes_s_and_the_other_keeps_the_ratio(height, width, s):
    rescaled = rescaled_size(height, width, s)
    assert min(rescaled) == s
    assert max(rescaled) == max(height, width) * s // min(height, width)


@given(sides, sides, st.integers(16, 120))
def test_rescaling_is_torchvisions_antialiased_resize(height, width, s):
    image = noise(3, height, width)
    ours, theirs = rescale(image, s), resize(image, s, antialias=True)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1)


def test_a_batch_is_rescaled_as_its_images_are():
    batch = noise(4, 3, 40, 60)
    assert torch.equal(rescale(batch, 32), torch.stack([rescale(image, 32) for image in batch]))


def test_a_smallest_side_of_0_is_refused():
    with pytest.raises(InputError, match=r"smallest side 0 .* choose 1 or more"):
        rescale(noise(3, 8, 8), 0)


@given(sides, sides, st.integers(16, 120), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_cutting_is_resizing_then_cropping_then_flipping(height, width, s, down, right, flip):
    image, crop = noise(3, height, width), 16
    resized = resize(image, s, antialias=True).float()
    top, left = int(down * (resized.shape[1] - crop)), int(right * (resized.shape[2] - crop))
    expected = resized[:, top : top + crop, left : left + crop]
    crops = Crops(*(torch.tensor([value]) for value in (s, top, left, flip)))
    torch.testing.assert_close(
        cut(image[None], crops, crop)[0], expected.flip(-1) if flip else expected, rtol=0, atol=1
    )


def test_images_of_one_batch_are_cut_each_at_its_own_scale():
    images, crops = noise(5, 3, 30, 40), draw_crops([(30, 40)] * 5, (24, 60), 20, generator())
    one_by_one = torch.cat([cut(images[i : i + 1], crops.one(i), 20) for i in range(5)])
    assert len(crops.side.unique()) > 1
    torch.testing.assert_close(cut(images, crops, 20), one_by_one, rtol=0, atol=1e-3)


@given(sides, sides, st.integers(16, 60), st.integers(0, 60), st.integers(0, 1000))
def test_crops_lie_inside_the_rescaled_image(height, width, smallest, more, seed):
    crops = draw_crops([(height, width)] * 20, (smallest, smallest + more), 16, generator(seed))
    for s, top, left in zip(*(getattr(crops, name).tolist() for name in ("side", "top", "left")), strict=True):
        rows, columns = rescaled_size(height, width, s)
        assert 0 <= top <= rows - 16
        assert 0 <= left <= columns - 16


def test_crops_reach_every_place():
    crops = draw_crops([(20, 21)] * 1000, 20, 16, generator())
    places = set(zip(crops.top.tolist(), crops.left.tolist(), strict=True))
    assert places == {(top, left) for top in range(5) for left in range(6)}


def test_s_is_drawn_evenly_from_the_whole_range_both_ends_included():
    drawn = draw_crops([(50, 50)] * 5000, (36, 40), 32, generator()).side
    assert drawn.unique().tolist() == [36, 37, 38, 39, 40]
    assert drawn.bincount()[36:].min() > 900


def test_one_s_is_that_s():
    assert draw_crops([(50, 60)] * 100, 36, 32, generator()).side.unique().tolist() == [36]


def test_about_half_of_the_images_are_flipped():
    flipped = draw_crops([(50, 50)] * 5000, 36, 32, generator()).flip.float().mean()
    assert float(flipped) == pytest.approx(0.5, abs=0.03)


def test_draws_do_not_depend_on_the_images():
    one, other = (draw_crops([size] * 50, (36, 72), 32, generator()) for size in ((36, 36), (80, 50)))
    assert torch.equal(one.side, other.side)
    assert torch.equal(one.flip, other.flip)


def test_draws_are_the_same_for_ever():
    """Runs that are recorded were drawn so: what changes this makes their records unrepeatable."""
    random = generator()
    crops = draw_crops([(30 + i, 50 - i // 2) for i in range(40)], (24, 60), 20, random)
    assert crops.side[:6].tolist() == [42, 52, 27, 28, 35, 47]
    assert crops.top[:6].tolist() == [12, 8, 4, 0, 2, 6]
    assert crops.left[:6].tolist() == [1, 60, 19, 0, 17, 18]
    assert crops.flip[:6].tolist() == [False, False, True, False, True, True]
    drawn = b"".join(part.numpy().tobytes() for part in (crops.side, crops.top, crops.left, crops.flip))
    assert hashlib.sha256(drawn).hexdigest()[:16] == "6fc22a6e0c8c6257"
    assert float(torch.rand(1, generator=random)) == 0.403692364692688


@pytest.mark.parametrize("draws", [draw, training_batch])
def test_a_batch_draws_as_much_for_ever(draws):
    random = generator()
    draws(ImageTensor(noise(6, 3, 40, 50)), (36, 48), 32, random, ColourShift(torch.eye(3)))
    assert float(torch.rand(1, generator=random)) == 0.1534569263458252


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=9), st.integers(0, 1000))
def test_crops_are_placed_by_each_images_rescaled_size(sizes, seed):
    crops, u = draw_crops(sizes, (20, 40), 16, generator(seed)), torch.rand(4, len(sizes), generator=generator(seed))
    for i, (height, width) in enumerate(sizes):
        rows, columns = rescaled_size(height, width, int(crops.side[i]))
        assert int(crops.top[i]) == int(u[1, i] * (rows - 16 + 1))
        assert int(crops.left[i]) == int(u[2, i] * (columns - 16 + 1))


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(InputError, match=r"training scale \(40, 39\) ends before it begins: choose \(39, 40\)"):
        draw_crops([(40, 40)], (40, 39), 32, generator())


@pytest.mark.parametrize("scale", [31, (31, 40)])
def test_a_scale_that_cannot_hold_the_crop_is_refused(scale):
    with pytest.raises(InputError, match="does not hold a crop of 32 pixels: choose S of 32 or more"):
        draw_crops([(50, 50)], scale, 32, generator())


def test_images_of_several_sizes_make_one_batch():
    images = [noise(3, 40, 50), noise(3, 60, 33)]
    assert training_batch(images, (36, 48), 32, generator()).shape == (2, 3, 32, 32)


def test_a_list_and_a_tensor_of_the_same_images_make_the_same_batch():
    images = noise(6, 3, 40, 50)
    one, other = (training_batch(form, (36, 48), 32, generator()) for form in (images, list(images)))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


def test_a_part_of_what_was_drawn_makes_that_part_of_the_batch():
    """Processes that share a batch draw all of it, and cut each its part."""
    images, scale, part = ImageTensor(noise(6, 3, 40, 50)), (36, 48), slice(2, 5)
    drawn = draw(images, scale, 32, generator(), ColourShift(50 * torch.eye(3)))
    whole = as_drawn(images, drawn, scale, 32)
    own = as_drawn(images.take(torch.arange(6)[part]), drawn.part(part), scale, 32)
    torch.testing.assert_close(own, whole[part], rtol=0, atol=1e-3)


COVARIANCE = np.cov(np.random.default_rng(0).normal(size=(3, 50)) * [[70], [60], [10]])


def test_the_colour_shifts_components_are_numpys():
    """Columns are eigenvectors times the roots of their eigenvalues, each up to its sign."""
    ours = ColourShift.from_covariance(torch.tensor(COVARIANCE)).components.numpy()
    values, vectors = np.linalg.eigh(COVARIANCE)
    np.testing.assert_allclose(np.abs(ours), np.abs(vectors * np.sqrt(values)), rtol=1e-4)
    np.testing.assert_allclose(ours @ ours.T, COVARIANCE, rtol=1e-4)


def test_grey_photographs_are_shifted_along_grey_alone():
    """Two of their three variances are 0, or what rounding makes of that, which may lie below."""
    *none, grey = ColourShift.from_covariance(torch.full((3, 3), 4900.0)).components.T
    torch.testing.assert_close(grey.abs(), torch.full((3,), 70.0))
    assert torch.stack(none).abs().max() < 1e-4


def test_colour_shifts_have_a_tenth_of_the_deviation_along_each_component():
    shifts = ColourShift.from_covariance(torch.tensor(COVARIANCE)).draw(20_000, generator()).flatten(1).numpy()
    vectors = np.linalg.eigh(COVARIANCE)[1]
    along = np.cov((shifts @ vectors).T)
    np.testing.assert_allclose(np.diag(along), 0.01 * np.linalg.eigvalsh(COVARIANCE), rtol=0.05)


def test_a_colour_shift_is_one_value_an_image_and_channel():
    images, shift = noise(4, 3, 40, 40), ColourShift.from_covariance(torch.tensor(COVARIANCE))
    shifted, plain = (training_batch(images, 36, 32, generator(), colour) for colour in (shift, None))
    difference = (shifted - plain).flatten(2)
    torch.testing.assert_close(difference, difference[:, :, :1].expand_as(difference), rtol=0, atol=1e-4)
    assert len(difference[:, 0, 0].unique()) == 4
