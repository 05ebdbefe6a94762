"""Freely licensed photographs that come with the library: those of Imagenette may not be shown, these may."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import torch

from vgg_lib.data.archive import CLASSES
from vgg_lib.data.decoding import read
from vgg_lib.data.images import ImageList
from vgg_lib.data.photos import Photos
from vgg_lib.tasks.box_file import Boxed, boxed

#: Where they are; ``photos.json`` has the author and the licence of each.
FOLDER = Path(str(files("vgg_lib") / "photographs_carried"))


def carried_photographs() -> Boxed:
    """Those of them that show a class of Imagenette, or nearly so, with boxes that were drawn by hand.

    >>> [photo.photos.classes[int(label)] for photo in [carried_photographs()] for label in photo.photos.labels]
    ['church', 'tench']
    """
    told = [photo for photo in json.loads((FOLDER / "photos.json").read_text(encoding="utf-8")) if "boxes" in photo]
    classes = tuple(CLASSES.values())
    photos = Photos(
        images=ImageList([read(FOLDER / photo["file"]) for photo in told]),
        labels=torch.tensor([classes.index(photo["class"]) for photo in told]),
        names=tuple(photo["file"] for photo in told),
        classes=classes,
        fingerprint="",
    )
    return boxed(photos, [torch.tensor(photo["boxes"]) for photo in told])
