"""Photographs decoded once: the file is right or made anew, parts copy nothing, crops are those of the direct path."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import chelsea

from vgg_lib.basics.errors import InputError
from vgg_lib.data.archive import STAND_IN
from vgg_lib.data.augmentation import draw, training_batch
from vgg_lib.data.decoded import decoded_once
from vgg_lib.data.embedded import embedded, generate
from vgg_lib.data.imagenette import imagenette
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos
from vgg_lib.data.pyramid import CORRELATION, OVERSAMPLING, ROUNDING, TAPS, _from_level, _whole, level_sides
from vgg_lib.data.rescaling import Crops, cut, rescale, rescaled_size
from vgg_lib.data.stand_in import write_stand_in
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.initialisation import initialise
from vgg_lib.networks.model import vgg
from vgg_lib.training.presets import PRESETS

SQUASH, CROP, RANGE = 224, 64, (73, 146)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def decoded(folder, images, name="set"):
    return decoded_once(folder / name, len(images), lambda: iter(images))


def wrapped(images):
    count = len(images)
    names = tuple(map(str, range(count)))
    return Photos(images, torch.zeros(count, dtype=torch.long), names, ("thing",), "0" * 16)


def pixels_of(photos):
    """All pixels of images of one size, ``(N, 3, H, W)``."""
    [pixels] = photos.load(torch.arange(len(photos)))
    return pixels


@pytest.fixture(scope="module")
def pictures():
    """Pictures of 224 × 224 pixels: the embedded things, enlarged and softened as photographs are."""
    return rescale(generate(30, seed=0)[0], SQUASH)


@pytest.fixture(scope="module")
def squashed(tmp_path_factory, pictures):
    return decoded(tmp_path_factory.mktemp("cache"), pictures)


@pytest.fixture(scope="module")
def with_levels(squashed):
    return wrapped(squashed).prepared(RANGE).images


@pytest.fixture
def of_many_sizes(tmp_path):
    """Noise of three sizes, and the same decoded once."""
    images = [
        torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator(i))
        for i, size in enumerate([(90, 120), (100, 80), (70, 70)])
    ]
    return images, decoded(tmp_path, images)


# The file


def test_what_is_decoded_once_is_read_back_whole(of_many_sizes):
    images, photos = of_many_sizes
    assert photos.size is None
    assert photos.sizes.tolist() == [[90, 120], [100, 80], [70, 70]]
    assert all(torch.equal(one, other) for one, other in zip(images, photos, strict=True))


def test_images_of_one_size_come_as_one_tensor(squashed, pictures):
    chosen = torch.tensor([3, 0, 3])
    [pixels] = squashed.load(chosen)
    assert torch.equal(pixels, pictures[chosen])
    assert pixels.is_contiguous()
    assert torch.equal(squashed[5], pictures[5])


def test_it_is_decoded_once(tmp_path, pictures):
    decoded(tmp_path, pictures)
    again = decoded_once(tmp_path / "set", len(pictures), lambda: pytest.fail("decoded again"))
    assert torch.equal(pixels_of(again), pictures)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def change_a_size(path):
    content = bytearray(path.read_bytes())
    content[-16:-12], content[-12:-8] = (112).to_bytes(4, "little"), (448).to_bytes(4, "little")
    path.write_bytes(content)


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "truncated to its header": lambda path: path.write_bytes(path.read_bytes()[:64]),
    "empty": lambda path: path.write_bytes(b""),
    "a byte flipped": flip_a_byte,
    "a size changed": change_a_size,
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(8)),
    "something else": lambda path: path.write_bytes(b"no pixels" * 100),
    "of other photographs": lambda path: path.write_bytes((path.parent / "other.pixels").read_bytes()),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_what_was_written_is_made_anew(tmp_path, pictures, damage):
    decoded(tmp_path, 255 - pictures, "other")
    decoded(tmp_path, pictures)
    DAMAGES[damage](tmp_path / "set.pixels")
    assert torch.equal(pixels_of(decoded(tmp_path, pictures)), pictures)
    decoded_once(tmp_path / "set", len(pictures), lambda: pytest.fail("not repaired"))


def test_a_file_of_fewer_photographs_is_made_anew(tmp_path, pictures):
    decoded(tmp_path, pictures[:5])
    assert torch.equal(pixels_of(decoded(tmp_path, pictures)), pictures)


def test_decoding_that_fails_leaves_the_folder_as_it_was(tmp_path, pictures):
    def breaks_off():
        yield pictures[:3]
        raise InputError("a.jpeg cannot be read")

    with pytest.raises(InputError, match=r"a\.jpeg"):
        decoded_once(tmp_path / "set", len(pictures), breaks_off)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path, pictures, full_disk):
    with full_disk(100_000), pytest.raises(InputError, match=r"set\.pixels cannot be written"):
        decoded(tmp_path, pictures)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_made_anew_stays_whole_for_who_has_it_open(tmp_path, pictures):
    first = decoded(tmp_path, pictures)
    (tmp_path / "aside").write_bytes(b"no pixels")
    (tmp_path / "aside").replace(tmp_path / "set.pixels")
    decoded(tmp_path, pictures)
    assert torch.equal(pixels_of(first), pictures)


# Parts and other sizes


def test_a_part_copies_nothing(squashed, pictures):
    part = squashed.take(torch.tensor([7, 2]))
    assert torch.equal(pixels_of(part), pictures[[7, 2]])
    assert part.file is squashed.file
    assert part[0].data_ptr() == squashed.file.pixels.data_ptr() + 7 * 3 * SQUASH**2


@pytest.mark.parametrize("side", [73, 110])
def test_at_one_s_the_pixels_are_those_of_the_direct_path(squashed, pictures, side):
    part = wrapped(squashed).take(torch.arange(10, 20)).rescaled(side)
    assert torch.equal(pixels_of(part.images), rescale(pictures[10:20], side))


def test_photographs_of_many_sizes_at_one_s(of_many_sizes):
    images, photos = of_many_sizes
    for image, cached in zip(images, photos.rescaled(48), strict=True):
        assert torch.equal(cached, rescale(image, 48))


def test_at_its_own_side_a_set_is_not_kept_twice(squashed):
    assert wrapped(squashed).rescaled(SQUASH).images is squashed


@pytest.mark.parametrize("squash", [None, 48])
def test_other_sizes_are_made_of_the_whole_set_and_kept(tmp_path, cache, squash):
    root = write_stand_in(tmp_path, per_class=4)
    (root / STAND_IN).unlink()
    with pytest.warns(UserWarning, match="40 photographs instead of 9,469"):
        photos = imagenette("train", root, squash=squash)
    part = photos.held_out().prepared(40).images
    expected = [rescale(image, 40) for image in photos.held_out().images]
    assert all(torch.equal(one, other) for one, other in zip(part, expected, strict=True))
    [kept] = cache.glob("*-S40.pixels")
    written = kept.stat().st_mtime_ns
    assert len(photos.without_held_out().prepared(40)) == len(photos) - len(part)
    assert kept.stat().st_mtime_ns == written


def test_files_without_a_place_for_their_pixels_say_so(tmp_path):
    with pytest.raises(InputError, match="give PhotoFiles a stem"):
        PhotoFiles([tmp_path / "a.jpeg"]).decoded()


# Crops


def rescaled_then_cropped(image, crops, i, crop):
    """Crop ``i`` the long way: the whole image rescaled, then cropped, then flipped."""
    top, left = int(crops.top[i]), int(crops.left[i])
    out = rescale(image, int(crops.side[i]))[:, top : top + crop, left : left + crop].float()
    return out.flip(2) if crops.flip[i] else out


def test_at_one_s_batches_are_to_the_bit_those_of_a_tensor(squashed):
    cached = wrapped(squashed).prepared(73)
    tensor = rescale(pixels_of(squashed), 73)
    indices = torch.tensor([4, 4, 9, 1, 28, 29, 0])
    one = training_batch(cached.images.take(indices), 73, CROP, generator())
    assert torch.equal(one, training_batch(tensor[indices], 73, CROP, generator()))


@given(st.integers(0, 10_000))
def test_crops_of_the_whole_set_are_those_of_a_tensor(squashed, seed):
    """Without levels the filter is the direct one: only rounding differs, at the edges as in the middle."""
    indices = torch.randint(0, len(squashed), (12,), generator=generator(seed))
    crops = draw(squashed.take(indices), RANGE, CROP, generator(seed)).crops
    ours = squashed.take(indices).cut(crops, RANGE, CROP)
    torch.testing.assert_close(ours, cut(pixels_of(squashed.take(indices)), crops, CROP), rtol=0, atol=2e-3)


@pytest.mark.parametrize("crop", [7, 10, 20, 32])
@pytest.mark.parametrize("size", [(50, 70), (64, 64), (90, 41)])
def test_photographs_need_not_be_square_nor_crops_even(tmp_path, crop, size):
    images = torch.randint(0, 256, (40, 3, *size), dtype=torch.uint8, generator=generator())
    photos, scale = decoded(tmp_path, images), (32, 60)
    crops = draw(photos, scale, crop, generator()).crops
    ours = photos.cut(crops, scale, crop)
    torch.testing.assert_close(ours, cut(images, crops, crop), rtol=0, atol=2e-3)


@pytest.mark.parametrize("corner", [0, 1])
@pytest.mark.parametrize("flip", [False, True])
def test_crops_in_the_corners_are_whole(with_levels, pictures, corner, flip):
    sides = torch.arange(RANGE[0], RANGE[1] + 1)
    place = corner * (sides - CROP)
    crops = Crops(sides, place, place, torch.full((len(sides),), flip))
    photos = with_levels.take(torch.arange(len(sides)) % len(pictures))
    ours = photos.cut(crops, RANGE, CROP)
    for i, side in enumerate(sides.tolist()):
        expected = from_level(photos, i, side)[:, int(place[i]) :, int(place[i]) :][:, :CROP, :CROP]
        torch.testing.assert_close(ours[i], expected.flip(2) if flip else expected, rtol=0, atol=2e-3)


def from_level(photos, i, side):
    """Photograph ``i`` at S from the level that serves S, all of it."""
    files = sorted((photos.file, *photos.levels), key=len_of_side)
    file = next(file for file in files if min(file.size) >= round(side * OVERSAMPLING))
    weights = _from_level(_whole(SQUASH, side), min(file.size))
    return weights @ file.one(int(photos.index[i])).float() @ weights.T


@pytest.mark.parametrize(("level", "target"), [(40, 36), (50, 35), (60, 53)])
def test_weights_of_a_level_are_those_that_regression_finds(level, target):
    """Over signals whose pixels correlate like those of photographs, and a level that is rounded."""
    original, count = 70, 40_000
    steps = torch.randn(original, count, generator=generator(), dtype=torch.float64)
    signals = [steps[0]]
    for step in steps[1:]:
        signals.append(CORRELATION * signals[-1] + (1 - CORRELATION**2) ** 0.5 * step)
    reduced = _whole(original, level).double() @ torch.stack(signals)
    seen = reduced + torch.randn(level, count, generator=generator(1), dtype=torch.float64) * ROUNDING**0.5
    wanted = _whole(original, target).double() @ torch.stack(signals)
    weights = _from_level(_whole(original, target), level)
    assert torch.allclose(weights.sum(1), torch.ones(target))
    for i in (0, 1, target // 2, target - 1):
        [taps] = weights[i].nonzero().T
        assert len(taps) == TAPS
        best = torch.linalg.lstsq(seen[taps].T, wanted[i]).solution
        torch.testing.assert_close(weights[i, taps].double(), best, rtol=0, atol=0.03)


def test_a_level_of_the_very_side_is_taken_as_it_is():
    torch.testing.assert_close(_from_level(_whole(70, 40), 40), torch.eye(40), rtol=0, atol=0.01)


def len_of_side(file):
    return min(file.size)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 0.5), (torch.bfloat16, 0.55)])
def test_levels_are_near_the_direct_path_at_every_s(with_levels, pictures, dtype, bound):
    assert [file.size for file in with_levels.levels] == [(164, 164), (130, 130), (103, 103)]
    for side in range(RANGE[0], RANGE[1] + 1):
        photos = with_levels.take(torch.arange(8))
        crops = draw(photos, side, CROP, generator(side)).crops
        ours = photos.cut(crops, RANGE, CROP, dtype)
        direct = torch.stack([rescaled_then_cropped(pictures[i], crops, i, CROP) for i in range(8)])
        assert float((ours - direct).abs().mean()) < bound, side


@pytest.mark.parametrize("scale", [RANGE, (CROP, 96)])  # at S = crop a window is all of a level, and others are larger
def test_levels_of_a_photograph_are_near_the_direct_path_at_every_s(tmp_path, scale):
    """A photograph has more detail than pictures that are drawn."""
    cat = rescale(torch.tensor(chelsea()).permute(2, 0, 1), SQUASH)[None]
    photos = wrapped(decoded(tmp_path, cat)).prepared(scale).images.take(torch.zeros(16, dtype=torch.long))
    for side in range(scale[0], scale[1] + 1):
        crops = draw(photos, side, CROP, generator(side)).crops
        ours = photos.cut(crops, scale, CROP)
        direct = torch.stack([rescaled_then_cropped(cat[0], crops, i, CROP) for i in range(16)])
        assert float((ours - direct).abs().mean()) < 0.8, side


def test_bfloat16_is_near_float32(with_levels):
    one, other = (
        training_batch(with_levels, RANGE, CROP, generator(), None, dtype) for dtype in (torch.float32, torch.bfloat16)
    )
    assert float((one - other).abs().mean()) < 0.4  # of which rounding to eight bits is the most
    assert abs(float((one - other).mean())) < 0.05


@pytest.mark.parametrize("scale", [48, (40, 66)])
def test_photographs_of_many_sizes_make_the_batches_of_a_list(of_many_sizes, scale):
    images, photos = of_many_sizes
    prepared, indices = wrapped(photos).prepared(scale), torch.tensor([2, 0, 1, 0])
    ours = training_batch(prepared.images.take(indices), scale, 32, generator())
    theirs = training_batch([images[i] for i in indices], scale, 32, generator())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1 if scale == 48 else 2e-3)  # kept at S, they are rounded


def test_levels_are_those_that_serve_an_s_of_the_range():
    assert level_sides(224, (36, 40)) == [45]
    assert level_sides(224, (150, 220)) == [196]
    assert level_sides(224, (200, 220)) == []
    world = PRESETS["laptop"]
    assert level_sides(world.squash, world.scales[-1]) == [164, 130, 103]


@given(st.integers(100, 600), st.integers(20, 200), st.integers(0, 200))
def test_every_level_serves_some_s_and_has_pixels_enough_for_it(native, smallest, more):
    scale = (smallest, smallest + more)
    sides = [native, *level_sides(native, scale)]
    served = [
        min((side for side in sides if side >= round(s * OVERSAMPLING)), default=native)
        for s in range(scale[0], scale[1] + 1)
    ]
    assert set(sides[1:]) <= set(served)


def test_a_level_has_the_size_that_rescaling_gives(tmp_path):
    images = torch.randint(0, 256, (3, 3, 60, 90), dtype=torch.uint8, generator=generator())
    assert decoded(tmp_path, images).rescaled(40).size == rescaled_size(60, 90, 40)


# Testing, and memory


def test_posteriors_are_to_the_bit_those_of_a_tensor(squashed):
    net = initialise(vgg("A", num_classes=3, image_size=32, width=1 / 16), PRESETS["quick"].initialisation, 0)
    photos = squashed.take(torch.arange(12, 0, -1))
    for protocol in (Protocol((40,)), Protocol((32, 48), grid=2)):
        assert torch.equal(posteriors(net, photos, protocol), posteriors(net, pixels_of(photos), protocol))


def test_posteriors_of_many_sizes_are_those_of_the_list(of_many_sizes):
    images, photos = of_many_sizes
    net = initialise(vgg("A", num_classes=3, image_size=32, width=1 / 16), PRESETS["quick"].initialisation, 0)
    assert torch.equal(posteriors(net, photos, Protocol((40,))), posteriors(net, images, Protocol((40,))))


def test_statistics_are_to_the_bit_those_of_a_tensor(squashed):
    ours, theirs = (wrapped(form).statistics(20) for form in (squashed, ImageTensor(pixels_of(squashed))))
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.covariance, theirs.covariance)


GOES_OVER_THE_SET = """
import sys, torch
from pathlib import Path
from vgg_lib.data.decoded import decoded_once
from vgg_lib.data.photos import Photos

torch.set_num_threads(1)
count = int(sys.argv[2])
photos = decoded_once(Path(sys.argv[1]) / "set", count, lambda: None)
names = tuple(map(str, range(count)))
photos = Photos(photos, torch.zeros(count), names, ("thing",), "")

def anonymous():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1])

before = anonymous()
seen = sum(int(photos.images.load(part)[0].sum()) for part in torch.arange(count).split(20))
photos.statistics()
photos.prepared(100)
print(anonymous() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells anonymous memory")
def test_going_over_a_set_keeps_none_of_it_in_memory(tmp_path):
    count = 2000
    part = torch.randint(0, 256, (100, 3, SQUASH, SQUASH), dtype=torch.uint8, generator=generator())
    decoded_once(tmp_path / "set", count, lambda: (part for _ in range(count // 100)))
    arguments = [sys.executable, "-c", GOES_OVER_THE_SET, str(tmp_path), str(count)]
    grown = int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert grown * 1024 < count * 3 * SQUASH**2 / 2


def test_draws_need_no_pixels(squashed):
    photos = squashed.take(torch.arange(8))
    one, other = generator(), generator()
    draw(photos, RANGE, CROP, one)
    training_batch(photos, RANGE, CROP, other)
    assert torch.equal(one.get_state(), other.get_state())


def test_the_embedded_pictures_stay_a_tensor():
    assert embedded("val").prepared((36, 72)).images is embedded("val").images
