"""Pictures of depth: what a unit sees and how many ReLUs are on its way, folds of a line, errors over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.table import resolve


def stage_ends(network: str) -> list[tuple[int, int]]:
    """For a unit at the end of each stage, behind its pool: the side of what it sees in pixels, the ReLUs on its way.

    >>> stage_ends("A")[0], stage_ends("B")[0]
    ((4, 1), (6, 2))
    """
    layers = resolve(network).layers()
    ends = [i for i, layer in enumerate(layers, start=1) if layer.kind == "pool"]
    return [(receptive_field(layers[:end]), sum(layer.kind == "conv" for layer in layers[:end])) for end in ends]


@drawn
def views_and_relus(names: Sequence[str] = ("A", "B", "C", "D", "E"), *, narrow: bool = False) -> Figure:
    """Draw, for a unit at the end of each stage, the side of its view against the number of ReLUs on its way.

    One line a network, a dot a stage. Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown name.
    """
    figure, axes = plt.subplots(figsize=(NARROW, 4.2) if narrow else (WIDE, 4.2))
    for name in names:
        sides, relus = zip(*stage_ends(name), strict=True)
        colour = COLOURS.get(name, BLACK)
        axes.plot(sides, relus, color=colour, linewidth=2, marker="o", markersize=6, zorder=3)
        axes.annotate(
            name, (sides[-1], relus[-1]), (8, 0), textcoords="offset points", va="center", color=colour,
            weight="bold", fontsize=11,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([4, 8, 16, 32, 64, 128, 256], ["4", "8", "16", "32", "64", "128", "256"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(3.4, 400)
    axes.set_ylim(0, None)
    axes.axvline(224, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.text(224, 0.4, "the whole image ", ha="right")
    axes.set(xlabel="side of what the unit sees, pixels", ylabel="ReLUs on its way")
    axes.grid(axis="y")
    return figure


@drawn
def folds(lines: Mapping[str, NDArray[np.float64]], *, narrow: bool = False) -> Figure:
    """Draw functions of one input from 0 to 1 that are made of straight pieces, one panel each.

    Values are given at equal distances; the title is the function's name and the number of its pieces.
    """
    rows, columns = (len(lines), 1) if narrow else (1, len(lines))
    figure, panels = plt.subplots(rows, columns, figsize=(NARROW, 1.8 * rows) if narrow else (WIDE, 2.4), squeeze=False)
    for axes, (name, values) in zip(panels.flat, lines.items(), strict=True):
        axes.plot(np.linspace(0, 1, len(values)), values, color=BLUE, linewidth=1.8)
        count = straight_pieces(values)
        axes.set_title(f"{name}:\n{count} piece{'s' * (count > 1)}", fontsize=10)
        axes.set(xticks=[0, 1], yticks=[0, 1])
        axes.set_ylim(-0.06, 1.06)
    return figure


def straight_pieces(values: NDArray[np.float64]) -> int:
    """The number of straight pieces of a function given at equal distances, which are short beside the pieces.

    A bend between two of the points changes the slope at both, and counts once.

    >>> straight_pieces(np.array([0.0, 1.0, 2.0, 1.0, 0.0]))
    2
    """
    bent = (np.abs(np.diff(values, 2)) > 1e-9).astype(int)
    return 1 + int((np.diff(bent, prepend=0) == 1).sum())


@drawn
def over_epochs(
    errors: Mapping[str, Mapping[int, Sequence[float]]],
    networks: Mapping[str, str],
    plain: Sequence[str],
    *,
    narrow: bool = False,
) -> Figure:
    """Draw error, in percent, against the number of epochs that a run was given: a dot a seed, a line through means.

    ``networks`` names the network of each line, whose colour it has. ``plain`` ones are dashed, with open dots.
    """
    figure, axes = plt.subplots(figsize=(NARROW, 3.8) if narrow else (WIDE, 3.6))
    keys = []
    for name, by_epochs in errors.items():
        colour, is_plain = COLOURS.get(networks[name], BLUE), name in plain
        face = "white" if is_plain else colour
        style: Any = (0, (4, 2)) if is_plain else "-"
        axes.plot(list(by_epochs), [np.mean(found) for found in by_epochs.values()], color=colour, linestyle=style)
        for epochs, found in by_epochs.items():
            axes.scatter([epochs] * len(found), found, s=46, facecolor=face, edgecolor=colour, linewidth=1.4, zorder=3)
        keys.append(Line2D([], [], color=colour, linestyle=style, marker="o", markerfacecolor=face, label=name))
    ticks = sorted({epochs for by_epochs in errors.values() for epochs in by_epochs})
    axes.set_xscale("log")
    axes.set_xticks(ticks, list(map(str, ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="epochs of the run", ylabel="top-1 error, %")
    axes.grid(axis="y")
    columns = 2 if narrow else len(keys)  # keys long enough for a dash to show beside its dot
    figure.legend(handles=keys, loc="outside lower center", ncols=columns, fontsize=9, handlelength=4)
    return figure
