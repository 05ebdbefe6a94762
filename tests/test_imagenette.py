"""Imagenette on a small fake of its folder layout: found, checked, decoded once."""

import shutil
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.data.imagenette import CLASSES, FOLDERS, imagenette

FOLDER = "imagenette2-160"


def first_photo(root, split="train"):
    return min((root / FOLDER / split).rglob("*.JPEG"))


@pytest.mark.parametrize("squash", [None, 32])
def test_each_photograph_has_the_label_of_its_folder(fake_imagenette, squash):
    photos = imagenette("val", fake_imagenette(), squash=squash)
    wnids = [name.split("_")[0] for name in photos.names]
    assert [list(CLASSES)[label] for label in photos.labels] == wnids
    assert len(photos) == len(photos.images) == 20


def test_classes_are_in_the_order_of_torchvisions_labels(fake_imagenette):
    theirs = torchvision.datasets.Imagenette(str(fake_imagenette()), split="val", size="160px")
    assert list(CLASSES) == theirs.wnids
    assert list(CLASSES.values()) == [names[0] for names in theirs.classes]


def test_photographs_come_at_their_own_size(fake_imagenette):
    root = fake_imagenette()
    photos = imagenette("train", root)
    images = list(photos.images)
    expected = np.asarray(Image.open(first_photo(root))).transpose(2, 0, 1)
    assert torch.equal(images[0], torch.tensor(expected))
    assert len({image.shape for image in images}) > 1


def test_squashed_photographs_are_the_files_decoded_and_resized(fake_imagenette):
    root = fake_imagenette()
    photos = imagenette("train", root, squash=32)
    for path in (root / FOLDER / "train").rglob("*.JPEG"):
        expected = np.asarray(Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        assert torch.equal(photos.images[photos.names.index(path.name)], torch.tensor(expected))
    assert photos.images.size == (32, 32)


def test_photographs_are_decoded_once(fake_imagenette, cache):
    root = fake_imagenette()
    first = imagenette("train", root, squash=32).images.load(torch.arange(20))[0].clone()
    [decoded] = cache.iterdir()
    written = decoded.stat().st_mtime_ns
    assert torch.equal(imagenette("train", root, squash=32).images.load(torch.arange(20))[0], first)
    assert decoded.stat().st_mtime_ns == written


def test_changed_photographs_are_decoded_again(fake_imagenette):
    root = fake_imagenette()
    before = imagenette("train", root, squash=32)
    Image.new("RGB", (50, 50), "red").save(first_photo(root))
    after = imagenette("train", root, squash=32)
    assert after.fingerprint != before.fingerprint
    assert not torch.equal(after.images[0], before.images[0])


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(fake_imagenette, tmp_path):
    root = fake_imagenette()
    shutil.copytree(root, tmp_path / "elsewhere")
    assert imagenette("train", tmp_path / "elsewhere").fingerprint == imagenette("train", root).fingerprint


def test_splits_have_different_fingerprints(fake_imagenette):
    root = fake_imagenette()
    assert imagenette("train", root).fingerprint != imagenette("val", root).fingerprint


def test_a_truncated_photograph_is_named_and_leaves_no_cache(fake_imagenette, cache):
    root = fake_imagenette()
    broken = first_photo(root)
    broken.write_bytes(broken.read_bytes()[:500])
    with pytest.raises(InputError, match=f"{broken.name} cannot be read as a photograph"):
        imagenette("train", root, squash=32)
    assert list(cache.iterdir()) == []


def test_vgg_lib_data_says_where_the_photographs_are(fake_imagenette, monkeypatch):
    monkeypatch.setenv("VGG_LIB_DATA", str(fake_imagenette()))
    assert len(imagenette("train")) == 20


def test_the_folder_given_goes_before_vgg_lib_data(fake_imagenette, monkeypatch, tmp_path):
    monkeypatch.setenv("VGG_LIB_DATA", str(tmp_path / "nowhere"))
    assert len(imagenette("train", fake_imagenette())) == 20


def test_the_cache_folder_is_looked_at_last(fake_imagenette, cache):
    fake_imagenette(cache)
    assert len(imagenette("train")) == 20


@pytest.mark.parametrize("size", FOLDERS)
def test_each_size_has_a_folder_of_its_own(fake_imagenette, size):
    assert len(imagenette("train", fake_imagenette(size=size, per_class=1), size=size)) == 10


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (".", "data, which is no folder: name the one that holds imagenette2-160/"),
        (FOLDER, "data, which does not hold imagenette2-160/: set VGG_LIB_DATA"),
        (f"{FOLDER}/train", "train is missing: the data set was not unpacked whole"),
        (f"{FOLDER}/train/n03000684", r"train has no photographs of class n03000684 \(chain saw\)"),
    ],
)
def test_a_missing_folder_is_named(fake_imagenette, missing, says):
    root = fake_imagenette()
    shutil.rmtree(root / missing)
    with pytest.raises(InputError, match=says):
        imagenette("train", root)


def test_a_class_without_photographs_is_named(fake_imagenette):
    root = fake_imagenette(per_class=1)
    (root / FOLDER / "val" / "n03028079" / "n03028079_0.JPEG").unlink()
    with pytest.raises(InputError, match=r"val has no photographs of class n03028079 \(church\)"):
        imagenette("val", root)


def test_a_wrong_vgg_lib_data_is_named(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("VGG_LIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"VGG_LIB_DATA is .*nowhere, which is no folder"):
        imagenette("train")


@pytest.mark.parametrize(("split", "size"), [("test", "160px"), ("train", "80px")])
def test_unknown_splits_and_sizes_are_refused(split, size):
    with pytest.raises(InputError, match=r"unknown .*: choose from"):
        imagenette(split, size=size)


def test_a_failing_download_says_how_to_get_the_data_and_leaves_nothing(cache, monkeypatch):
    def breaks_off(url, root, **_):
        (Path(root) / "imagenette2-160.tgz").write_bytes(b"the first half")
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torchvision.datasets.imagenette, "download_and_extract_archive", breaks_off)
    with pytest.raises(InputError, match=r"no route to host.*: set VGG_LIB_DATA to .* or run `vgg-lib download`"):
        imagenette("train")
    assert list(cache.iterdir()) == []


def test_a_folder_that_is_no_class_is_named(fake_imagenette):
    root = fake_imagenette()
    (root / "imagenette2-160" / "train" / ".ipynb_checkpoints").mkdir()
    with pytest.raises(InputError, match=r"a folder '\.ipynb_checkpoints' that is no class"):
        imagenette("train", root)
