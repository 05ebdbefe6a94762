"""What Imagenette's archives hold, as data, and in what a folder differs from that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import inside
from vgg_lib.data.photos import Photos

#: What each archive unpacks to, by the name torchvision gives its size.
FOLDERS = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}

#: The ten classes in the order of their labels: WordNet number and the name used in this book.
CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}

#: Photographs of each class, the same in archives of any size: 9,469 and 3,925 in all.
COUNTS = {
    "train": (963, 955, 993, 858, 941, 956, 961, 931, 951, 960),
    "val": (387, 395, 357, 386, 409, 394, 389, 419, 399, 390),
}

#: How many of the training photographs are in the held-out tenth, which their names decide.
HELD_OUT = 935

#: Fingerprints of the archives that records were made with, by size and split.
FINGERPRINTS = {("160px", "train"): "89164eb1da353b0f", ("160px", "val"): "6440919f93f4519d"}

#: A file of this name beside the archive's folder says that its pictures are generated.
STAND_IN = "generated.txt"

#: What systems leave in folders, besides hidden files.
_LITTER = {"Thumbs.db", "desktop.ini"}


def photographs_in(folder: Path) -> list[Path]:
    """The photographs in the folder of a split, class by class, each class in the order of names.

    What is hidden is passed over. Raises :class:`InputError` for a folder that is missing or cannot be read, a class
    without photographs, and for folders and files that are not Imagenette's, which would otherwise be left out
    without a word.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is missing: the data set was not unpacked whole, remove and get it again")
    strange = [path for path in _visible(folder) if path.is_dir() and path.name not in CLASSES]
    photos: list[Path] = []
    for wnid, name in CLASSES.items():
        there = list(_visible(folder / wnid)) if (folder / wnid).is_dir() else []
        found = [path for path in there if path.suffix.lower() == ".jpeg"]
        if not found:
            raise InputError(
                f"{folder} has no photographs of class {wnid} ({name}): remove the data set and get it again"
            )
        strange += [path for path in there if path.suffix.lower() != ".jpeg"]
        photos += found
    if strange:
        names = ", ".join(str(path.relative_to(folder)) for path in strange[:3])
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise InputError(f"{folder} has {names}{more}, which Imagenette has not: remove it, or end its name in .JPEG")
    return photos


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in inside(folder) if not path.name.startswith(".") and path.name not in _LITTER)


def differences(split: str, labels: Tensor, size: str, fingerprint: str) -> str:
    """In what photographs differ from those of the archive, as in ``it holds …``; empty where in nothing."""
    expected = COUNTS[split]
    found = labels.bincount(minlength=len(CLASSES)).tolist()
    pairs = zip(CLASSES.values(), found, expected, strict=False)
    wrong = [f"{name} {there:,} instead of {wanted:,}" for name, there, wanted in pairs if there != wanted]
    if wrong:
        some = ", ".join(wrong[:2]) + (f", and so in {len(wrong) - 2} more classes" if len(wrong) > 2 else "")
        return f"{len(labels):,} photographs instead of {sum(expected):,} ({some})"
    known = FINGERPRINTS.get((size, split), fingerprint)
    return "" if known == fingerprint else f"photographs with fingerprint {fingerprint} instead of {known}"


def check_whole(photos: Photos) -> None:
    """Raise :class:`InputError` unless the photographs are, or are a part of, the very data set that was published.

    For studies: a record of a fragment would be taken for one of the whole.
    """
    if photos.differs:
        raise InputError(
            f"these photographs are not those of Imagenette's archive, but {photos.differs}: get the data set again, "
            "or say --other-photographs to train on them all the same"
        )
