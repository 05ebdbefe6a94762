"""Pictures of what a unit sees, and of what a stack of small filters costs beside one large filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.networks import COSTS, by_stage
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, GREY, VERMILION
from vgg_lib.networks import geometry
from vgg_lib.networks.table import resolve


class Field(NamedTuple):
    """What one unit sees: measured, and where theory puts it."""

    mask: Tensor  #: (H, W), true where the unit's gradient is not zero
    span: tuple[int, int]  #: first input pixel and the one behind the last, on both axes; may lie outside the image


def _paths(kernels: Sequence[int]) -> list[int]:
    """In how many ways each input pixel reaches the unit on top of a 1-D stack of filters."""
    paths = np.ones(1, dtype=int)
    for kernel in kernels:
        paths = np.convolve(paths, np.ones(kernel, dtype=int))
    return [int(n) for n in paths]


def _pyramid(axes: Axes, kernels: Sequence[int]) -> None:
    """Cells of each level from the input (below) to the unit (above), joined where one feeds the other."""
    reach = [(len(_paths(kernels[level:])) - 1) // 2 for level in range(len(kernels) + 1)]
    lift = 3 / len(kernels)
    for level, half in enumerate(reach):
        shade = "white" if level else "#CFE3F1"
        for x in range(-half, half + 1):
            corner = (x - 0.42, lift * level - 0.36)
            axes.add_patch(Rectangle(corner, 0.84, 0.72, facecolor=shade, edgecolor=BLUE, linewidth=1.1, zorder=2))
        if level:
            arm = kernels[level - 1] // 2
            for x in range(-half, half + 1):
                ends = [(x, x + step) for step in range(-arm, arm + 1)]
                for above, below in ends:
                    y = (lift * level - 0.36, lift * (level - 1) + 0.36)
                    axes.plot((above, below), y, color=GREY, linewidth=0.7, zorder=1)
    for x, count in enumerate(_paths(kernels), start=-reach[0]):
        axes.text(x, 0, str(count), ha="center", va="center", fontsize=9)
    weights = sum(kernel**2 for kernel in kernels)
    number = {1: "one", 2: "two", 3: "three"}.get(len(kernels), str(len(kernels)))
    alike = len(set(kernels)) == 1
    title = f"{number} {kernels[0]}×{kernels[0]}" if alike else ", ".join(f"{k}×{k}" for k in kernels)
    axes.set_title(title, loc="center", weight="bold", fontsize=11 if alike else 10)
    axes.text(
        0, -0.75, f"sees {len(_paths(kernels))}×{len(_paths(kernels))}\n{weights} C² weights", ha="center", va="top"
    )
    axes.set_xlim(-reach[0] - 0.7, reach[0] + 0.7)
    axes.set_ylim(-1.7, 3.5)


@drawn
def pyramids(*stacks: Sequence[int], narrow: bool = False) -> Figure:
    """Draw stacks of filters from the side, in one dimension: one unit above, the input pixels it sees below.

    A stack is the sides of its filters from the input on, all odd, such as ``(3, 3)``. The number in an input
    pixel is the number of paths from it to the unit; the weights below are for the 2-D filters with C channels
    throughout.
    """
    widths = [len(_paths(stack)) + 1.4 for stack in stacks]
    if narrow:
        figure, panels = plt.subplots(math.ceil(len(stacks) / 2), 2, figsize=(NARROW, 1.3 * len(stacks)), squeeze=False)
    else:
        figure, panels = plt.subplots(1, len(stacks), figsize=(WIDE, 2.7), width_ratios=widths, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, kernels in zip(panels.flat, stacks, strict=False):
        _pyramid(axes, kernels)
    return figure


@drawn
def fields_on_photo(photo: NDArray[np.uint8], fields: Mapping[str, Field], *, narrow: bool = False) -> Figure:
    """Draw what units see over a square photograph ``(H, W, 3)``, one panel a field.

    Pixels that the measurement leaves out are faded; the outline is the square that theory gives. Panels
    named after a network have its colour.
    """
    starts, ends = zip(*(field.span for field in fields.values()), strict=True)
    low, high = min(0, *starts), max(len(photo), *ends)
    border = 0.03 * (high - low)
    across, columns = (NARROW, 3 if len(fields) > 4 else 2) if narrow else (WIDE, len(fields))
    rows = math.ceil(len(fields) / columns)
    down = rows * (min(across / columns, 3.4) + 0.6)  # one panel alone need not fill a screen
    figure, panels = plt.subplots(rows, columns, figsize=(across, down), squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, (name, (mask, (start, end))) in zip(panels.flat, fields.items(), strict=False):
        opaque = np.where(mask.numpy(), 255, 56).astype(np.uint8)  # fades to the page's own colour
        axes.imshow(np.dstack([photo, opaque]), extent=(0, len(photo), len(photo), 0))
        side, colour = end - start, COLOURS.get(name, VERMILION)
        axes.add_patch(Rectangle((start, start), side, side, fill=False, edgecolor=colour, linewidth=2.2))
        axes.set_title(f"{name}\n{side}×{side}", loc="center", color=colour, weight="bold", fontsize=10)
        axes.set_xlim(low - border, high + border)
        axes.set_ylim(high + border, low - border)
    return figure


@drawn
def field_growth(names: Sequence[str] = ("A", "B", "D", "E"), *, narrow: bool = False) -> Figure:
    """Draw the receptive field, in input pixels, after each layer of the networks; pools are the open dots.

    The dashed line is the side of the image, 224 pixels. Raises :class:`~vgg_lib.basics.errors.InputError` for an
    unknown name.
    """
    figure, axes = plt.subplots(figsize=(NARROW, 3.8) if narrow else (WIDE, 4.2))
    for name in names:
        layers = resolve(name).layers()
        sides = [geometry.receptive_field(layers[:n]) for n in range(1, len(layers) + 1)]
        colour = COLOURS.get(name, BLACK)
        axes.plot(range(1, len(sides) + 1), sides, color=colour, linewidth=2, zorder=2)
        for kind, face in (("conv", colour), ("pool", "white")):
            places = [i for i, layer in enumerate(layers) if layer.kind == kind]
            axes.scatter(
                [i + 1 for i in places], [sides[i] for i in places], s=26, facecolor=face, edgecolor=colour, zorder=3
            )
        end = (len(sides), sides[-1])
        shift = (0, 7) if name == "B" else (-9, 2)  # B ends next to A
        axes.annotate(
            f"{name}: {sides[-1]}", end, shift, textcoords="offset points", ha="center" if name == "B" else "right",
            va="center", color=colour, weight="bold",
        )  # fmt: skip
    axes.axhline(224, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.text(0.6, 228, "the whole image, 224 pixels")
    axes.set_xlabel("layers: convolutions (filled) and max-pools (open)")
    axes.set_ylabel("receptive field, pixels")
    axes.set_ylim(0, None)
    axes.set_xlim(0, max(len(resolve(name).layers()) for name in names) + 2)
    axes.set_xticks(range(0, 22, 5))
    return figure


@drawn
def stage_costs(stacked: str = "B", single: str = "B-5x5", *, narrow: bool = False) -> Figure:
    """Draw what each stage of two networks costs, side by side, in parameters, multiply-adds and memory.

    Above the bars stands the cost of ``stacked`` as a multiple of that of ``single``; the titles give the same
    for the five stages together. The fully connected layers, equal in both, are left out. Raises
    :class:`~vgg_lib.basics.errors.InputError` for an unknown name.
    """
    tables = {name: by_stage(name).drop("FC") for name in (stacked, single)}
    ratios = tables[stacked] / tables[single]
    figure, panels = plt.subplots(3, 1, figsize=(NARROW, 7)) if narrow else plt.subplots(1, 3, figsize=(WIDE, 3.4))
    for axes, (cost, (title, unit)) in zip(panels, COSTS.items(), strict=True):
        for shift, (name, table) in zip((-0.2, 0.2), tables.items(), strict=True):
            axes.bar(
                np.arange(1, 6) + shift, table[cost] / unit, width=0.38, color=COLOURS.get(name, BLACK), label=name
            )
        tallest = max(table[cost].max() for table in tables.values()) / unit
        for i, ratio in enumerate(ratios[cost], start=1):
            top = max(table[cost].iloc[i - 1] for table in tables.values()) / unit
            dear = ratio > 1
            axes.annotate(
                f"×{ratio:.2f}" if ratio < 5 else f"×{ratio:.1f}", (i, top), (0, 3), textcoords="offset points",
                ha="center", fontsize=9, color=VERMILION if dear else BLUE, weight="bold",
            )  # fmt: skip
        whole = tables[stacked][cost].sum() / tables[single][cost].sum()
        axes.set_title(f"{title}\nall stages: ×{whole:.2f}")
        axes.set_ylim(0, 1.12 * tallest)
        axes.set_xticks(range(1, 6))
        if axes is panels[-1] or not narrow:
            axes.set_xlabel("stage")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, handlelength=1.2)
    return figure


def _quotient(growth: NDArray[np.float64], depth: int, kernel: int) -> NDArray[np.float64]:
    """Weights of ``depth`` 3×3 layers over those of one ``kernel``×``kernel`` layer, by growth of the channels."""
    quotient: NDArray[np.float64] = 9 * (1 + (depth - 1) * growth) / kernel**2
    return quotient


@drawn
def turning_point(*, narrow: bool = False) -> Figure:
    """Draw the weights of two and of three 3×3 layers over those of one 5×5 or 7×7, as channels grow.

    The axis below is the growth c / c_in of the channels across the stack, the axis on the left the quotient of
    weights, which is that of multiply-adds too. Full dots mark what the stages of B and D do, open ones where the
    stack turns from cheaper to dearer.
    """
    growth = np.geomspace(0.7, 30, 200)
    figure, axes = plt.subplots(figsize=(NARROW, 4.4) if narrow else (WIDE, 4.0))
    for words, depth, kernel, colour, stages in (
        ("two 3×3 for one 5×5", 2, 5, COLOURS["B"], (1, 2, 64 / 3)),
        ("three 3×3 for one 7×7", 3, 7, COLOURS["D"], (1, 2)),
    ):
        axes.plot(growth, _quotient(growth, depth, kernel), color=colour, linewidth=2, label=words)
        axes.scatter(stages, _quotient(np.array(stages), depth, kernel), color=colour, s=40, zorder=3)
        turn = Fraction(kernel**2 - 9, 9 * (depth - 1))
        axes.scatter(float(turn), 1, facecolor="white", edgecolor=colour, s=46, zorder=4, linewidth=1.6)
        place = (-7, 8) if depth == 2 else (7, -15)
        axes.annotate(
            str(turn), (float(turn), 1), place, textcoords="offset points", color=colour, weight="bold",
            ha="right" if depth == 2 else "left",
        )  # fmt: skip
    axes.axhline(1, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
    marks = {1: ("stage 5", "as many"), 2: ("stages 2–4", "twice as many"), 64 / 3: ("stage 1", "from 3 to 64")}
    for ratio, (stage, words) in marks.items():
        axes.axvline(ratio, color="#DDDDDD", linewidth=0.9, zorder=0)
        label = stage.removeprefix("stages ") if narrow else f"{stage}\n{words}"
        axes.text(ratio, 16.5, label, ha="center", va="bottom", fontsize=9)
    axes.legend(loc="upper left", bbox_to_anchor=(0.3, 0.95))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.set_yticks([0.5, 1, 2, 5, 10], ["½", "equal", "×2", "×5", "×10"])
    axes.minorticks_off()
    axes.set_xlim(0.7, 30)
    axes.set_ylim(0.4, 16)
    axes.set_xlabel("channels out / channels in")
    axes.set_ylabel("weights of the stack / of the single layer")
    return figure
