"""Crops in which a thing has a known size: what rescaling changes for a net, and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import resampling_matrix


def at_size(
    photos: Photos,
    pixels: Tensor | float,
    crop: int,
    mean: Tensor,
    shift: Tensor | float = 0.0,
    *,
    mirrored: bool = False,
) -> Tensor:
    """The crop around the thing of each square picture, rescaled so that the longer side of its box is ``pixels`` long.

    A box of side b in a picture of side H becomes S·b/H pixels long when the picture is rescaled to S (§3.1), so each
    picture has an S of its own. ``pixels`` is one size or ``(N,)``; ``shift`` moves the crop, down and to the right, in
    pixels of the result: one number, or ``(2, N)``. The result is float32 ``(N, 3, crop, crop)`` on a scale of 0..255
    with ``mean`` ``(3,)`` subtracted. Beyond the picture's edge it is 0, or with ``mirrored`` the picture's mirror
    image, one on each side.

    Raises :class:`InputError` for photographs without boxes, or not square.
    """
    if photos.boxes is None:
        raise InputError("these photographs have no boxes, so nobody knows how large their things are")
    if photos.images.size is None or len(set(photos.images.size)) > 1:
        raise InputError(f"these photographs are of size {photos.images.size}: give square ones of one size")
    side = photos.images.size[0]
    left, top, right, bottom = photos.boxes.T
    scale = side * pixels / torch.maximum(right - left, bottom - top)
    down, along = shift if isinstance(shift, Tensor) else (shift, shift)

    def weights(middle: Tensor, by: Tensor | float) -> Tensor:
        first = scale * (middle / side + 1) - crop / 2 + by  # in the picture with its margin, three sides long
        drawn = resampling_matrix(3 * side, 3 * scale, first, crop)
        before, within, behind = drawn.nan_to_num(0).split(side, -1)  # beyond the margin none is divided by none
        return within + before.flip(-1) + behind.flip(-1) if mirrored else within

    rows, columns = weights((top + bottom) / 2, down), weights((left + right) / 2, along)
    centred = torch.cat(list(photos.images.load(torch.arange(len(photos))))).float() - mean.view(3, 1, 1)
    return rows[:, None] @ centred @ columns[:, None].mT
