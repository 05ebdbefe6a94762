"""Crops of photographs that were decoded once, each rescaled to a side S of its own (§3.1, multi-scale training).

Photographs of one size are kept at several, as a pyramid: each is read from the smallest of its levels that is good
enough for S, in a window no larger than crops need, and all windows are resampled together. What depends on S alone
is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from vgg_lib.data.pixel_cache import PixelFile
from vgg_lib.data.rescaling import Crops, Scale, cut, resampling_matrix, rescaled_size

#: Pixels that a level must have for each pixel of a training image, and how much smaller the next level is. A lower
#: demand makes crops that differ more; finer levels make smaller windows, but more of them, and a larger cache.
OVERSAMPLING, LEVEL_STEP = 9 / 8, 2 ** (1 / 3)
#: Pixels of a level, along each axis, that make one of a crop. More come nearer to the direct path, and take longer.
TAPS = 5
#: What is taken for known of photographs: how neighbouring pixels correlate (Imagenette's of 224 pixels: 0.968), and
#: the variance that rounding to whole grey levels adds, as a share of the photographs' own.
CORRELATION, ROUNDING = 0.97, 1 / 12 / 70**2


def level_sides(smallest_side: int, scale: tuple[int, int]) -> list[int]:
    """Smallest sides of the reduced copies that serve a range of S, largest first, for photographs of that side.

    The first one has pixels enough for the largest S, each other one for what is left.

    >>> level_sides(224, (73, 146))
    [164, 130, 103]
    """
    smallest, largest = scale[0] * OVERSAMPLING, scale[1] * OVERSAMPLING
    sides = (round(largest / LEVEL_STEP**step) for step in range(64))
    return [side for side in sides if max(round(smallest), TAPS) < side < smallest_side]


def cut_window(image: Tensor, crops: Crops, crop: int, dtype: torch.dtype) -> Tensor:
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

    Its pixels at the first S, then at the next, are the places ``(places,)``: an S begins at ``start`` ``(S,)``.
    Each is a sum of consecutive source pixels, ``taken`` ``(places, taps)``, by ``weights`` ``(places, taps)``.
    ``matrix`` ``(2 × places, longest source)`` is the same with its zeros, then each S mirrored, which ends at ``ends``
    ``(S,)``. A crop is made from at most ``window`` source pixels, the first of them at most ``last`` ``(S,)``.
    """

    start: Tensor
    taken: Tensor
    weights: Tensor
    matrix: Tensor
    ends: Tensor
    window: int
    last: Tensor

    def begins(self, place: Tensor, s: Tensor) -> Tensor:
        """The first source pixel of a window for a crop that begins at a place, at the S of that number: ``(n,)``."""
        return torch.minimum(self.taken[:, 0].index_select(0, place), self.last.index_select(0, s))


def _runs(table: Tensor, begin: Tensor, shape: tuple[int, int]) -> Tensor:
    """Parts ``(n, *shape)`` of a table of two dimensions, each from a number ``begin`` ``(n,)`` of it on."""
    stride = table.shape[1]
    numbers = table.numel() - ((shape[0] - 1) * stride + shape[1]) + 1
    return table.as_strided((numbers, *shape), (1, stride, 1)).index_select(0, begin)


@lru_cache(maxsize=16)
def _axis(
    sources: tuple[int, ...], original: int, smallest: int, scale: tuple[int, int], crop: int, dtype: torch.dtype
) -> _Axis:
    """For each S of ``scale``, from an axis of ``sources[S - scale[0]]`` pixels, ``original`` before any reduction."""
    targets = original * torch.arange(scale[0], scale[1] + 1) // smallest
    places, start = int(targets.sum()), targets.cumsum(0) - targets
    matrix, first, end = torch.zeros(2, places, max(sources), dtype=dtype), [], []
    for source, target, begin in zip(sources, targets.tolist(), start.tolist(), strict=True):
        direct = _whole(original, target)
        weights = direct if source == original else _from_level(direct, source)
        matrix[0, begin : begin + target, :source] = weights
        matrix[1, begin : begin + target, :source] = weights.flip(0)
        held = (weights != 0).int()
        first.append(held.argmax(1))
        end.append(source - held.flip(1).argmax(1))
    taps = int((torch.cat(end) - torch.cat(first)).max())
    first = [f.clamp(max=source - taps) for f, source in zip(first, sources, strict=True)]
    window = max(int((f[crop - 1 :] - f[: len(f) - crop + 1]).max()) + taps for f in first)
    taken = torch.cat(first)[:, None] + torch.arange(taps)
    weights = matrix[0].gather(1, taken)
    last = (torch.tensor(sources) - window).clamp(min=0)
    return _Axis(start, taken, weights, matrix.flatten(0, 1), places + start + targets, window, last)


def _whole(source: int, target: int) -> Tensor:
    """The weights that rescale all of an axis on the direct path: ``(target, source)``."""
    return resampling_matrix(source, torch.tensor([target]), torch.zeros(1), target)[0]


def _from_level(direct: Tensor, level: int) -> Tensor:
    """Weights of a level's pixels that come nearest to ``direct``, those of the original's: ``(target, level)``.

    What the level shows and what is wanted are both sums over the original pixels. Which sum of a few of the one comes
    nearest to the other, on average over photographs, follows from how their pixels correlate: least squares. Weights
    that only interpolate would blur once more what the level has blurred before.
    """
    target, original = direct.shape
    seen, among = _covariances(original, level)
    centres = (torch.arange(target, dtype=torch.float64) + 0.5) * level / target - 0.5
    nearest = (centres - TAPS / 2).ceil().long().clamp(0, level - TAPS)[:, None] + torch.arange(TAPS)
    wanted = (direct.double() @ seen).gather(1, nearest)
    weights = torch.linalg.solve(among[nearest[:, :, None], nearest[:, None]], wanted)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.zeros(target, level, dtype=torch.float64).scatter_(1, nearest, weights).float()


@lru_cache(maxsize=16)
def _covariances(original: int, level: int) -> tuple[Tensor, Tensor]:
    """Of original pixels with a level's, ``(original, level)``, and of the level's, ``(level, level)``: float64."""
    reduction = _whole(original, level).double()
    apart = torch.arange(original)[:, None] - torch.arange(original)
    seen = CORRELATION ** apart.abs().double() @ reduction.T
    return seen, reduction @ seen + ROUNDING * torch.eye(level, dtype=torch.float64)


def cut_from_levels(
    files: Sequence[PixelFile], photos: Tensor, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype
) -> Tensor:
    """:func:`~vgg_lib.data.rescaling.cut` of photographs of one size, each at an S of its own.

    ``files`` hold the whole set, the first at its own size and the others reduced; ``photos`` are the numbers
    ``(n,)`` of those to cut. There is so little arithmetic that each call is felt: windows of one size are taken from
    all levels, and from there on the whole batch is resampled at once.
    """
    size = files[0].size
    assert size is not None
    scale = (scale, scale) if isinstance(scale, int) else scale
    files = sorted(files, key=lambda file: file.pixels.numel())
    level_of, heights, widths = _served(tuple(file.size or (0, 0) for file in files), scale)
    smallest = min(size)
    rows = _axis(heights, size[0], smallest, scale, crop, dtype)
    columns = _axis(widths, size[1], smallest, scale, crop, dtype)

    s, count = crops.side - scale[0], len(crops.side)
    row, column = rows.start.index_select(0, s) + crops.top, columns.start.index_select(0, s) + crops.left
    top, left = rows.begins(row, s), columns.begins(column, s)
    level, order = level_of.index_select(0, s).sort()
    windows = torch.empty(count, rows.window, 3, columns.window, dtype=torch.uint8)
    ends = level.bincount(minlength=len(files)).cumsum(0).tolist()
    chosen = torch.stack((photos, top, left)).index_select(1, order)
    for file, begin, end in zip(files, [0, *ends], ends, strict=False):
        if begin < end:
            assert file.size is not None
            height, width = min(rows.window, file.size[0]), min(columns.window, file.size[1])
            part = windows[begin:end, :height, :, :width]
            photo, y, x = chosen[:, begin:end]
            file.windows(photo, y, x, (height, width), by_row=True, out=part)

    taps = rows.weights.shape[1]
    whole, weights = (_runs(table, row * taps, (crop, taps)) for table in (rows.taken, rows.weights))
    which = whole + (order.argsort() * rows.window - top)[:, None, None]
    down = _sums(windows.to(dtype).view(count * rows.window, -1), which, weights)
    across_from = torch.where(crops.flip, columns.ends[s] - crop - crops.left, column) * columns.matrix.shape[1] + left
    across = _runs(columns.matrix, across_from, (crop, columns.window))  # target by source
    by_row = torch.bmm(down.view(count, crop * 3, columns.window), across.transpose(1, 2)).view(count, crop, 3, crop)
    return by_row.transpose(1, 2).to(torch.float32, memory_format=torch.contiguous_format)


def _sums(rows: Tensor, which: Tensor, weights: Tensor) -> Tensor:
    """Sums of rows of ``rows`` ``(r, width)``: those that ``which`` says, times ``weights``, both ``(n, m, taps)``.

    To PyTorch, which returns them as ``(n × m, width)``, these are bags of embeddings. A product with a matrix, most
    of whose weights would be 0, takes several times as long.
    """
    taps = weights.shape[-1]
    return functional.embedding_bag(which.view(-1, taps), rows, per_sample_weights=weights.view(-1, taps), mode="sum")


@lru_cache(maxsize=16)
def _served(
    sizes: tuple[tuple[int, int], ...], scale: tuple[int, int]
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """Which of the sizes, smallest first, serves each S of a range: its number ``(S,)``, its heights, its widths.

    The smallest that has enough pixels does, or else the largest.
    """
    serving = [
        next((n for n, size in enumerate(sizes) if min(size) >= round(s * OVERSAMPLING)), len(sizes) - 1)
        for s in range(scale[0], scale[1] + 1)
    ]
    return torch.tensor(serving), tuple(sizes[n][0] for n in serving), tuple(sizes[n][1] for n in serving)
