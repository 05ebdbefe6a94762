"""Sets of photographs: the held-out tenth, statistics, decoding."""

import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.data import photo_files
from vgg_lib.data.decoding import decode
from vgg_lib.data.embedded import embedded
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos, in_held_out_tenth
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.tasks import features as describing
from vgg_lib.tasks.features import features
from vgg_lib.tasks.transfer import Transfer, evaluate_pixels


def photos(count=30, height=40, width=50):
    images = torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0))
    images = (images * torch.tensor([1.0, 0.5, 0.2]).view(3, 1, 1)).to(torch.uint8)
    names = tuple(f"n01440764_{i}.JPEG" for i in range(count))
    return Photos(ImageTensor(images), torch.arange(count) % 10, names, tuple("abcdefghij"), "0" * 16)


def test_the_held_out_tenth_is_about_a_tenth():
    assert len(embedded("train").held_out()) == pytest.approx(240, abs=40)


def test_the_held_out_tenth_and_the_rest_are_the_whole_and_share_nothing():
    whole = embedded("train")
    held_out, rest = set(whole.held_out().names), set(whole.without_held_out().names)
    assert held_out | rest == set(whole.names)
    assert not held_out & rest


def test_the_held_out_tenth_is_the_same_for_ever():
    held_out = [i for i in range(60) if in_held_out_tenth(f"n03028079_{i}.JPEG")]
    assert held_out == [1, 3, 10, 33, 38, 52]


def test_whether_a_photograph_is_held_out_depends_on_its_name_alone():
    whole = photos(300)
    half = whole.take(torch.arange(299, 149, -1))
    assert set(half.held_out().names) == set(whole.held_out().names) & set(half.names)


def test_a_part_keeps_images_labels_names_and_boxes_together():
    whole, keep = embedded("val"), torch.tensor([5, 0, 17])
    part = whole.take(keep)
    assert torch.equal(part.images.pixels, whole.images.pixels[keep])
    assert torch.equal(part.boxes, whole.boxes[keep])
    assert part.labels.tolist() == [5, 0, 7]
    assert part.names == tuple(whole.names[i] for i in (5, 0, 17))
    assert part.fingerprint == whole.fingerprint


def test_statistics_are_numpys_over_all_pixels():
    whole = photos()
    pixels = whole.images.pixels.permute(1, 0, 2, 3).reshape(3, -1).numpy()
    np.testing.assert_allclose(whole.statistics().mean, pixels.mean(1), rtol=1e-5)
    np.testing.assert_allclose(whole.statistics().covariance, np.cov(pixels), rtol=1e-3, atol=0.05)


def test_statistics_of_many_photographs_are_taken_over_a_spread_of_them():
    bright_at_the_end = photos()
    bright_at_the_end.images.pixels[15:] = 255
    sampled = bright_at_the_end.statistics(most=10)
    torch.testing.assert_close(sampled.mean, bright_at_the_end.statistics().mean, rtol=0.05, atol=0)


@pytest.mark.parametrize("scale", ["paper", "unit"])
def test_preprocessing_subtracts_the_mean_colour(scale):
    x = photos().statistics().preprocessing(scale)(photos().images.pixels)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("scale", "deviation"), [("paper", photos().statistics().deviation), ("unit", 1.0)])
def test_the_papers_inputs_keep_their_deviation_and_unit_inputs_have_1(scale, deviation):
    x = photos().statistics().preprocessing(scale)(photos().images.pixels)
    assert float(x.var((0, 2, 3)).mean().sqrt()) == pytest.approx(deviation, rel=1e-3)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_preprocessing_leaves_what_it_is_given_unless_told_that_nobody_needs_it(order):
    preprocessing = Preprocessing((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), order)
    images = photos().images.pixels.float()
    before = images.clone()
    x = preprocessing(images)
    assert torch.equal(images, before)
    assert torch.equal(preprocessing.in_place(images), x)
    assert torch.equal(images, before if order == "BGR" else x)


def test_rescaled_photographs_have_the_smallest_side_asked_for():
    assert photos().rescaled(20).images.pixels.shape == (30, 3, 20, 25)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.new("RGB", (10 + i, 5), (i, 2, 3)).save(path)
    return PhotoFiles(paths)


def test_files_are_decoded_when_asked_for_in_the_order_asked_for(files):
    assert [tuple(batch.shape) for batch in files.load(torch.tensor([2, 0]))] == [(1, 3, 5, 12), (1, 3, 5, 10)]


def small_net():
    return vgg("A", num_classes=2, image_size=32, width=1 / 16)


@pytest.fixture
def alive(monkeypatch):
    """How many decoded photographs there are, by the time: one number for each that was decoded."""
    there, counts, read = [], [], photo_files.read

    def watched(path):
        image = read(path)
        there.append(path)
        counts.append(len(there))
        weakref.finalize(image, there.remove, path)
        return image

    monkeypatch.setattr(photo_files, "read", watched)
    return counts


@pytest.mark.parametrize(
    "use",
    [
        lambda photos: photos.images.sizes,
        lambda photos: photos.statistics(),
        lambda photos: photos.images.decoded(4),
        lambda photos: posteriors(small_net(), photos.images, Protocol(32)),
        lambda photos: features(small_net(), photos.images),
        lambda photos: evaluate_pixels(photos, photos, Transfer("", costs=(1.0,)), side=4),
    ],
    ids=["sizes", "statistics", "decoded", "posteriors", "features", "pixels"],
)
def test_few_photographs_of_a_folder_are_in_memory_at_a_time(tmp_path, monkeypatch, alive, use):
    monkeypatch.setattr(describing, "ORIGINALS_AT_ONCE", 4 * 5 * 10)
    paths = [tmp_path / f"{i}.png" for i in range(60)]
    for i, path in enumerate(paths):
        Image.effect_noise((10, 5), i).convert("RGB").save(path)
    files = PhotoFiles(paths, tmp_path / "pixels")
    use(Photos(files, torch.arange(60) % 2, tuple(map(str, range(60))), ("a", "b"), ""))
    assert len(alive) >= 60 and max(alive) < 20


def test_sizes_of_files_are_looked_at_once(files, alive):
    assert files.sizes.tolist() == files.sizes.tolist() == [[5, 10], [5, 11], [5, 12]]
    assert len(alive) == 3


def test_a_part_of_files_reads_none_of_them(files):
    files.paths[0].unlink()
    assert len(files.take(torch.tensor([0, 2]))) == 2


def test_files_without_a_place_for_their_pixels_are_not_rescaled(files):
    with pytest.raises(InputError, match="give PhotoFiles a stem"):
        Photos(files, torch.arange(3), ("a", "b", "c"), ("x", "y", "z"), "").rescaled(20)


def test_a_part_of_files_is_decoded_with_the_whole_and_taken_from_it(files, tmp_path):
    whole = PhotoFiles(files.paths, tmp_path / "pixels")
    part = whole.take(torch.tensor([2, 1])).take(torch.tensor([1, 0])).decoded()
    assert len(part.file) == 3
    for i, image in zip((1, 2), part, strict=True):
        assert torch.equal(image, decode(files.paths[i]))
