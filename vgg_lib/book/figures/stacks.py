"""Networks side by side, layer by layer: filters, channels, and what a unit sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, COLOURS, GREY
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.table import POOL, Layer, Network, resolve


def _layers(network: Network) -> list[list[tuple[Layer, int]]]:
    """The convolutions of each stage, each with the side of what a unit behind it sees."""
    before: list[Layer] = []
    stages: list[list[tuple[Layer, int]]] = []
    for stage in network.stages:
        stages.append([])
        for layer in stage:
            before.append(layer)
            stages[-1].append((layer, receptive_field(before)))
        before.append(POOL)
    return stages


def _column(axes: Axes, x: float, stages: Sequence[Sequence[tuple[Layer, int]]], rows: Sequence[int], col: str) -> None:
    """One network from above: a box a layer, as high as all boxes of the stage have to be."""
    top = 0.0
    for stage, height in zip(stages, rows, strict=True):
        step = height / len(stage)
        for i, (layer, side) in enumerate(stage):
            y = top + i * step
            box = Rectangle((x + 0.05, y + 0.06), 0.9, step - 0.12, facecolor="none", edgecolor=col, linewidth=2)
            axes.add_patch(box)
            words = f"{layer.kernel}×{layer.kernel}, {layer.channels}\nsees {side}"
            axes.text(x + 0.5, y + step / 2, words, ha="center", va="center", fontsize=9)
        top += height + 0.35


@drawn
def side_by_side(networks: Mapping[str, str | Network], *, narrow: bool = False) -> Figure:
    """Draw the convolutions of networks beside each other, input above, stages level; a pool ends each stage.

    A box has the filter's sides, the channels and the side of what a unit behind it sees, in pixels. One without a
    colour of its own is black. Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown name.
    """
    columns = {name: _layers(resolve(network)) for name, network in networks.items()}
    rows = [max(map(len, stages)) for stages in zip(*columns.values(), strict=True)]
    height = sum(rows) + 0.35 * len(rows)
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.42 * height + 0.5))
    for x, (name, stages) in enumerate(columns.items()):
        colour = COLOURS.get(name, BLACK)
        _column(axes, x, stages, rows, colour)
        axes.text(x + 0.5, -0.25, name, ha="center", va="bottom", weight="bold", fontsize=11)
    top = 0.0
    for number, step in enumerate(rows, start=1):
        axes.text(-0.05, top + step / 2, f"stage {number}", ha="right", va="center", fontsize=9, color=GREY)
        top += step + 0.35
        axes.plot((0, len(columns)), (top - 0.175,) * 2, color=GREY, linewidth=3, alpha=0.45)
    axes.set_xlim(-0.55, len(columns))
    axes.set_ylim(height, -0.7)
    axes.axis("off")
    return figure
