"""Photographs with boxes around what is on them: all boxes of each, and the one that is trained on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import expanded
from vgg_lib.data.photos import Photos


@dataclass(frozen=True)
class Boxed:
    """Photographs and all boxes of each: ``(M, 4)``, left, top, right, bottom in pixels of ``photos.images``.

    ``photos.boxes`` has the largest of each, which is trained on; a prediction is right if it fits any.
    """

    photos: Photos
    boxes: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, keep: Tensor) -> Boxed:
        """The photographs with these indices ``(n,)``, in that order."""
        return Boxed(self.photos.take(keep), tuple(self.boxes[i] for i in keep.tolist()))

    def single(self) -> Boxed:
        """Those with one box: only of them is it sure which box a prediction is of."""
        return self.take(torch.tensor([i for i, boxes in enumerate(self.boxes) if len(boxes) == 1], dtype=torch.long))


def boxed(photos: Photos, boxes: Sequence[Tensor] | None = None) -> Boxed:
    """Photographs with all boxes of each, in their pixels; with those that they have, one each, where none are given.

    Raises :class:`InputError` for photographs without boxes, and for a box that is empty or outside its picture.
    """
    if boxes is None and photos.boxes is None:
        raise InputError("these photographs have no boxes: give the boxes of each, or photographs that have them")
    several = [box[None].float() for box in photos.boxes] if boxes is None else [box.float() for box in boxes]  # type: ignore[union-attr]
    if len(several) != len(photos):
        raise InputError(f"there are {len(photos)} photographs and boxes of {len(several)}: give boxes for each")
    for name, size, some in zip(photos.names, photos.images.sizes.tolist(), several, strict=True):
        _check(name, (size[1], size[0]), some)
    largest = [some[int((some[:, 2:] - some[:, :2]).prod(1).argmax())] for some in several]
    return Boxed(dataclasses.replace(photos, boxes=torch.stack(largest)), tuple(several))


def boxed_from_file(photos: Photos, path: str | Path, below: str = "") -> Boxed:
    """Those of the photographs whose boxes are in a JSON file: of the original, resized here or not.

    The file is an object, ``{"train/n01440764/NAME.JPEG": {"size": [width, height], "boxes": [[left, top, right,
    bottom], …]}, …}``, in pixels of the original. Photographs that were resized since, aspect ratio kept or not, take
    their boxes along. A photograph is the one whose name ends as the photograph's does, with the class's folder if
    that is in its name; with ``below="train/"``, only among the names that begin so.

    Raises :class:`InputError` when the file is missing or of another form, has none of the photographs, has one
    of them twice, or has a photograph without a box or with one that is empty or outside its picture.
    """
    path = expanded(path)
    entries = {name: entry for name, entry in _read(path).items() if name.startswith(below)}
    keep, several = [], []
    by_name = {name: i for i, name in enumerate(photos.names)}
    depth = 1 + min((name.count("/") for name in photos.names), default=0)
    for name, entry in entries.items():
        size, boxes = _entry(path, name, entry)
        i = by_name.get("/".join(name.split("/")[-depth:]))
        if i is not None and i in keep:
            raise InputError(f"{path} has boxes of {photos.names[i]} twice, the second time as {name}: remove one")
        if i is not None:
            keep.append(i)
            several.append((size, boxes))
    if not keep:
        raise InputError(
            f"{path} has boxes of {len(entries)} photographs{' in ' + below if below else ''}, and none of them is "
            f"among these {len(photos)}, such as {below}{photos.names[0]}: give the file of this data set"
        )
    order = torch.tensor(keep).argsort()
    chosen = photos.take(torch.tensor(keep)[order])
    resized = [
        boxes * torch.tensor([now[1], now[0]] * 2) / size.repeat(2)
        for (size, boxes), now in zip([several[i] for i in order.tolist()], chosen.images.sizes.tolist(), strict=True)
    ]
    return boxed(chosen, resized)


def _read(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file of boxes at {path}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no file of boxes in JSON ({error}): get it again") from error
    if not isinstance(entries, dict) or not entries:
        raise InputError(f'{path} holds no boxes: an object {{"photo.jpg": {{"size": …, "boxes": …}}, …}} was expected')
    return entries


def _entry(path: Path, name: str, entry: Any) -> tuple[Tensor, Tensor]:
    """Width and height ``(2,)`` and boxes ``(M, 4)`` of one photograph, checked."""
    try:
        size = torch.tensor(entry["size"], dtype=torch.float32)
        boxes = torch.tensor(entry["boxes"], dtype=torch.float32)
        if size.shape != (2,) or not (size >= 1).all() or not size.isfinite().all():
            raise ValueError
        if len(boxes) and boxes.shape[1:] != (4,):
            raise ValueError
    except Exception as error:  # PyTorch makes errors of many kinds of what is no number
        raise InputError(
            f"{path} describes {name} as {json.dumps(entry)[:80]}: its size (width, height) and boxes (left, top, "
            "right, bottom) in pixels were expected"
        ) from error
    _check(f"{path}: {name}", (int(size[0]), int(size[1])), boxes)
    return size, boxes


def _check(name: str, size: tuple[int, int], boxes: Tensor) -> None:
    """Refuse a photograph without a box, and a box that is empty or reaches outside; ``size`` is width and height."""
    if not len(boxes):
        raise InputError(f"{name} has no box: give one or more, or leave the photograph out")
    inside = (boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] <= torch.tensor(size) + 1e-3).all(1)
    for what, good in (("reaches outside its picture", inside), ("is empty", (boxes[:, 2:] > boxes[:, :2]).all(1))):
        if not good.all():
            box = [round(x, 1) for x in boxes[int((~good).nonzero()[0])].tolist()]
            raise InputError(
                f"{name} has a box {box} that {what}, which is {size[0]} wide and {size[1]} high: give left, top, "
                "right and bottom in pixels"
            )
