"""The scoreboard as figures: every claim's effect beside the paper's, and what samples and corrections can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, name_rows
from vgg_lib.book.scoreboard import Standing
from vgg_lib.evidence.differences import Difference
from vgg_lib.evidence.verdicts import status

#: Verdicts have colours of their own, and stand beside in words.
VERDICTS = {"reproduced": GREEN, "contradicted": PURPLE, "inconclusive": ORANGE, "to be tested": BLUE}

#: Units that the axis shows at most, to the left and to the right; what lies beyond is an arrow at its end.
ENDS = (-4.0, 6.0)


@drawn
def standings(found: Sequence[Standing], *, narrow: bool = False) -> Figure:
    """Draw the effect of each claim, a row each: a dot with its 95 % interval, and the paper's as an open diamond.

    Claims of no difference stand below a line, on a band that is their margin. A row whose seeds give no effect yet
    says so where there is room; its label counts them.
    """
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.46 * len(found) + 0.9))
    for row, one in enumerate(found):
        if one.no_difference:
            axes.fill_between((-1, 1), row - 0.5, row + 0.5, color=GREY, alpha=0.18, linewidth=0)
        axes.scatter(one.paper, row, s=58, marker="D", facecolor="white", edgecolor=BLACK, linewidth=1.2, zorder=2)
        _draw_ours(axes, row, one, told=not narrow)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    above = sum(not one.no_difference for one in found)
    if 0 < above < len(found):
        axes.axhline(above - 0.5, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    name_rows(axes, [_label(one) for one in found])
    reach = [number for one in found for number in (one.paper, *(one.ours or ()))]
    axes.set_xlim(max(ENDS[0], min([-1.2, *reach])), min(ENDS[1], max([2.2, *reach]) + 0.2))
    label = "effect: 1 is the paper's difference;\nbelow the line, the margin of the rule"
    axes.set_xlabel(fill(label, 22) if narrow else label)
    return figure


def _label(one: Standing) -> str:
    return f"{one.claim}\n{status(one.judgement)}"


def _draw_ours(axes: Axes, row: int, one: Standing, told: bool) -> None:
    """The effect with its interval, and an arrow where one goes beyond the axis; where there is none, that is told."""
    if one.ours is None:
        if told:
            at = axes.get_yaxis_transform()
            axes.text(0.01, row, "no effect yet", transform=at, va="center", fontsize=9, color=GREY)
        return
    effect, low, high = one.ours
    colour = VERDICTS[one.judgement.verdict]
    axes.plot((low, high), (row + 0.18,) * 2, color=colour, linewidth=2.4, solid_capstyle="butt")
    for end, beyond, marker in ((ENDS[0], low < ENDS[0], "<"), (ENDS[1], high > ENDS[1], ">")):
        if beyond:
            axes.plot(end, row + 0.18, color=colour, marker=marker, markersize=7, clip_on=False)
    shown = min(max(effect, ENDS[0]), ENDS[1])
    marker = "o" if shown == effect else ">" if effect > shown else "<"
    axes.scatter(
        shown, row + 0.18, s=52, color=colour, marker=marker, edgecolor=BLACK, linewidth=0.8, zorder=3, clip_on=False
    )


@drawn
def papers_differences(
    differences: Mapping[str, Difference], errors: Mapping[str, float], *, narrow: bool = False
) -> Figure:
    """Draw each of the paper's differences, in points, with two standard errors (``errors``) to either side.

    Those that are not two standard errors from 0 are orange.
    """
    names = sorted(differences, key=lambda name: -differences[name].points)
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.44 * len(names) + 0.7))
    for row, name in enumerate(names):
        points, error = differences[name].points, errors[name]
        colour = BLUE if points > 2 * error else ORANGE
        axes.plot((points - 2 * error, points + 2 * error), (row, row), color=colour, linewidth=2.4)
        axes.scatter(points, row, s=52, color=colour, edgecolor=BLACK, linewidth=0.8, zorder=3)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    name_rows(axes, [f"{name}\n{differences[name].words}" for name in names])
    axes.set_xlabel("difference of the paper's errors, points")
    return figure


@drawn
def false_findings(shares: Mapping[str, Sequence[float]], *, narrow: bool = False) -> Figure:
    """Draw the share of scoreboards with a false finding against the number of claims, 1 and more, a line each."""
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.2))
    for (name, values), colour in zip(shares.items(), (VERMILION, BLUE), strict=False):
        axes.plot(range(1, len(values) + 1), values, color=colour, marker="o", markersize=5, label=name)
    axes.axhline(0.05, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xlabel="claims on the scoreboard, none of them true", ylabel="boards with a false finding")
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper left")
    return figure
