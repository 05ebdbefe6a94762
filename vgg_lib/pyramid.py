"""Crops of photographs that were decoded once, each rescaled to a side S of its own (§3.1, multi-scale training).

Photographs of one size are kept at several, as a pyramid: each is read from the smallest of its levels that is good
enough for S, in a window no larger than the crop needs. All that depends on S alone is computed once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from vgg_lib.decoded import DecodedPhotos
from vgg_lib.rescaling import Crops, cut, resampling_matrix, rescaled_size

#: Pixels that a level must have for each pixel of a training image, and how much smaller the next level is. Finer
#: levels make smaller windows and a larger cache; a lower demand makes coarser pictures.
OVERSAMPLING, LEVEL_STEP = 5 / 4, 2 ** (1 / 3)
#: Images whose windows are resampled at once: with more, the windows of the small ones are as large as the largest.
_AT_ONCE = 24


def level_sides(smallest_side: int, scale: tuple[int, int]) -> list[int]:
    """Smallest sides of the reduced copies that serve a range of S, largest first, for photographs of that side.

    >>> level_sides(224, (73, 146))
    [178, 141, 112]
    """
    steps = (round(smallest_side / LEVEL_STEP**step) for step in range(1, 64))
    useful = [side for side in steps if side >= scale[0] * OVERSAMPLING]
    # One that has enough pixels for the largest S is enough; those above it serve nothing.
    return [side for i, side in enumerate(useful) if i + 1 == len(useful) or useful[i + 1] < scale[1] * OVERSAMPLING]


def cut_decoded(
    photos: DecodedPhotos,
    crops: Crops,
    scale: int | tuple[int, int],
    crop: int,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """:func:`cut` of photographs decoded once, of one size or of many: float32 ``(N, 3, crop, crop)``, 0..255.

    ``crops`` were drawn for ``scale``. Photographs at their scale already come to the same bits. Others differ by
    rounding and, where a level serves them, by less than 2 of 255 on average.
    """
    if photos.size is None:
        parts = [_cut_one(photos.file.one(i), crops.one(n), crop, dtype) for n, i in enumerate(photos.index.tolist())]
        return torch.cat(parts)
    if bool((crops.side == min(photos.size)).all()):
        order = crops.flip.long().argsort(stable=True)  # those to flip behind the others
        windows = photos.file.windows(photos.index[order], crops.top[order], crops.left[order], (crop, crop))
        plain = len(order) - int(crops.flip.sum())
        windows[plain:] = windows[plain:].flip(3)
        return windows.index_select(0, order.argsort()).float()
    return _cut_from_levels(photos, crops, (scale, scale) if isinstance(scale, int) else scale, crop, dtype)


def _cut_one(image: Tensor, crops: Crops, crop: int, dtype: torch.dtype) -> Tensor:
    """:func:`cut` of one image ``(3, H, W)`` from no more of it than the crop needs: ``(1, 3, crop, crop)``."""
    height, width = image.shape[-2:]
    if int(crops.side) == min(height, width):
        return cut(image[None], crops, crop)
    weights, window = [], image
    rescaled = rescaled_size(height, width, int(crops.side))
    for axis, source, target, offset in zip((1, 2), (height, width), rescaled, (crops.top, crops.left), strict=True):
        ratio = source / target
        reach = max(ratio, 1.0)
        first = max(0, math.floor((int(offset) + 0.5) * ratio - reach))
        last = min(source, math.ceil((int(offset) + crop - 0.5) * ratio + reach))
        window = window.narrow(axis, first, last - first)
        weights.append(resampling_matrix(source, torch.tensor([target]), offset, crop)[0, :, first:last].to(dtype))
    rows, columns = weights
    batch = (rows @ (window.to(dtype) @ columns.T))[None].float()
    return batch.flip(3) if bool(crops.flip) else batch


@dataclass(frozen=True, slots=True)
class _Axis:
    """How one axis is resampled for each S of a range: all that does not depend on the crop.

    ``ratio`` (source pixels a target pixel) and ``half_width`` of the filter are float32 ``(S,)``, the others int64
    ``(S,)``: ``reach`` is how many source pixels a crop needs, ``start`` and ``mirrored`` are the rows of ``table``
    ``(rows, longest source)`` at which the weights of an S begin, and end in their mirrored form.
    """

    ratio: Tensor
    half_width: Tensor
    reach: Tensor
    start: Tensor
    mirrored: Tensor
    table: Tensor

    def first(self, s: Tensor, offset: Tensor) -> Tensor:
        """The first source pixel that crops at ``offset`` need, int64; may be below 0."""
        return ((offset + 0.5) * self.ratio[s] - self.half_width[s] - 0.5).ceil().long()

    def weights(self, place: Tensor, shape: tuple[int, int]) -> Tensor:
        """Weights ``(n, *shape)``, target by source, from each place in the table on: its row × width + column."""
        stride = self.table.shape[1]
        places = self.table.numel() - ((shape[0] - 1) * stride + shape[1]) + 1
        return self.table.as_strided((places, *shape), (1, stride, 1)).index_select(0, place)


@lru_cache(maxsize=16)
def _axis(
    sources: tuple[int, ...], original: int, smallest: int, scale: tuple[int, int], crop: int, dtype: torch.dtype
) -> _Axis:
    """For each S of ``scale``, from an axis of ``sources[S - scale[0]]`` pixels, ``original`` before any reduction.

    A level was reduced by a triangle whose half-width is one of its own pixels. Variances of filters add, so that
    a second triangle of half-width √(r² - 1) makes both together as wide as the one of half-width r that would
    do it directly.
    """
    target = original * torch.arange(scale[0], scale[1] + 1) // smallest
    source = torch.tensor(sources)
    ratio = source / target.double()
    direct = ratio.clamp(min=1)
    half_width = torch.where(source == original, direct, (ratio**2 - 1).clamp(min=1).sqrt())
    table = torch.zeros(2, int(target.sum()), max(sources), dtype=dtype)
    start = target.cumsum(0) - target
    for pixels, length, row, half in zip(sources, target, start.tolist(), half_width, strict=True):
        matrix = resampling_matrix(pixels, length[None], torch.zeros(1), int(length), half[None])[0]
        for way, form in enumerate((matrix, matrix.flip(0))):
            table[way, row : row + int(length), :pixels] = form
    reach = (ratio * (crop - 1) + 2 * half_width).ceil().long()
    ends = table.shape[1] + start + target
    return _Axis(ratio.float(), half_width.float(), reach, start, ends, table.flatten(0, 1))


def _cut_from_levels(
    photos: DecodedPhotos, crops: Crops, scale: tuple[int, int], crop: int, dtype: torch.dtype
) -> Tensor:
    """:func:`cut_decoded` for photographs of one size, each at an S of its own."""
    assert photos.size is not None
    files = sorted((photos.file, *photos.levels), key=lambda file: file.pixels.numel())
    level_of, heights, widths = _served(tuple(file.size or (0, 0) for file in files), scale)
    smallest = min(photos.size)
    rows = _axis(heights, photos.size[0], smallest, scale, crop, dtype)
    columns = _axis(widths, photos.size[1], smallest, scale, crop, dtype)

    s = crops.side - scale[0]
    # By level, then by window: what is resampled at once has windows of one size.
    order = (level_of[s] * 2**32 + rows.reach[s]).argsort()
    photo, s, top, left, flip = (v.index_select(0, order) for v in (photos.index, s, crops.top, crops.left, crops.flip))
    first_row, first_column = rows.first(s, top), columns.first(s, left)
    row = (rows.start[s] + top) * rows.table.shape[1]
    column = torch.where(flip, columns.mirrored[s] - crop - left, columns.start[s] + left) * columns.table.shape[1]
    high, wide = rows.reach[s].tolist(), columns.reach[s].tolist()
    batch = torch.empty(len(s), crop, 3, crop, dtype=dtype)
    begin = 0
    for file, count in zip(files, level_of[s].bincount(minlength=len(files)).tolist(), strict=True):
        assert file.size is not None
        pieces = -(-count // _AT_ONCE)
        for piece in range(pieces):
            part = slice(begin + count * piece // pieces, begin + count * (piece + 1) // pieces)
            n = part.stop - part.start
            height, width = (
                min(full, _in_fours(max(needs[part]))) for full, needs in zip(file.size, (high, wide), strict=True)
            )
            y = first_row[part].clamp(0, file.size[0] - height)
            x = first_column[part].clamp(0, file.size[1] - width)
            windows = file.windows(photo[part], y, x, (height, width), by_row=True).to(dtype)
            across = columns.weights(column[part] + x, (crop, width)).transpose(1, 2)
            down = rows.weights(row[part] + y, (crop, height))
            reduced = torch.bmm(windows.view(n, height * 3, width), across).view(n, height, 3 * crop)
            torch.bmm(down, reduced, out=batch[part].view(n, crop, 3 * crop))
        begin += count
    return (
        batch.index_select(0, order.argsort()).transpose(1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    )


def _in_fours(pixels: int) -> int:
    """Rounded up: a product of new sizes is prepared anew, and few sizes are soon all known."""
    return -(-pixels // 4) * 4


@lru_cache(maxsize=16)
def _served(
    sizes: tuple[tuple[int, int], ...], scale: tuple[int, int]
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """Which of the sizes, smallest first, serves each S of a range: its number ``(S,)``, its heights, its widths.

    The smallest that has enough pixels does, or else the largest.
    """
    enough = [
        next((n for n, size in enumerate(sizes) if min(size) >= s * OVERSAMPLING), len(sizes) - 1)
        for s in range(scale[0], scale[1] + 1)
    ]
    return torch.tensor(enough), tuple(sizes[n][0] for n in enough), tuple(sizes[n][1] for n in enough)
