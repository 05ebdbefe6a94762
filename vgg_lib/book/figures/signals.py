"""What is behind each layer of a net, as lines over its layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION

#: The look of each line of a panel, told apart by colour and by marker.
_LOOKS = ((BLUE, "o"), (VERMILION, "s"), (ORANGE, "^"), (GREEN, "D"), (PURPLE, "v"), (BLACK, "x"))

#: What a layer has, by its name.
ByLayer = Mapping[str, float]


@drawn
def over_layers(
    panels: Mapping[str, Mapping[str, ByLayer]],
    *,
    columns: int = 2,
    share: bool = False,
    label: str = "",
    narrow: bool = False,
) -> Figure:
    """Draw positive numbers over the layers of a net, in powers of ten: panels by title, in each a line by its name.

    What is 0 or not finite is left out. A line of the same name looks the same in all panels.
    With ``share`` all panels have the same scale. ``label`` says what the numbers are.
    """
    columns = 1 if narrow else columns
    rows = -(-len(panels) // columns)
    size = (NARROW, 2.7 * rows + 0.5) if narrow else (WIDE, 2.5 * rows + 0.5)
    figure, axs = plt.subplots(rows, columns, figsize=size, sharey=share, squeeze=False)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    looks = {name: _LOOKS[i % len(_LOOKS)] for i, name in enumerate(names)}
    handles = {}
    for axes, (title, lines) in zip(axs.flat, panels.items(), strict=False):
        for name, values in lines.items():
            colour, marker = looks[name]
            shown = [value if 0 < value < np.inf else np.nan for value in values.values()]
            [handles[name]] = axes.plot(list(values), shown, color=colour, marker=marker, markersize=4, label=name)
        axes.set_title(title, fontsize=10)
        _layers(axes, list(dict.fromkeys(layer for values in lines.values() for layer in values)), narrow)
    if label:
        figure.supylabel(label, fontsize=10)
    for axes in list(axs.flat)[len(panels) :]:
        axes.set_visible(False)
    figure.legend(
        [handles[name] for name in names], names, loc="outside lower center", ncols=2 if narrow else 5, fontsize=9
    )
    return figure


def _layers(axes: Axes, layers: list[str], narrow: bool) -> None:
    """Powers of ten upwards, and the layers' names along the bottom."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))  # no small exponents
    every = 1 if len(layers) < 12 and not narrow else 2
    axes.set_xticks(range(0, len(layers), every), layers[::every], rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(labelsize=9)
    axes.grid(axis="y", color=GREY, alpha=0.3)
