"""Errors of seeds with their mean and its interval: the book's one way to draw a measured effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vgg_lib.figures.style import BLACK, BLUE, COLOURS, GREY
from vgg_lib.statistics import paired_difference


def seeds(arms: Mapping[str, Sequence[float]], networks: Mapping[str, str] | None = None) -> Figure:
    """Draw the errors, in percent, of each arm's seeds as dots, one row an arm in the order given.

    With two seeds or more a line stands at their mean and a band covers its 95 % interval (Student). ``networks``
    names the network of an arm, whose colour the dots have.
    """
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(arms) + 0.7))
    for row, (arm, errors) in enumerate(arms.items()):
        colour = COLOURS.get((networks or {}).get(arm, arm), BLUE)
        if len(errors) > 1:
            mean, low, high = paired_difference(errors)
            axes.barh(row, high - low, left=low, height=0.5, color=GREY, alpha=0.25)
            axes.plot((mean, mean), (row - 0.32, row + 0.32), color=BLACK, linewidth=1.6)
        axes.scatter(errors, [row] * len(errors), s=52, color=colour, edgecolor=BLACK, linewidth=0.8, zorder=3)
    axes.set_yticks(range(len(arms)), list(arms))
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("top-1 error, %")
    axes.grid(axis="x")
    return figure
