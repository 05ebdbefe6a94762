"""Trainings of several networks beside each other: the loss of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, COLOURS, GREY

#: The loss of each step of one training, in nats.
Losses = Sequence[float]


@drawn
def trainings(
    panels: Mapping[str, Mapping[str, Losses]],
    networks: Mapping[str, str] | None = None,
    *,
    classes: int = 10,
    smooth: int = 20,
    narrow: bool = False,
) -> Figure:
    """Draw the loss of each training step, as a running mean over ``smooth`` steps, one line a training.

    A panel has its name as title; ``networks`` names the network of a line, whose colour it has, where its name is not
    one; a network of one's own is black. The dotted line is the loss of guessing, ln(classes).
    """
    rows, columns = (len(panels), 1) if narrow else (1, len(panels))
    figure, axs = plt.subplots(
        rows, columns, figsize=(NARROW, 2.5 * rows) if narrow else (WIDE, 2.9), sharey=True, squeeze=False
    )
    for axes, (title, lines) in zip(axs.flat, panels.items(), strict=True):
        for name, losses in lines.items():
            colour = COLOURS.get((networks or {}).get(name, name), BLACK)
            mean = pd.Series(list(losses)).rolling(smooth, min_periods=1).mean()
            axes.plot(range(1, len(mean) + 1), mean, color=colour, linewidth=2, label=name)
        axes.axhline(math.log(classes), color=GREY, linestyle=":", linewidth=1)
        axes.set_title(title)
        axes.set_ylim(0, None)
        if axes is axs.flat[-1] or not narrow:
            axes.set_xlabel("step")
    axs.flat[0].set_ylabel("training loss, nats")
    end = (1, math.log(classes))  # where lines are far below it
    axs.flat[0].annotate("guessing", end, (-2, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
                         ha="right", va="bottom", fontsize=9)  # fmt: skip
    handles, labels = axs.flat[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    return figure
