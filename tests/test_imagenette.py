"""Imagenette on a small fake of its folder layout: found, checked, decoded once."""

import http.client
import os
import re
import shutil
import sys
import tarfile
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.data import archive
from vgg_lib.data.archive import CLASSES, FOLDERS, check_whole
from vgg_lib.data.embedded import embedded
from vgg_lib.data.imagenette import download, imagenette
from vgg_lib.data.stand_in import write_stand_in

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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
def test_a_name_need_not_be_utf_8(fake_imagenette):
    root = fake_imagenette()
    first_photo(root).rename(first_photo(root).with_name(os.fsdecode(b"\xff.JPEG")))
    photos = imagenette("train", root, squash=32)
    assert len(photos.held_out()) < len(photos) == 20


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


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route to host"),
        http.client.IncompleteRead(b"", 99_003_388),
        tarfile.ReadError("not a gzip file"),
    ],
)
def test_a_failing_download_says_how_to_get_the_data_and_leaves_nothing(cache, monkeypatch, error):
    def breaks_off(url, root, **_):
        (Path(root) / "imagenette2-160.tgz").write_bytes(b"the first half")
        raise error

    monkeypatch.setattr(torchvision.datasets.imagenette, "download_and_extract_archive", breaks_off)
    says = rf"{re.escape(str(error))}\): set VGG_LIB_DATA to .* or run `vgg-lib download`"
    with pytest.raises(InputError, match=says):
        imagenette("train")
    assert list(cache.iterdir()) == []


def test_of_two_downloads_at_a_time_the_first_is_kept(cache, monkeypatch):
    def while_another_ends(aside, **_):
        for place in (cache, Path(aside)):
            (place / FOLDER / "train").mkdir(parents=True)

    monkeypatch.setattr(torchvision.datasets, "Imagenette", while_another_ends)
    assert download() == cache
    assert [path.name for path in cache.iterdir()] == [FOLDER]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("n00000001/a.JPEG", "has n00000001, which Imagenette has not: remove it"),
        ("n03028079/more/a.JPEG", "has n03028079/more, which"),
        ("n03028079/a.jpg", r"has n03028079/a\.jpg, which .* end its name in \.JPEG"),
        ("n03028079/a.png", r"has n03028079/a\.png, which"),
    ],
)
def test_what_is_not_imagenettes_is_named(fake_imagenette, place, says):
    """Left out without a word, a photograph of another ending would make another data set."""
    root = fake_imagenette()
    path = root / FOLDER / "train" / place
    path.parent.mkdir(exist_ok=True)
    shutil.copy(first_photo(root), path)
    with pytest.raises(InputError, match=says):
        imagenette("train", root)


def test_all_that_is_not_imagenettes_is_told_at_once(fake_imagenette):
    root = fake_imagenette()
    for i in range(5):
        (root / FOLDER / "train" / "n03028079" / f"{i}.jpg").touch()
    with pytest.raises(InputError, match=r"0\.jpg, n03028079/1\.jpg, n03028079/2\.jpg and 2 more, which"):
        imagenette("train", root)


def test_what_systems_leave_in_folders_is_passed_over(fake_imagenette):
    root = fake_imagenette()
    whole, split = imagenette("train", root), root / FOLDER / "train"
    for path in (".ipynb_checkpoints/a.JPEG", "n03028079/.ipynb_checkpoints/a.JPEG", "n03028079/._a.JPEG"):
        (split / path).parent.mkdir(exist_ok=True)
        shutil.copy(first_photo(root), split / path)
    for path in (".DS_Store", "n03028079/.DS_Store", "n03028079/Thumbs.db", "n03028079/desktop.ini"):
        (split / path).touch()
    again = imagenette("train", root)
    assert (again.names, again.fingerprint, again.differs) == (whole.names, whole.fingerprint, "")


def test_the_data_sets_own_folder_does_as_well(fake_imagenette, monkeypatch):
    root = fake_imagenette()
    assert len(imagenette("train", root / FOLDER)) == 20
    monkeypatch.chdir(root / FOLDER)
    assert len(imagenette("train", ".")) == 20


def test_a_folder_that_holds_another_size_is_told(fake_imagenette):
    with pytest.raises(InputError, match="does not hold imagenette2/ but imagenette2-160/: set VGG_LIB_DATA"):
        imagenette("train", fake_imagenette(), size="full")


def test_the_whole_data_set_differs_in_nothing(fake_imagenette):
    photos = imagenette("train", fake_imagenette())
    assert photos.differs == ""
    check_whole(photos)
    check_whole(embedded("val"))


def test_a_fragment_is_told_and_no_study_takes_it(fake_imagenette):
    root = fake_imagenette(per_class=3)
    first_photo(root).unlink()
    shutil.copy(first_photo(root), root / FOLDER / "train" / "n03028079" / "n03028079_7.JPEG")
    says = r"30 photographs instead of 30 \(tench 2 instead of 3, church 4 instead of 3\)"
    with pytest.warns(UserWarning, match=f"train holds {says}: what is trained on them is not comparable"):
        photos = imagenette("train", root)
    with pytest.raises(InputError, match=f"not those of Imagenette's archive, but {says}: get"):
        check_whole(photos.held_out())


def test_a_fragment_of_many_classes_is_told_in_short(fake_imagenette):
    root = fake_imagenette(per_class=3)
    for path in (root / FOLDER / "val").rglob("*_0.JPEG"):
        path.unlink()
    with pytest.warns(UserWarning, match=r"springer 2 instead of 3, and so in 8 more classes\)"):
        imagenette("val", root)


def test_other_photographs_of_the_right_number_are_told(fake_imagenette, monkeypatch):
    root = fake_imagenette()
    monkeypatch.setattr(archive, "FINGERPRINTS", {("160px", "train"): "0" * 16})
    with pytest.warns(UserWarning, match=f"photographs with fingerprint [0-9a-f]{{16}} instead of {'0' * 16}"):
        assert imagenette("train", root).differs
    assert not imagenette("val", root).differs


def test_the_numbers_are_those_of_the_published_archives():
    assert {split: sum(counts) for split, counts in archive.COUNTS.items()} == {"train": 9469, "val": 3925}


def test_generated_pictures_are_no_data_set_and_leave_nothing_in_the_cache(tmp_path, cache):
    photos = imagenette("train", write_stand_in(tmp_path / "data", per_class=2), squash=32).prepared((8, 16))
    with pytest.raises(InputError, match="but generated pictures"):
        check_whole(photos)
    assert not cache.exists()


def no_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", ["train", "n01440764"])
def test_a_folder_that_cannot_be_read_is_named(fake_imagenette, closed, name):
    root = fake_imagenette()
    closed(root / name)
    with pytest.raises(InputError, match=rf"{name} cannot be read \(Permission denied\): check its permissions"):
        imagenette("train", root)


@pytest.mark.parametrize("damage", [no_link, a_folder])
def test_a_file_that_cannot_be_read_is_named(fake_imagenette, damage):
    root = fake_imagenette()
    damage(first_photo(root))
    with pytest.raises(InputError, match=rf"{first_photo(root).name} cannot be read .*: replace or remove it"):
        imagenette("train", root)
