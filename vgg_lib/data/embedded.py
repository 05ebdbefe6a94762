"""The embedded data set: ten things made of the same four parts, photographed by arithmetic.

Every thing is one bar, two discs and one triangle, in colours of their own; only their *arrangement*
tells a cart from a seesaw. Each stands somewhere in a cluttered, unevenly lit, noisy picture, its size
varying twofold, tilted a little, its box known. No colour, no texture and no single part gives the class away.

A variation of the set is *marked*: the triangle's colour is that of its class, and all else is the same to the byte.
There one part does give the class away.

The pictures are the same bytes on every machine: integer arithmetic only, driven by the raw stream of
NumPy's Philox generator, which NumPy promises not to change. ``tests/test_embedded.py`` holds the digests.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photos import Photos

#: Side of a picture in pixels.
SIDE = 64
#: Pictures per split: training and test.
COUNTS = {"train": 2400, "val": 600}
#: How many of the training pictures are in the held-out tenth, which their names decide.
HELD_OUT = 258
#: Seeds of the two splits' streams; another value is another data set.
SEEDS = {"train": 1409, "val": 1556}

#: Half-sizes of the parts, in 1/64 of the thing's side: bar (length, thickness), disc (radius), triangle.
BAR, DISC, TRIANGLE = (26, 4), 8, 8


class Arrangement(NamedTuple):
    """Where a thing's parts are: centres (x right, y down) in 1/64 of its side, from the thing's centre."""

    bar: tuple[int, int]
    upright: bool
    discs: tuple[tuple[int, int], tuple[int, int]]
    triangle: tuple[int, int]


#: The ten classes. No one is another's mirror image, so that flipping a picture keeps its class.
THINGS: dict[str, Arrangement] = {
    "cart": Arrangement((0, 4), False, ((-16, 17), (16, 17)), (0, -9)),
    "seesaw": Arrangement((0, 2), False, ((-18, -11), (18, -11)), (0, 15)),
    "crown": Arrangement((0, 12), False, ((-18, -2), (18, -2)), (0, -2)),
    "table": Arrangement((0, -12), False, ((-18, 2), (18, 2)), (0, 2)),
    "tower": Arrangement((0, 25), False, ((0, 12), (0, -5)), (0, -22)),
    "lamp": Arrangement((0, -25), False, ((0, 5), (0, 22)), (0, -12)),
    "rocket": Arrangement((0, 8), True, ((-14, 24), (14, 24)), (0, -27)),
    "plant": Arrangement((0, -8), True, ((-14, -22), (14, -22)), (0, 27)),
    "flag": Arrangement((-14, 0), True, ((0, -18), (17, -18)), (0, 0)),
    "signal": Arrangement((0, 0), True, ((14, -14), (14, 14)), (-14, 0)),
}

#: Colours of the triangle in marked pictures, one a class: hues 36° apart, 0..255.
MARKS = torch.tensor(
    [
        (230, 35, 35), (230, 152, 35), (191, 230, 35), (74, 230, 35), (35, 230, 113),
        (35, 230, 230), (35, 113, 230), (74, 35, 230), (191, 35, 230), (230, 35, 152),
    ],
    dtype=torch.int32,
)  # fmt: skip

_FINE = 16  # coordinates are in 1/16 pixel
_CHUNK = 200  # pictures drawn at once: their integers stay in the processor's cache


class _Stream:
    """Integers from the raw Philox stream, drawn by remainder: frozen, and even enough for pictures."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """int32 in ``low`` … ``high``, both included."""
        raw = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(16)
        values = (raw % np.uint64(high - low + 1)).astype(np.int32) + np.int32(low)
        return torch.from_numpy(values.reshape(shape))

    def octets(self, *shape: int) -> Tensor:
        """int32 in 0 … 255, eight from each raw number: for noise, of which there is much."""
        count = int(np.prod(shape))
        raw = self._bits.random_raw(-(-count // 8)).astype("<u8").view(np.uint8)[:count]
        return torch.from_numpy(raw.reshape(shape).astype(np.int32))


def _column(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1)


def _coverage(distance: Tensor) -> Tensor:
    """How much of a pixel lies inside, 0 … 256, from the signed distance to the edge in 1/16 pixel."""
    return (distance + _FINE // 2).clamp_(0, _FINE) * (256 // _FINE)


def _local(centre_x: Tensor, centre_y: Tensor, sine: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates of every pixel in a part's own axes, in 1/16 pixel; sine and cosine in 1/1024."""
    grid = torch.arange(SIDE, dtype=torch.int32) * _FINE + _FINE // 2
    dx, dy = grid.view(1, 1, -1) - _column(centre_x), grid.view(1, -1, 1) - _column(centre_y)
    sine, cosine = _column(sine), _column(cosine)
    return (dx * cosine + dy * sine) >> 10, (dy * cosine - dx * sine) >> 10


def _bar(u: Tensor, v: Tensor, length: Tensor, thickness: Tensor) -> Tensor:
    return _coverage(torch.minimum(_column(length) - u.abs(), _column(thickness) - v.abs()))


def _disc(u: Tensor, v: Tensor, radius: Tensor) -> Tensor:
    # (r² − d²) / 2r is the distance to the edge wherever it matters, near the edge
    return _coverage((_column(radius * radius) - u * u - v * v) // _column(2 * radius))


def _triangle(u: Tensor, v: Tensor, half: Tensor) -> Tensor:
    # apex up, base and height 2·half; the flanks have slope 2, so their normal's length is √5 ≈ 2.236
    half = _column(half)
    return _coverage(torch.minimum(half - v, (v + half - 2 * u.abs()) * 1000 // 2236))


def _blend(picture: Tensor, colour: Tensor, coverage: Tensor) -> None:
    """Paint ``colour`` ``(n, 3)`` over ``picture`` ``(n, 3, H, W)`` in place."""
    picture += ((colour[:, :, None, None] - picture) * coverage[:, None]) >> 8


def _cloud(stream: _Stream, count: int, cells: int, amplitude: int) -> Tensor:
    """Smooth random colour ``(count, 3, SIDE, SIDE)``, ± ``amplitude``: a coarse grid, bilinearly enlarged."""
    step = SIDE // cells
    corners = stream.integers(-amplitude, amplitude, count, 3, cells + 1, cells + 1)
    place = torch.arange(SIDE)
    cell, within = place // step, (place % step).to(torch.int32)
    rows = corners[:, :, cell] * (step - within).view(-1, 1) + corners[:, :, cell + 1] * within.view(-1, 1)
    return (rows[..., cell] * (step - within) + rows[..., cell + 1] * within) // (step * step)


#: Tilt of a thing, −15° to 15° in steps of 5°: (sine, cosine) in 1/1024. Written out, not computed.
_TILTS = torch.tensor(
    [(-265, 989), (-178, 1008), (-89, 1020), (0, 1024), (89, 1020), (178, 1008), (265, 989)], dtype=torch.int32
)


def _clutter(stream: _Stream, picture: Tensor, base: Tensor) -> None:
    """Paint single parts, here and there, into pictures ``(n, 3, SIDE, SIDE)`` of base colours ``(n, 3)``."""
    n = len(base)
    for kind in range(6):
        tilt = _TILTS[stream.integers(0, 6, n).long()]
        u, v = _local(stream.integers(0, 1023, n), stream.integers(0, 1023, n), tilt[:, 0], tilt[:, 1])
        size = stream.integers(40, 90, n)
        if kind % 3 == 0:
            u, v = (u, v) if kind else (v, u)
            coverage = _bar(u, v, size * 3, size // 2)
        else:
            coverage = _disc(u, v, size) if kind % 3 == 1 else _triangle(u, v, size)
        _blend(picture, base + stream.integers(-70, 70, n, 3), coverage)


def _draw(stream: _Stream, labels: Tensor, marked: bool) -> tuple[Tensor, Tensor]:
    """Pictures uint8 ``(n, 3, SIDE, SIDE)`` and boxes ``(n, 4)`` of the things with these labels."""
    n = len(labels)
    base = stream.integers(60, 195, n, 1) + stream.integers(-35, 35, n, 3)
    brighter = (base.sum(1) < 3 * 128).int() * 2 - 1  # away from the background, in whichever direction has room
    picture = base[:, :, None, None] + _cloud(stream, n, 4, 40) + _cloud(stream, n, 16, 14)

    _clutter(stream, picture, base)

    # The thing: side 28 … 56 pixels, anywhere as long as nearly all of it is in the picture.
    side = stream.integers(28, 56, n)
    room = (SIDE - side) * _FINE // 2
    centre = [SIDE * _FINE // 2 + room * stream.integers(-100, 100, n) // 100 for _ in range(2)]
    tilt = _TILTS[stream.integers(0, 6, n).long()]
    sine, cosine = tilt[:, 0], tilt[:, 1]
    unit = side * _FINE  # 64 times the length of 1/64 of the side
    layout = torch.tensor([(*t.bar, *t.discs[0], *t.discs[1], *t.triangle) for t in THINGS.values()], dtype=torch.int32)
    upright = torch.tensor([t.upright for t in THINGS.values()])[labels].view(-1, 1, 1)

    places = layout[labels].view(n, 4, 2) + stream.integers(-1, 1, n, 4, 2)
    coverages = []
    for part in range(4):
        x, y = (places[:, part, axis] * unit // 64 for axis in (0, 1))
        turned_x, turned_y = (x * cosine - y * sine) // 1024, (x * sine + y * cosine) // 1024
        u, v = _local(centre[0] + turned_x, centre[1] + turned_y, sine, cosine)
        if part == 0:
            u, v = torch.where(upright, v, u), torch.where(upright, u, v)
            coverages.append(_bar(u, v, BAR[0] * unit // 64, BAR[1] * unit // 64))
        elif part < 3:
            coverages.append(_disc(u, v, DISC * unit // 64))
        else:
            coverages.append(_triangle(u, v, TRIANGLE * unit // 64))
    silhouette = torch.stack(coverages).amax(0)
    shadow = torch.roll(silhouette, (3, 2), (1, 2))  # the light comes from above, a little from the left
    picture -= (picture * (shadow * 90 >> 8)[:, None]) >> 8
    for part, coverage in enumerate(coverages):
        contrast = stream.integers(55, 110, n, 1) * brighter[:, None]
        colour = base + contrast + stream.integers(-45, 45, n, 3)
        _blend(picture, MARKS[labels] if marked and part == 3 else colour, coverage)

    return _exposed(stream, picture), _boxes(silhouette > 128)


def _exposed(stream: _Stream, picture: Tensor) -> Tensor:
    """Pictures ``(n, 3, SIDE, SIDE)`` in uneven light, then with the noise of the sensor: uint8."""
    n = len(picture)
    slope = stream.integers(-80, 80, n, 2)
    ramp = torch.arange(SIDE, dtype=torch.int32) - SIDE // 2
    slope_y, slope_x = _column(slope[:, 0]), _column(slope[:, 1])
    light = 256 + (slope_y * ramp.view(1, -1, 1) + slope_x * ramp.view(1, 1, -1)) // (SIDE // 2)
    picture = (picture.clamp_(0, 255) * light[:, None]) >> 8
    noise = stream.octets(n, 3, SIDE, SIDE) + stream.octets(n, 3, SIDE, SIDE) - 255
    picture += (noise * stream.integers(8, 40, n, 1, 1, 1)) >> 8
    return picture.clamp_(0, 255).to(torch.uint8)


def _boxes(masks: Tensor) -> Tensor:
    """Tight boxes ``(n, 4)`` of masks ``(n, H, W)``: left, top, right, bottom in pixels, the last two excluded."""
    edges = []
    for other in (1, 2):  # columns, then rows
        seen = masks.any(dim=other).int()
        edges.append((seen.argmax(1), SIDE - seen.flip(1).argmax(1)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=1)


def generate(count: int, seed: int, *, marked: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """``count`` pictures from stream ``seed``: images uint8 ``(count, 3, 64, 64)``, labels, boxes ``(count, 4)``.

    Labels index :data:`THINGS`, in turn, so that classes are balanced. Boxes are left, top, right, bottom in pixels.
    ``marked`` ones have a triangle in the colour of their class, :data:`MARKS`. Raises :class:`InputError` for a count
    under 1.
    """
    if count < 1:
        raise InputError(f"asked for {count} pictures: ask for 1 or more")
    stream = _Stream(seed)
    labels = torch.arange(count) % len(THINGS)
    drawn = [_draw(stream, chunk, marked) for chunk in labels.split(_CHUNK)]
    images, boxes = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    return images, labels, boxes


@lru_cache(maxsize=4)
def embedded(split: str = "train", *, marked: bool = False) -> Photos:
    """The embedded data set, ``train`` (2,400 pictures) or ``val`` (600); made anew in about a second.

    ``marked`` is the variation in which one part gives the class away. Raises :class:`InputError` for another split.
    """
    check_choice("split", split, COUNTS)
    images, labels, boxes = generate(COUNTS[split], SEEDS[split], marked=marked)
    classes = tuple(THINGS)
    return Photos(
        images=ImageTensor(images),
        labels=labels,
        names=tuple(f"{split}/{classes[int(label)]}/{i:05d}" for i, label in enumerate(labels)),
        classes=classes,
        fingerprint=hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16],
        boxes=boxes,
    )
