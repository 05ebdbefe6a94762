"""Charts of testing: the errors of protocols, over test scales, and beside what they cost."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLUE, GREEN, GREY, MINE, ORANGE, PURPLE, name_rows
from vgg_lib.evaluation.protocols import places
from vgg_lib.networks.model import VGG

#: One colour for each way of testing: one crop, dense, a grid of crops, both, several nets.
WAYS = {"centre": GREY, "dense": BLUE, "crops": ORANGE, "both": GREEN, "fused": PURPLE}


def way(protocol: str) -> str:
    """The key of :data:`WAYS` that a protocol's name belongs to.

    >>> way("150 crops, 3 scales"), way("dense, no mirror"), way("centre crop")
    ('crops', 'dense', 'centre')
    """
    return next((kind for kind in ("fused", "both", "centre", "crops", "dense") if kind in protocol), "dense")


@drawn
def protocol_errors(errors: Mapping[str, float], *, narrow: bool = False) -> Figure:
    """Draw the error, in percent, of one net under several protocols, by name, in the order given."""
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.34 * len(errors) + 0.7))
    for row, (name, error) in enumerate(errors.items()):
        colour = WAYS[way(name)]
        axes.plot((0, error), (row, row), color=colour, linewidth=2.4, solid_capstyle="butt")
        axes.scatter(error, row, s=52, color=colour, zorder=3)
    name_rows(axes, list(errors))
    axes.set_xlim(0, 1.08 * max(errors.values()))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("top-1 error, %")
    return figure


@drawn
def errors_over_scales(errors: Mapping[str, Mapping[int, float]], net: VGG, *, narrow: bool = False) -> Figure:
    """Draw error, in percent, against the test scale Q, in pixels, for protocols by name.

    Bands in the background are test scales at which ``net`` has the same number of dense scores.
    """
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.5))
    sides = sorted({q for values in errors.values() for q in values})
    top = 1.12 * max(error for values in errors.values() for error in values.values())
    counts = {q: places(net, q) for q in range(sides[0], sides[-1] + 1)}
    for number in sorted(set(counts.values())):
        band = [q for q, count in counts.items() if count == number]
        left, right = max(band[0] - 0.5, sides[0] - 1), min(band[-1] + 0.5, sides[-1] + 1)
        axes.axvspan(left, right, color="#F3F3F3" if number % 2 else "white", linewidth=0, zorder=0)
        label = f"{number}×{number} score{'s' * (number > 1)}"
        if right - left > 5:
            axes.text((left + right) / 2, 0.985 * top, label, ha="center", va="top", fontsize=9, color=GREY)
    for name, values in errors.items():
        axes.plot(list(values), list(values.values()), color=WAYS[way(name)], linewidth=2, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(0.02, 0.9))
    axes.set(xlabel="test scale Q, pixels", ylabel="top-1 error, %")
    axes.set_ylim(0, top)
    axes.set_xlim(sides[0] - 1, sides[-1] + 1)
    return figure


@drawn
def error_against_cost(table: pd.DataFrame, mine: pd.DataFrame | None = None, *, narrow: bool = False) -> Figure:
    """Draw the error of protocols, a row each, the cheapest on top: a dot, its interval, and what it costs.

    ``table`` has a row a protocol, by name, and columns ``cost`` (million multiply-adds a photograph), ``error``,
    ``low`` and ``high`` (percent). ``mine``, a table of the same form, are the reader's own, drawn as stars in rows of
    their own.
    """
    ranked = table.sort_values("cost", kind="stable")
    own = mine.sort_values("cost", kind="stable") if mine is not None else table.iloc[:0]
    names = [*map(str, ranked.index), *(f"yours: {name}" for name in own.index)]
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.34 * len(names) + 0.9))
    for place, (name, row) in enumerate(ranked.iterrows()):
        colour = WAYS[way(str(name))]
        axes.plot((row["low"], row["high"]), (place, place), color=colour, linewidth=1.5, alpha=0.6)
        axes.scatter(row["error"], place, s=52, color=colour, zorder=3)
    for place, (name, row) in enumerate(own.iterrows(), start=len(ranked)):
        axes.scatter(row["error"], place, color=WAYS[way(str(name))], **MINE)
    costs = [f"{cost:,.0f}" for cost in [*ranked["cost"], *own["cost"]]]
    name_rows(axes, [name.replace(" fused", "\nfused") for name in names] if narrow else names)
    axes.set_xlabel("top-1 error, %")
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(names)), costs)
    right.tick_params(right=False)
    right.spines["right"].set_visible(False)
    right.set_ylabel("million multiply-adds a photograph", color=GREY)
    return figure
