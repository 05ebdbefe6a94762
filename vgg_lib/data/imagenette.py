"""Imagenette: ten easily told classes of ImageNet, the subset that one GPU, or two cores, can train on.

Found, in this order, at the folder given, at ``VGG_LIB_DATA``, in the user's cache folder; else downloaded
into the cache folder. torchvision knows its layout; here it is checked, decoded once, and fingerprinted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torchvision.datasets import Imagenette

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.folders import cache_folder
from vgg_lib.data.decoded import decoded_once
from vgg_lib.data.decoding import decode
from vgg_lib.data.images import Images
from vgg_lib.data.photo_files import PhotoFiles
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

HOW_TO_GET_IT = (
    "set VGG_LIB_DATA to the folder that holds {folder}/, or run `vgg-lib download` on a machine with a network"
)


def photographs_folder(root: str | Path | None = None) -> Path:
    """Where data sets are looked for: at ``root``, else at ``VGG_LIB_DATA``, else in the cache folder."""
    return Path(root or os.environ.get("VGG_LIB_DATA") or cache_folder()).expanduser()


def find(root: str | Path | None = None, size: str = "160px") -> Path | None:
    """The folder that holds the data set, or ``None`` where there is none to be found.

    Looks at ``root``, else at ``VGG_LIB_DATA``, else in the cache folder. The first that is set is the only
    one looked at: raises :class:`InputError` when it is no folder, or lacks the data set.
    """
    check_choice("size of Imagenette", size, FOLDERS)
    folder = FOLDERS[size]
    named = root or os.environ.get("VGG_LIB_DATA")
    if not named:
        return cache_folder() if (cache_folder() / folder).is_dir() else None
    where = Path(named).expanduser()
    origin = "the data folder" if root else "VGG_LIB_DATA"
    if not where.is_dir():
        raise InputError(f"{origin} is {where}, which is no folder: name the one that holds {folder}/")
    if not (where / folder).is_dir():
        raise InputError(f"{origin} is {where}, which does not hold {folder}/: " + HOW_TO_GET_IT.format(folder=folder))
    return where


def download(size: str = "160px") -> Path:
    """Download Imagenette into the cache folder, with a progress bar, and return that folder.

    It is unpacked aside and moved into place when complete. Raises :class:`InputError` when the download
    fails, with nothing left behind.
    """
    check_choice("size of Imagenette", size, FOLDERS)
    cache, folder = cache_folder(), FOLDERS[size]
    if (cache / folder).is_dir():
        return cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as aside:
            Imagenette(aside, split="train", size=size, download=True)
            (Path(aside) / folder).replace(cache / folder)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"Imagenette ({size}) is not on this machine and cannot be downloaded ({error}): "
            + HOW_TO_GET_IT.format(folder=folder)
        ) from error
    return cache


def imagenette(
    split: str = "train",
    root: str | Path | None = None,
    *,
    size: str = "160px",
    squash: int | None = None,
) -> Photos:
    """Imagenette's ``train`` (9,469 photographs) or ``val`` (3,925).

    With ``squash`` the photographs are resized to ``squash × squash`` pixels, aspect ratio not kept, and
    are decoded once and mapped from the cache folder from then on. Without it each is decoded when asked
    for, at its own size.

    Raises :class:`InputError` when there is no data and no way to download it, when a class has no folder
    or no photograph, or when a file cannot be read: the file is named.
    """
    check_choice("split", split, ("train", "val"))
    where = find(root, size) or download(size)
    _check_classes(where / FOLDERS[size] / split)
    data = Imagenette(str(where), split=split, size=size)
    paths = [Path(path) for path, _ in data._samples]
    fingerprint = digest_of(paths)
    stem = cache_folder() / f"imagenette-{split}-{fingerprint}"
    images: Images = PhotoFiles(paths, stem)
    if squash is not None:
        stem = stem.with_name(f"{stem.name}-{squash}")
        images = decoded_once(stem, len(paths), lambda: _squashed(paths, squash))
    return Photos(
        images=images,
        labels=torch.tensor([label for _, label in data._samples]),
        names=tuple(path.name for path in paths),
        classes=tuple(CLASSES.values()),
        fingerprint=fingerprint,
    )


def _check_classes(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is missing: the data set was not unpacked whole, remove and get it again")
    strange = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in CLASSES)
    if strange:
        raise InputError(f"{folder} has a folder {strange[0]!r} that is no class of Imagenette: remove it")
    for wnid, name in CLASSES.items():
        if next((folder / wnid).glob("*.JPEG"), None) is None:
            raise InputError(
                f"{folder} has no photographs of class {wnid} ({name}): remove the data set and get it again"
            )


def digest_of(paths: Sequence[Path]) -> str:
    """Digest of all names and bytes, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: (p.parent.name, p.name)):
        digest.update(f"{path.parent.name}/{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _squashed(paths: Sequence[Path], side: int) -> Iterator[torch.Tensor]:
    """The photographs squashed to ``side`` pixels, ``(3, side, side)`` each."""

    def one(path: Path) -> torch.Tensor:
        image = Image.fromarray(decode(path).permute(1, 2, 0).numpy())
        pixels = np.array(image.resize((side, side), Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    with ThreadPoolExecutor() as pool:  # decoding lets go of Python's lock
        for start in range(0, len(paths), 256):  # a pool runs ahead of what is written
            yield from pool.map(one, paths[start : start + 256])
