"""Any folder of photographs, one folder for each class, as a reader has them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.files import inside, is_file, is_folder
from vgg_lib.basics.folders import cache_folder, expanded
from vgg_lib.data.decoding import is_photograph
from vgg_lib.data.imagenette import digest_of
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos

#: Where a folder has no ``train`` and ``test`` of its own, one photograph of so many is for testing.
_TEST_ONE_OF = 4


def photo_folder(root: str | Path, split: str) -> Photos:
    """The ``train`` or the ``test`` photographs of a folder of classes, decoded when asked for, at their own sizes.

    Two layouts are understood: ``root/train/CLASS/*.jpg`` beside ``root/test/CLASS/*.jpg``, and ``root/CLASS/*.jpg``,
    where a quarter is for testing, chosen by a hash of class and file name, so that it is the same on every machine.
    The first is meant where both halves are there, or one of them and no other folder: a class may be called ``train``.
    Classes are in the order of their names, photographs too; each one's name is ``CLASS/file``. What is hidden, and
    files that are no photographs by their ending, are passed over.

    Raises :class:`InputError` when there is no such folder, one cannot be read, one half of the first layout is
    missing, the two halves have different classes, or a class has no photograph, or none in this half.
    """
    check_choice("split", split, ("train", "test"))
    root = expanded(root)
    if not is_folder(root):
        raise InputError(f"{root} is no folder: name one that holds a folder of photographs for each class")
    if has_halves(root):
        there = set(_folders(root))
        for half, missing in (("train", "test"), ("test", "train")):
            if missing not in there:
                raise InputError(
                    f"{root} has {half}/ but no {missing}/: add it, or put the classes' folders into {root}"
                )
        classes = _classes(root / split)
        other = _classes(root / ("test" if split == "train" else "train"))
        if classes != other:
            strange = sorted(set(classes) ^ set(other))[0]
            raise InputError(f"{root} has class {strange!r} in one of train/ and test/ alone: each needs all classes")
        paths = _photographs(root / split, classes)
    else:
        classes = _classes(root)
        paths = [path for path in _photographs(root, classes) if _for_testing(path) == (split == "test")]
        lost = sorted(set(classes) - {path.parent.name for path in paths})
        if lost:
            raise InputError(
                f"{root / lost[0]} has too few photographs to leave any for {split}: add some, or make train/ and test/"
            )
    fingerprint = digest_of(paths)
    return Photos(
        images=PhotoFiles(paths, cache_folder() / f"{root.resolve().name}-{split}-{fingerprint}"),
        labels=torch.tensor([classes.index(path.parent.name) for path in paths]),
        names=tuple(_name(path) for path in paths),
        classes=tuple(classes),
        fingerprint=fingerprint,
    )


def has_halves(root: str | Path) -> bool:
    """Whether a folder is one of ``train`` and ``test``, rather than of classes, one of which may have such a name.

    It is where it holds both, or one of them and no other folder.
    """
    root = expanded(root)
    there = set(_folders(root) if is_folder(root) else [])
    return {"train", "test"} <= there or there in ({"train"}, {"test"})


def first_of_each_class(photos: Photos, count: int) -> Photos:
    """``count`` photographs of each class, the same on every machine: those whose names' hashes come first.

    Raises :class:`InputError` for a count under 1, and for a class that has fewer.
    """
    if count < 1:
        raise InputError(f"{count} photographs of each class were asked for: ask for 1 or more")
    order = sorted(range(len(photos)), key=lambda i: hashlib.sha256(os.fsencode(photos.names[i])).digest())
    by_class: list[list[int]] = [[] for _ in photos.classes]
    for i in order:
        by_class[int(photos.labels[i])].append(i)
    for name, members in zip(photos.classes, by_class, strict=True):
        if len(members) < count:
            raise InputError(f"class {name!r} has {len(members)} photographs and {count} were asked for: ask for fewer")
    return photos.take(torch.tensor([i for members in by_class for i in sorted(members[:count])]))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _for_testing(path: Path) -> bool:
    digest = hashlib.sha256(os.fsencode(_name(path))).digest()
    return int.from_bytes(digest[:8], "little") % _TEST_ONE_OF == 0


def _folders(folder: Path) -> list[str]:
    return [path.name for path in inside(folder) if is_folder(path) and not path.name.startswith(".")]


def _classes(folder: Path) -> list[str]:
    names = _folders(folder)
    if not names:
        raise InputError(f"{folder} holds no folders: put the photographs of each class into a folder of its name")
    return names


def _photographs(folder: Path, classes: list[str]) -> list[Path]:
    paths = []
    for name in classes:
        found = [path for path in inside(folder / name) if is_photograph(path) and is_file(path)]
        if not found:
            raise InputError(f"{folder / name} holds no photographs: remove the folder, or add some")
        paths += found
    return paths
