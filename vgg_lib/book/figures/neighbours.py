"""What local response normalisation does to the channels of a place, and how equivalence is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.evidence import rows
from vgg_lib.book.figures.style import BLACK, COLOURS, GREEN, GREY, ORANGE, SETTINGS, VERMILION, name_rows
from vgg_lib.evidence.evidence import arms_beside, arms_of, wanted
from vgg_lib.evidence.measures import SHARES
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.networks.response_norm import LocalResponseNorm


def normalised(channels: Tensor, layer: LocalResponseNorm) -> tuple[Tensor, Tensor]:
    """A place's channels ``(C,)`` after ``layer``, and what its constant part ``k^-β`` alone would make of them."""
    return layer(channels[None, :, None, None]).flatten(), channels * layer.k**-layer.beta


@drawn
def responses(panels: Mapping[str, tuple[Tensor, LocalResponseNorm]], *, narrow: bool = False) -> Figure:
    """Draw a place's channels ``(C,)`` after a layer, panels by title: bars, and a frame at ``a · k^-β`` about each.

    What is empty in a frame has been taken by the sum of squares; a bar above its frame has been made larger. Each
    panel has an axis of its own.
    """
    columns = min(len(panels), 2 if narrow else 3)
    rows = -(-len(panels) // columns)
    size = (NARROW, 1.75 * rows + 0.5) if narrow else (WIDE, 1.9 * rows + 0.5)
    figure, axs = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axes in list(axs.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, (channels, layer)) in zip(axs.flat, panels.items(), strict=False):
        after, alone = normalised(channels, layer)
        places = np.arange(1, len(channels) + 1)
        axes.bar(places, after.numpy(), width=0.8, color=COLOURS["A-LRN"], label="after LRN")
        axes.bar(
            places,
            alone.numpy(),
            width=0.8,
            color="none",
            edgecolor=BLACK,
            linewidth=0.9,
            label="what k alone would leave",
        )
        axes.set_title(fill(title, 22) if narrow else title, fontsize=9.5)
        axes.set_xticks([])
        axes.set_xlabel("channels of the place", fontsize=9)
        axes.tick_params(labelsize=9)
        axes.set_ylim(0, 1.08 * float(max(after.max(), alone.max())))
    handles, labels = axs.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    return figure


@drawn
def shares(lines: Mapping[str, Tensor], *, narrow: bool = False) -> Figure:
    """Draw how much LRN leaves of values, each line all its shares from the smallest to the largest."""
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 2.9))
    for (name, values), (colour, style) in zip(lines.items(), SETTINGS, strict=False):
        ranked = np.quantile(values.flatten().double().numpy(), np.linspace(0, 1, 201))
        axes.plot(np.linspace(0, 100, 201), ranked, color=colour, linestyle=style, linewidth=2, label=name)
    axes.set(xlabel="% of the values, by their share", ylabel="share of what k would leave")
    axes.set_ylim(0, 1.05)
    axes.set_xlim(0, 100)
    axes.grid(axis="y")
    axes.legend(loc="lower right", fontsize=9)
    return figure


def neighbours_left(known: Known | None = None) -> pd.DataFrame:
    """How much response normalisation left in the recorded runs, in percent of what k alone would leave.

    A row for each network that has it, before and after it; a column for what one number in 1000, 100, 10 and 2 has at
    most. Means over the seeds, nan where none is recorded. Without ``known``, of the records of the library.
    """
    known = evidence() if known is None else known
    table = {}
    for row, (arm, seeds) in zip(rows("lrn", known), [*arms_of("lrn"), *arms_beside("lrn")], strict=True):
        if "neighbours" not in wanted(arm.recipes[0].run(0)).measures:
            continue
        records = [one for seed in range(seeds) for one in arm.records(known, seed)]
        left = [one.measurements["neighbours"] for one in records if "neighbours" in one.measurements]
        for when, told in {"start": "before training", "end": "after training"}.items():
            table[f"{row.name}: {told}"] = {"seeds": f"{len(left)} of {seeds}"} | {
                f"1 in {1 / share:.0f}": 100 * sum(one[when][str(share)] for one in left) / len(left)
                if left
                else np.nan
                for share in SHARES
            }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("net").round(1)


@drawn
def costs(panels: Mapping[str, Mapping[str, float]], *, narrow: bool = False) -> Figure:
    """Draw what things cost as a multiple of the first of their panel: panels by title, a bar each."""
    rows, columns = (len(panels), 1) if narrow else (1, len(panels))
    longest = max(map(len, panels.values()))
    figure, axs = plt.subplots(
        rows,
        columns,
        figsize=(NARROW if narrow else WIDE, (0.4 * longest + 0.9) * rows),
        squeeze=False,
    )
    for axes, (title, values) in zip(axs.flat, panels.items(), strict=True):
        names, first = list(values), next(iter(values.values()))
        colours = [COLOURS.get(name, GREY) for name in names]
        axes.barh(range(len(names)), [value / first for value in values.values()], height=0.6, color=colours)
        axes.axvline(1, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(longest - 0.4, -0.6)
        axes.set_title(title, fontsize=10)
        axes.tick_params(left=False)
    return figure


@drawn
def within_margin(
    intervals: Mapping[str, tuple[float, float, float]], margin: float, *, narrow: bool = False
) -> Figure:
    """Draw differences with their intervals, ``(effect, low, high)`` in points, on the band of a margin.

    Green is an interval that lies within the band, red one outside it, orange one that reaches across its edge.
    """
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.42 * len(intervals) + 0.8))
    axes.axvspan(-margin, margin, color=GREY, alpha=0.18, linewidth=0)
    for row, (effect, low, high) in enumerate(intervals.values()):
        colour = {"within": GREEN, "outside": VERMILION, "across": ORANGE}[where(low, high, margin)]
        axes.plot((low, high), (row, row), color=colour, linewidth=2.6, solid_capstyle="butt")
        axes.scatter(effect, row, s=52, color=colour, edgecolor=BLACK, linewidth=0.8, zorder=3)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    name_rows(axes, _wrapped(intervals))
    axes.set_xlabel("difference of two errors, points")
    return figure


def where(low: float, high: float, margin: float) -> str:
    """Whether an interval lies ``within`` −margin to margin, ``outside`` of it, or ``across`` an edge.

    >>> where(-0.3, 0.5, 1.0), where(0.5, 1.5, 1.0), where(1.2, 2.0, 1.0)
    ('within', 'across', 'outside')
    """
    if -margin < low and high < margin:
        return "within"
    return "outside" if low > margin or high < -margin else "across"


def _wrapped(names: Sequence[str] | Mapping[str, object]) -> list[str]:
    return [name.replace(", ", ",\n") for name in names]
