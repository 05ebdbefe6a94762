"""A reader's own folder of photographs, one folder for each class."""

import os
import shutil
import sys

import pytest
import torch
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.data.folder import first_of_each_class, has_halves, photo_folder


@pytest.fixture
def write(tmp_path, cache):
    def folder(*splits, classes=("cat", "ant"), count=12):
        root = tmp_path / "pets"
        for split in splits or (".",):
            for k, name in enumerate(classes):
                (root / split / name).mkdir(parents=True)
                for i in range(count):
                    Image.new("RGB", (8 + i, 8), (k, i, len(split))).save(root / split / name / f"{i:02}.png")
        return root

    return folder


def test_classes_and_photographs_come_in_the_order_of_their_names(write):
    photos = photo_folder(write("train", "test"), "test")
    assert photos.classes == ("ant", "cat")
    assert photos.names == tuple(f"{name}/{i:02}.png" for name in photos.classes for i in range(12))
    assert photos.labels.tolist() == [0] * 12 + [1] * 12
    image = photos.images[13]
    assert image.shape == (3, 8, 9)
    assert image[:, 0, 0].tolist() == [0, 1, 4]


def test_without_halves_a_quarter_is_for_testing_and_nothing_is_in_both(write):
    root = write(count=200)
    train, test = (photo_folder(root, split) for split in ("train", "test"))
    assert not set(train.names) & set(test.names)
    assert len(train) + len(test) == 400
    assert len(test) == pytest.approx(100, abs=20)
    (root / "cat" / "00.png").unlink()
    fewer = photo_folder(root, "test")
    assert set(fewer.names) == set(test.names) - {"cat/00.png"}


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_class_may_be_called_as_a_half_is(write, name):
    root = write(classes=("plane", name), count=40)
    for split in ("train", "test"):
        assert set(photo_folder(root, split).classes) == {"plane", name}


def test_halves_are_both_there_or_nothing_else_is(write, tmp_path):
    root = write("train", "test")
    assert has_halves(root) and has_halves(str(root))
    shutil.rmtree(root / "test")
    (root / ".cache").mkdir()
    assert has_halves(root)
    (root / "plane").mkdir()
    assert not has_halves(root)
    assert not has_halves(tmp_path / "none") and not has_halves("a" * 300)


@pytest.mark.parametrize("name", ["pets", "train", "ant"])
def test_a_folder_that_cannot_be_read_is_named(write, closed, name):
    root = write("train", "test")
    closed(root / name)
    with pytest.raises(InputError, match=rf"{name} cannot be read \(Permission denied\): check its permissions"):
        photo_folder(root, "train")


def test_what_is_hidden_or_no_photograph_is_passed_over(write):
    root = write("train", "test")
    before = photo_folder(root, "train")
    shutil.copytree(root / "train" / "cat", root / "train" / ".ipynb_checkpoints")
    shutil.copy(root / "train" / "cat" / "00.png", root / "train" / "cat" / "._00.png")
    (root / "train" / "README.txt").write_text("photographs")
    (root / "train" / "cat" / "notes.txt").write_text("photographs")
    (root / "train" / "cat" / "folder.png").mkdir()
    after = photo_folder(root, "train")
    assert (after.names, after.classes, after.fingerprint) == (before.names, before.classes, before.fingerprint)


def test_a_photograph_that_is_not_read_is_refused_by_name_and_not_passed_over(write):
    root = write("train", "test")
    (root / "test" / "cat" / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    photos = photo_folder(root, "test")
    assert "cat/photo.HEIC" in photos.names
    with pytest.raises(InputError, match=r"photo\.HEIC .* \(it is a HEIC photograph, which is not read\)"):
        _ = photos.images.sizes


@pytest.mark.parametrize("ending", ["gif", "ppm", "webp"])
def test_photographs_of_a_folder_may_be_of_any_form_that_is_read(write, ending):
    root = write("train", "test")
    Image.new("RGB", (9, 9)).save(root / "train" / "cat" / f"more.{ending}")
    assert photo_folder(root, "train").images.sizes.tolist().count([9, 9]) == 1


def test_the_fingerprint_is_of_the_content(write):
    root = write("train", "test")
    before = photo_folder(root, "train").fingerprint
    assert photo_folder(root, "train").fingerprint == before != photo_folder(root, "test").fingerprint
    Image.new("RGB", (9, 9)).save(root / "train" / "cat" / "00.png")
    assert photo_folder(root, "train").fingerprint != before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
def test_names_need_not_be_utf_8(write, cache):
    root = write().rename(os.fsdecode(os.fsencode(cache.parent / "pets") + b"\xff"))
    for name in ("cat", "ant"):
        for path in (root / name).iterdir():
            path.rename(os.fsdecode(os.fsencode(path.with_suffix("")) + b"\xff.png"))
    train, test = (photo_folder(root, split) for split in ("train", "test"))
    assert len(train) + len(test) == 24
    assert len(first_of_each_class(train, 1).rescaled(4)) == 2


def test_photographs_are_kept_decoded_at_a_size(write, cache):
    photos = photo_folder(write(), "train").rescaled(4)
    assert [path.name for path in cache.iterdir()] == [f"pets-train-{photos.fingerprint}-S4.pixels"]


def remove(path):
    return lambda root: shutil.rmtree(root / path)


@pytest.mark.parametrize(
    ("halves", "damage", "says"),
    [
        ((), remove("."), "pets is no folder"),
        (("train", "test"), remove("test"), "pets has train/ but no test/"),
        (("train", "test"), remove("train"), "pets has test/ but no train/"),
        (("train", "test"), remove("test/cat"), r"class 'cat' in one of train/ and test/ alone"),
        (("train", "test"), lambda root: (root / "train" / "dog").mkdir(), "class 'dog' in one of"),
        ((), lambda root: [shutil.rmtree(root / name) for name in ("cat", "ant")], "pets holds no folders"),
        ((), lambda root: (root / "dog").mkdir(), "dog holds no photographs"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(write, halves, damage, says):
    root = write(*halves)
    damage(root)
    with pytest.raises(InputError, match=says):
        photo_folder(root, "train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_class_has_photographs_in_each_half(write, split):
    root = write(count=40)
    for name in photo_folder(root, split).names:
        if name.startswith("cat"):
            (root / name).unlink()
    with pytest.raises(InputError, match=rf"cat has too few photographs to leave any for {split}: add some"):
        photo_folder(root, split)


def test_unknown_splits_are_refused(write):
    with pytest.raises(InputError, match="unknown split 'val': choose from train, test"):
        photo_folder(write(), "val")


def test_the_first_of_each_class_are_the_same_whatever_else_is_there(write):
    photos = photo_folder(write("train", "test"), "train")
    three = first_of_each_class(photos, 3)
    assert three.labels.bincount().tolist() == [3, 3]
    shuffled = photos.take(torch.randperm(24, generator=torch.Generator().manual_seed(0)))
    assert set(first_of_each_class(shuffled, 3).names) == set(three.names)
    assert set(first_of_each_class(photos, 2).names) < set(three.names)
    assert three.names != tuple(name for name in photos.names if name[-6:-4] in ("00", "01", "02"))


def test_more_of_a_class_than_there_are_is_refused(write):
    with pytest.raises(InputError, match="class 'ant' has 12 photographs and 13 were asked for"):
        first_of_each_class(photo_folder(write("train", "test"), "train"), 13)
