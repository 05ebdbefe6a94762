"""Boxes around things (App. A): how much two overlap, and how a net is told of them.

A box is left, top, right, bottom, in pixels or in parts of its picture's sides. A net is told of its centre, width and
height in parts of what the net sees.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vgg_lib.data.rescaling import Crops, rescaled_sizes

#: The box that is the whole picture, in parts of its sides.
WHOLE = torch.tensor([0.0, 0.0, 1.0, 1.0])


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes ``(…, 4)`` and boxes ``(…, 4)``, each with its partner, or broadcast: ``(…)``.

    A box whose right is not right of its left, or whose bottom is not below its top, has no area and overlaps nothing.

    >>> float(overlap(torch.tensor([0.0, 0, 2, 2]), torch.tensor([1.0, 0, 3, 2])))
    0.3333333432674408
    """
    shared = _area(torch.cat([torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])], -1))
    return shared / (_area(a) + _area(b) - shared).clamp(min=torch.finfo(shared.dtype).tiny)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def encode(boxes: Tensor, sizes: Tensor | int) -> Tensor:
    """Pixel boxes ``(N, 4)`` as centre x, centre y, width and height, in parts of the sides: ``(N, 4)``.

    ``sizes`` are heights and widths ``(N, 2)`` of what they are boxes in, or the one side of squares.

    >>> encode(torch.tensor([[0.0, 16.0, 32.0, 32.0]]), 32).tolist()
    [[0.5, 0.75, 1.0, 0.5]]
    """
    return _converted(boxes / _sides(sizes), "xyxy", "cxcywh")


def decode(encoded: Tensor, sizes: Tensor | int) -> Tensor:
    """Pixel boxes ``(N, 4)`` of what :func:`encode` gives; a predicted width or height below 0 becomes 0."""
    centres, extents = encoded[:, :2], encoded[:, 2:].clamp(min=0)
    return _converted(torch.cat([centres, extents], 1), "cxcywh", "xyxy") * _sides(sizes)


def _converted(boxes: Tensor, form: str, wanted: str) -> Tensor:
    from torchvision.ops import box_convert

    return box_convert(boxes, form, wanted)


def _sides(sizes: Tensor | int) -> Tensor | int:
    return sizes if isinstance(sizes, int) else sides(sizes)


def sides(sizes: Tensor) -> Tensor:
    """Width, height, width, height ``(N, 4)`` of heights and widths ``(N, 2)``: what boxes are parts of.

    >>> sides(torch.tensor([[3, 4]])).tolist()
    [[4, 3, 4, 3]]
    """
    return sizes.flip(1).repeat(1, 2)


def boxes_in_crops(boxes: Tensor, sizes: Tensor, crops: Crops, crop: int) -> Tensor:
    """Where boxes of pictures are in crops of them, in the crops' pixels ``(N, 4)``; they may reach beyond the crop.

    ``boxes`` are in the pictures' pixels ``(N, 4)``, ``sizes`` the pictures' heights and widths ``(N, 2)``, int64.
    """
    moved = boxes * _scales(sizes, crops) - _corners(crops)
    return torch.where(crops.flip[:, None], _mirrored(moved, crop), moved)


def boxes_in_pictures(boxes: Tensor, sizes: Tensor, crops: Crops, crop: int) -> Tensor:
    """What :func:`boxes_in_crops` undone: boxes of crops, in their pixels, in the pixels of the pictures."""
    upright = torch.where(crops.flip[:, None], _mirrored(boxes, crop), boxes)
    return (upright + _corners(crops)) / _scales(sizes, crops)


def _scales(sizes: Tensor, crops: Crops) -> Tensor:
    return sides(rescaled_sizes(sizes, crops.side) / sizes)


def _corners(crops: Crops) -> Tensor:
    return torch.stack([crops.left, crops.top], 1).repeat(1, 2)


def _mirrored(boxes: Tensor, crop: int) -> Tensor:
    left, top, right, bottom = boxes.unbind(1)
    return torch.stack([crop - right, top, crop - left, bottom], 1)


def merge(boxes: Tensor, scores: Tensor, least: float = 0.5) -> tuple[Tensor, Tensor]:
    """Greedy merging (App. A): the two boxes that overlap most are merged first, until none overlap by ``least``.

    ``boxes`` are ``(N, 4)``, ``scores`` ``(N,)``. A merged box is the mean of all that went into it, and has the sum of
    their scores. The result is in the order of scores, the largest first.

    >>> merge(torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4.5], [8, 8, 9, 9]]), torch.tensor([0.25, 0.5, 0.5]))
    (tensor([[0.0000, 0.0000, 4.0000, 4.2500],
            [8.0000, 8.0000, 9.0000, 9.0000]]), tensor([0.7500, 0.5000]))
    """
    boxes, scores, members = boxes.clone(), scores.clone(), torch.ones_like(scores)
    while len(boxes) > 1:
        overlaps = overlap(boxes[:, None], boxes[None]).triu(1)
        best = int(overlaps.argmax())
        if overlaps.flatten()[best] < least:
            break
        i, j = divmod(best, len(boxes))
        total = members[i] + members[j]
        boxes[i] = (boxes[i] * members[i] + boxes[j] * members[j]) / total
        scores[i], members[i] = scores[i] + scores[j], total
        rest = torch.arange(len(boxes)) != j
        boxes, scores, members = boxes[rest], scores[rest], members[rest]
    order = scores.argsort(descending=True, stable=True)
    return boxes[order], scores[order]
