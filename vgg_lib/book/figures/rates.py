"""At which learning rates a net trains: the loss that is left, rate by rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, COLOURS, GREY

#: A loss above this many times that of guessing is drawn there, as one that is not finite is: neither has trained.
HIGHEST = 1.4


@drawn
def over_rates(
    panels: Mapping[str, Mapping[str, Mapping[float, float]]],
    *,
    classes: int = 10,
    narrow: bool = False,
) -> Figure:
    """Draw the loss that is left after a training, in nats, against its learning rate: a panel for each network.

    ``panels`` have the network's name as title; in each is a line by its name, a loss for each rate. The first line is
    dashed. A loss that is not finite, or above :data:`HIGHEST` times ln(classes), is a cross at the top. The dotted
    line is the loss of guessing, ln(classes).
    """
    rows, columns = (len(panels), 1) if narrow else (1, len(panels))
    size = (NARROW, 2.9 * rows) if narrow else (WIDE, 3.3)
    figure, axs = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    guessing = math.log(classes)
    top = HIGHEST * guessing
    for axes, (title, lines) in zip(axs.flat, panels.items(), strict=True):
        for i, losses in enumerate(lines.values()):
            colour = COLOURS.get(title, BLACK)
            style: Any = "-" if i else (0, (4, 2))
            left = {rate: loss for rate, loss in losses.items() if loss <= top}  # nan is no more than anything
            lost = [rate for rate in losses if rate not in left]
            face = colour if i else "white"
            axes.plot(list(left), list(left.values()), color=colour, linestyle=style, marker="o", markerfacecolor=face)
            shift = 1.12 if i else 1 / 1.12  # two crosses at one rate stand beside each other
            axes.plot([rate * shift for rate in lost], [top] * len(lost), "X", color=colour, markerfacecolor=face,
                      markersize=10)  # fmt: skip
        axes.axhline(guessing, color=GREY, linestyle=":", linewidth=1)
        axes.annotate("guessing", (1, guessing), (0, 2), xycoords=("axes fraction", "data"), fontsize=9, ha="right",
                      va="bottom", textcoords="offset points")  # fmt: skip
        _rates(axes, sorted({rate for losses in lines.values() for rate in losses}))
        axes.set(title=title, ylim=(0, top * 1.06))
    axs.flat[0].set_ylabel("loss at the end, nats")
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    keys = [_key(i, name) for i, name in enumerate(names)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=9)
    return figure


def _key(i: int, name: str) -> Line2D:
    """How a line is told from the others of its panel, in no network's colour."""
    face = BLACK if i else "white"
    return Line2D(
        [], [], color=BLACK, linestyle="-" if i else (0, (4, 2)), marker="o", markerfacecolor=face, label=name
    )


def _rates(axes: Axes, rates: Sequence[float]) -> None:
    """Rates along the bottom in a row, each written as it is."""
    axes.set_xscale("log")
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates], rotation=45)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("learning rate")
