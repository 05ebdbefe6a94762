"""Imagenette: ten easily told classes of ImageNet, the subset that one GPU, or two cores, can train on.

Found, in this order, at the folder given, at ``VGG_LIB_DATA``, in the user's cache folder; else downloaded
into the cache folder. torchvision knows its layout; here it is checked, decoded once, and fingerprinted.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from vgg_lib.basics.errors import InputError, InputWarning, check_choice
from vgg_lib.basics.files import is_folder
from vgg_lib.basics.folders import cache_folder, expanded, way_out
from vgg_lib.data.archive import CLASSES, FOLDERS, STAND_IN, differences, photographs_in
from vgg_lib.data.decoded import decoded_once
from vgg_lib.data.decoding import no_warning_of_size, read
from vgg_lib.data.images import Images
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos

HOW_TO_GET_IT = (
    "set VGG_LIB_DATA to the folder that holds {folder}/, or run `vgg-lib download` on a machine with a network"
)


def photographs_folder(root: str | Path | None = None) -> Path:
    """Where data sets are looked for: at ``root``, else at ``VGG_LIB_DATA``, else in the cache folder."""
    return expanded(root or os.environ.get("VGG_LIB_DATA") or cache_folder())


def find(root: str | Path | None = None, size: str = "160px") -> Path | None:
    """The folder that holds the data set, or ``None`` where there is none to be found.

    Looks at ``root``, else at ``VGG_LIB_DATA``, else in the cache folder. The first that is set is the only
    one looked at: raises :class:`InputError` when it is no folder, or lacks the data set. The data set's own folder
    does as well as the one around it.
    """
    check_choice("size of Imagenette", size, FOLDERS)
    folder = FOLDERS[size]
    named = root or os.environ.get("VGG_LIB_DATA")
    if not named:
        return cache_folder() if is_folder(cache_folder() / folder) else None
    where = expanded(named)
    origin = "the data folder" if root else "VGG_LIB_DATA"
    if not is_folder(where):
        raise InputError(f"{origin} is {where}, which is no folder: name the one that holds {folder}/")
    if (where / folder).is_dir():
        return where
    if where.absolute().name == folder and (where / "train").is_dir():
        return where.absolute().parent
    others = [name for name in FOLDERS.values() if (where / name).is_dir()]
    holds = f" but {others[0]}/" if others else ""
    raise InputError(
        f"{origin} is {where}, which does not hold {folder}/{holds}: " + HOW_TO_GET_IT.format(folder=folder)
    )


def download(size: str = "160px") -> Path:
    """Download Imagenette into the cache folder, with a progress bar, and return that folder.

    It is unpacked aside and moved into place when complete. Raises :class:`InputError` when the folder cannot be
    written or the download fails, with nothing left behind.
    """
    check_choice("size of Imagenette", size, FOLDERS)
    cache, folder = cache_folder(), FOLDERS[size]
    if is_folder(cache / folder):
        return cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        aside_in = TemporaryDirectory(dir=cache)
    except OSError as error:
        raise InputError(f"{cache} cannot be written ({error}): {way_out(cache)}") from error
    from torchvision.datasets import Imagenette

    try:
        with aside_in as aside:
            Imagenette(aside, split="train", size=size, download=True)
            (Path(aside) / folder).replace(cache / folder)
    except (OSError, RuntimeError, HTTPException, TarError) as error:
        if is_folder(cache / folder):  # another download was faster
            return cache
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

    Where the photographs are not those of the archive, a warning says in what they differ, and so does the result's
    ``differs``. Pixels of generated pictures are kept beside them, not in the cache folder.

    Raises :class:`InputError` when there is no data and no way to download it, when a class has no folder
    or no photograph, when there is something that is not Imagenette's, or when a file cannot be read: it is named.
    """
    check_choice("split", split, ("train", "val"))
    where = find(root, size) or download(size)
    folder = where / FOLDERS[size] / split
    paths = photographs_in(folder)
    wnids = list(CLASSES)
    labels = torch.tensor([wnids.index(path.parent.name) for path in paths])
    fingerprint = digest_of(paths)
    generated = (where / STAND_IN).exists()
    differs = "generated pictures" if generated else differences(split, labels, size, fingerprint)
    if differs and not generated:
        told = f"{folder} holds {differs}: what is trained on them is not comparable"
        warnings.warn(told, InputWarning, stacklevel=2)
    stem = (where if generated else cache_folder()) / f"imagenette-{split}-{fingerprint}"
    images: Images = PhotoFiles(paths, stem)
    if squash is not None:
        stem = stem.with_name(f"{stem.name}-{squash}")
        images = decoded_once(stem, len(paths), lambda: squashed(paths, squash))
    return Photos(
        images=images,
        labels=labels,
        names=tuple(path.name for path in paths),
        classes=tuple(CLASSES.values()),
        fingerprint=fingerprint,
        differs=differs,
    )


def digest_of(paths: Sequence[Path]) -> str:
    """Digest of all names and bytes, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: (p.parent.name, p.name)):
        digest.update(os.fsencode(f"{path.parent.name}/{path.name}\0"))  # a name need not be UTF-8
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise InputError(
                f"{path} cannot be read as a photograph ({error.strerror}): replace or remove it"
            ) from error
    return digest.hexdigest()[:16]


def squashed(paths: Sequence[Path], side: int) -> Iterator[torch.Tensor]:
    """The photographs in files, squashed to ``side`` pixels, ``(3, side, side)`` each."""

    def one(path: Path) -> torch.Tensor:
        image = Image.fromarray(read(path).permute(1, 2, 0).numpy())
        pixels = np.array(image.resize((side, side), Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    with ThreadPoolExecutor() as pool:  # decoding lets go of Python's lock
        for start in range(0, len(paths), 256):  # a pool runs ahead of what is written
            with no_warning_of_size():
                some = list(pool.map(one, paths[start : start + 256]))
            yield from some
