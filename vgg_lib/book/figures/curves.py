"""Losses of trainings that go wrong, each beside one that does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, GREEN, GREY, VERMILION

#: Losses above this one are cut off: what is on its way to infinity would press all others to the ground.
HIGHEST = 10.0

#: Of each line of a panel in turn: the one that is looked at, the one beside it, and one more.
_LOOKS = ((VERMILION, "-"), (BLUE, "-"), (GREEN, "-"))

#: The height of a line of the legend, in points.
_LINE = 12


@drawn
def curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    levels: Mapping[str, Mapping[str, float]] | None = None,
    *,
    smooth: int = 5,
    first: int = 1,
    looks: Sequence[tuple[str, str]] = _LOOKS,
    narrow: bool = False,
) -> Figure:
    """Draw losses step by step, each as a running mean over ``smooth`` steps: panels by title, in each lines by name.

    The losses begin with that of step ``first``. Names stand above their panel, where no line goes. No panel is higher
    than :data:`HIGHEST`. A training that ends in a loss that is not finite ends in a cross. ``levels`` are named
    losses, by panel, at which a dotted line stands. ``looks`` are colour and style of each line.
    """
    columns = 1 if narrow else min(3, len(panels))
    rows = -(-len(panels) // columns)
    size = (NARROW, 2.6 * rows) if narrow else (WIDE, 2.8 * rows)
    figure, axs = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axes in axs.flat:
        axes.set_visible(False)
    for axes, (title, lines) in zip(axs.flat, panels.items(), strict=False):
        axes.set_visible(True)
        for look, (name, losses) in zip(looks, lines.items(), strict=False):
            _line(axes, losses, smooth, first, look, name)
        for name, level in ((levels or {}).get(title) or {}).items():
            axes.axhline(level, color=GREY, linestyle=":", linewidth=1.2)
            at = (1, level)
            axes.annotate(name, at, (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
                          va="bottom", fontsize=9)  # fmt: skip
        axes.set_title(title, fontsize=10, pad=8 + _LINE * len(lines))
        axes.set_ylim(0, min(HIGHEST, axes.get_ylim()[1] * 1.12))
        axes.set_xlim(first - 1, first - 1 + max([10, *(len(losses) for losses in lines.values())]))
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "borderpad": 0.2}
        axes.legend(fontsize=9, labelspacing=0.2, **above)
    figure.supxlabel("step", fontsize=10)
    figure.supylabel("loss", fontsize=10)
    return figure


def _line(axes: Axes, losses: Sequence[float], smooth: int, first: int, look: tuple[str, str], name: str) -> None:
    """The running mean of the finite losses, and a cross behind them where one is not."""
    finite = [loss for loss in losses if np.isfinite(loss)]
    broken = [loss for loss in losses if not np.isfinite(loss)]
    sums = np.cumsum(np.concatenate([[0.0], finite]))
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - smooth, 0)
    means, (colour, style) = (sums[ends] - sums[starts]) / (ends - starts), look
    axes.plot(ends + first - 1, means, color=colour, linestyle=style, linewidth=1.8, label=name)
    if broken:
        last = (len(losses) + first - 1, min([*finite[-1:], 0.9 * HIGHEST]))
        axes.plot(*last, "x", color=BLACK, markersize=8, markeredgewidth=2)
        axes.annotate(f"{broken[0]}", last, (6, 0), textcoords="offset points", va="center", fontsize=9)
