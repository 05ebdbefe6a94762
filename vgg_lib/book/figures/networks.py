"""Pictures of Table 1: the networks to scale, and where their parameters, arithmetic and memory sit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, DARK, GREEN, GREY, KINDS, VERMILION
from vgg_lib.networks import geometry
from vgg_lib.networks.specification import Spec, specify
from vgg_lib.networks.table import Network, resolve

#: The columns of Table 1, in the paper's order.
SIX = ("A", "A-LRN", "B", "C", "D", "E")

#: What a network costs, as :func:`by_stage` counts it: column, what it is called, units in one step of the axis.
COSTS = {
    "parameters": ("Parameters, millions", 1e6),
    "macs": ("Multiply-adds, billions", 1e9),
    "memory": ("Activations, MB per image", 1e6),
}

#: The five stages from light to dark, then the fully connected layers.
PARTS = {"1": "#D6E6F4", "2": "#ABCFE6", "3": "#6AAED6", "4": "#3787C0", "5": "#105BA4", "FC": KINDS["fc"]}

_FUNNEL = 300  # width of a drawn max-pool, in channels: it has no thickness of its own
_PITCH = 262  # distance between two networks, in pixels of the map


def _parts(table: pd.DataFrame) -> list[str]:
    """The part, a key of :data:`PARTS`, of each row of a cost table."""
    return ["FC" if name.startswith("fc") else re.sub(r"^\D+(\d).*", r"\1", name) for name in map(str, table.index)]


def _costs(network: str | Network) -> pd.DataFrame:
    """The cost table of a network with ``memory``: bytes of float32 activations of one image."""
    table = geometry.cost_table(network)
    return table.assign(memory=4 * table["activations"])


def by_stage(network: str | Network) -> pd.DataFrame:
    """The costs of a network at 224×224 by part: five stages, each with its pool, then ``FC``.

    Columns: ``parameters`` and ``macs`` (counts), ``memory`` (bytes of float32 activations of one image).
    Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown network.
    """
    table = _costs(network)
    return table.groupby(_parts(table), sort=False)[list(COSTS)].sum().rename_axis("stage")


def _full_size(name: str) -> list[Spec]:
    return specify(name, num_classes=1000, image_size=224, width=1.0)


def _stage_places(names: Iterable[str]) -> list[int]:
    """Where each stage starts, in channels, so that the widest network has room; the last is where FC starts."""
    widest = [0] * 5
    for name in names:
        channels = 3
        for s, stage in enumerate(resolve(name).stages):
            width = 0
            for layer in stage:
                channels = layer.channels or channels
                width += channels
            widest[s] = max(widest[s], width)
    places = [0]
    for width in widest:
        places.append(places[-1] + width + _FUNNEL)
    return places


def _draw_maps(axes: Axes, name: str, centre: float, places: Sequence[int]) -> None:
    """One network's layers as boxes: side of the map upwards, channels to the right."""
    stage, x = 0, 0.0
    full: list[tuple[Spec, int]] = []
    for spec in _full_size(name):
        if spec.layer is None:
            full.append((spec, len(full)))
        elif spec.layer.kind == "pool":
            before, after = spec.in_size / 2, spec.out_size / 2
            right = x + 0.7 * _FUNNEL
            corners = [(x, centre - before), (x, centre + before), (right, centre + after), (right, centre - after)]
            axes.add_patch(Polygon(corners, facecolor=KINDS["pool"], alpha=0.45, linewidth=0))
            stage, x = stage + 1, places[stage + 1]
        else:
            colour = KINDS[spec.layer.kind]
            hollow = spec.layer.kind == "conv" and spec.layer.kernel == 1
            corner, height = (x, centre - spec.out_size / 2), spec.out_size
            face, edge = ("white", colour) if hollow else (colour, "white")
            axes.add_patch(Rectangle(corner, spec.out_channels, height, facecolor=face, edgecolor=edge, linewidth=0.8))
            x += spec.out_channels
    for spec, place in full:
        y = centre + 34 * (1 - place)
        axes.plot([x, x + spec.out_channels], [y, y], color=KINDS["fc"], linewidth=1.6, solid_capstyle="butt")


def _head(axes: Axes, places: Sequence[int], top: float) -> None:
    """Channels and sides of the maps above the stages."""
    widths = [(right - left - _FUNNEL) / 2 for left, right in pairwise(places)]
    middles = [left + half for left, half in zip(places, widths, strict=False)] + [places[-1] + 2048]
    rows = {
        "map side, pixels": (224, 112, 56, 28, 14, 1),
        "channels": (64, 128, 256, 512, 512, "4096, 4096, 1000"),
    }
    for i, (title, values) in enumerate(rows.items()):
        y = top + 66 * i
        axes.text(-170, y, title, ha="right", va="center", fontsize=9, color=GREY)
        for x, value in zip(middles, values, strict=True):
            axes.text(x, y, str(value), ha="center", va="center", fontsize=9)


@drawn
def table_one(names: Sequence[str] = SIX, *, narrow: bool = False) -> Figure:
    """Draw networks of five stages to scale, one row each, with their depth and number of parameters.

    A layer's box is as high as its map in pixels and as wide as its channels; a fully connected layer is a
    line, 4096 channels on a map of one pixel. Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown name.
    """
    places = _stage_places(names)
    pitch = _PITCH + 110 * narrow  # above each row there is room for its words
    across, down = (NARROW, 0.8 * len(names) + 0.9) if narrow else (WIDE, 0.72 * len(names) + 1.15)
    figure, axes = plt.subplots(figsize=(across, down))
    for row, name in enumerate(names):
        centre = -row * pitch
        _draw_maps(axes, name, centre, places)
        words = {"name": name, "depth": f"{resolve(name).weight_layers} weight layers"}
        count = f"{geometry.parameters(name) / 1e6:.1f} M parameters"
        if narrow:
            axes.text(0, centre + 130, words["name"], color=COLOURS.get(name, BLACK), weight="bold", fontsize=11)
            axes.text(places[-1] + 4096, centre + 130, f"{words['depth']}, {count}", ha="right", fontsize=9)
        else:
            axes.text(
                -90, centre + 22, words["name"], ha="right", color=COLOURS.get(name, BLACK), weight="bold", fontsize=12
            )
            axes.text(-90, centre - 50, words["depth"], ha="right", color=GREY, fontsize=9)
            axes.text(places[-1] + 4096, centre - 86, count, ha="right", fontsize=9)
    if not narrow:
        _head(axes, places, 175)
    axes.set_xlim(-50 if narrow else -2150, places[-1] + 4196)
    axes.set_ylim(-(len(names) - 1) * pitch - 130, 200 if narrow else 285)
    axes.axis("off")
    keys = [
        Patch(facecolor=KINDS["conv"], label="3×3 convolution"),
        Patch(facecolor="white", edgecolor=KINDS["conv"], label="1×1 convolution"),
        Patch(facecolor=KINDS["lrn"], label="LRN"),
        Patch(facecolor=KINDS["pool"], alpha=0.45, label="2×2 max-pool"),
        Line2D([], [], color=KINDS["fc"], linewidth=1.6, label="fully connected"),
    ]
    columns = 2 if narrow else 5
    figure.legend(
        handles=keys, loc="outside lower center", ncols=columns, fontsize=9, handlelength=1.4, columnspacing=1.6
    )
    return figure


def _bands(axes: Axes, stages: Sequence[str], shares: pd.Series[float]) -> None:
    """Grey bands behind every other part, with the part's share of the whole above it, the largest in bold."""
    for i, part in enumerate(shares.index):
        columns = [x for x, stage in enumerate(stages) if stage == part]
        if i % 2 == 0:
            axes.axvspan(columns[0] - 0.5, columns[-1] + 0.5, color="#F3F3F3", linewidth=0, zorder=0)
        best = shares[part] == shares.max()
        place = ((columns[0] + columns[-1]) / 2, 0.97)
        label = f"{shares[part]:.0f} %" if shares[part] >= 0.5 else "< 0.5 %"
        axes.text(
            *place, label, transform=axes.get_xaxis_transform(), ha="center", va="top",
            fontsize=10 if best else 9, weight="bold" if best else "normal", color=BLACK if best else GREY,
        )  # fmt: skip


@drawn
def costs_by_layer(network: str = "D", *, narrow: bool = False) -> Figure:
    """Draw parameters, multiply-adds and memory of each layer of a network, in three panels.

    Colours are the kinds of layer; the numbers above the bars are each stage's share of the whole. Sizes are
    the paper's: one image of 224×224, full width, float32. Raises :class:`~vgg_lib.basics.errors.InputError` for an
    unknown name.
    """
    table = _costs(network)
    stages = _parts(table)
    parts = by_stage(network)
    figure, panels = plt.subplots(3, 1, figsize=(NARROW if narrow else WIDE, 5.6), sharex=True)
    for axes, (cost, (title, unit)) in zip(panels, COSTS.items(), strict=True):
        heights = table[cost] / unit
        axes.bar(range(len(table)), heights, color=[KINDS[kind] for kind in table["kind"]], width=0.8)
        axes.set_title(title)
        axes.set_ylim(0, 1.3 * heights.max())
        _bands(axes, stages, 100 * parts[cost] / parts[cost].sum())
    turned = {"rotation": 90} if narrow else {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    panels[-1].set_xticks(range(len(table)), list(table.index), **turned)
    panels[-1].set_xlim(-0.5, len(table) - 0.5)
    return figure


@drawn
def cost_shares(names: Sequence[str] = SIX, *, narrow: bool = False) -> Figure:
    """Draw which share of parameters, multiply-adds and memory each stage has, one bar a network.

    Shares are in percent of the network's own total, for one image of 224×224. Raises
    :class:`~vgg_lib.basics.errors.InputError` for an unknown name.
    """
    size = (NARROW, 3 * (0.3 * len(names) + 0.5)) if narrow else (WIDE, 0.34 * len(names) + 1.15)
    figure, panels = plt.subplots(*((3, 1) if narrow else (1, 3)), figsize=size, sharey=True)
    for axes, (cost, (title, _)) in zip(panels, COSTS.items(), strict=True):
        for row, name in enumerate(names):
            left = 0.0
            for part, share in (100 * by_stage(name)[cost] / by_stage(name)[cost].sum()).items():
                axes.barh(row, share, left=left, color=PARTS[str(part)], height=0.82, edgecolor="white", linewidth=0.5)
                if share >= 12:
                    ink = "white" if part in ("4", "5") else DARK
                    axes.text(left + share / 2, row, f"{share:.0f}", ha="center", va="center", color=ink, fontsize=9)
                left += share
        axes.set_title(title.split(",")[0])
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 50, 100], ["0", "50", "100 %"])
        axes.tick_params(left=False)
    panels[0].set_yticks(range(len(names)), list(names))
    panels[0].invert_yaxis()
    keys = [Patch(facecolor=colour, label=part if part == "FC" else f"stage {part}") for part, colour in PARTS.items()]
    figure.legend(
        handles=keys,
        loc="outside lower center",
        ncols=3 if narrow else 6,
        fontsize=9,
        handlelength=1.2,
        columnspacing=1.5,
    )
    return figure


@drawn
def soft_max_trap(
    losses: Mapping[str, Sequence[float]], levels: Mapping[str, float], *, narrow: bool = False
) -> Figure:
    """Draw up to four loss curves over steps of training, and named levels as dashed lines across.

    ``losses`` maps a curve's name to its loss, in nats, at each step; ``levels`` a level's name to its height.
    """
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.6))
    for (name, values), colour in zip(losses.items(), (BLUE, VERMILION, GREEN, GREY), strict=False):
        axes.plot(values, color=colour, linewidth=2)
        axes.annotate(
            name, (len(values) - 1, values[-1]), (8, 0), textcoords="offset points", va="center", color=colour,
            annotation_clip=False,
        )  # fmt: skip
    steps = max(map(len, losses.values()))
    for place, (name, level) in enumerate(levels.items()):
        axes.plot((0, steps), (level, level), color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            f"{name} = {level:.4f}", (steps / 2, level), (0, -5 if place else 4), textcoords="offset points",
            ha="center", va="top" if place else "bottom", fontsize=9,
        )  # fmt: skip
    axes.set_xlabel("step")
    axes.set_ylabel("cross-entropy loss, nats")
    axes.set_ylim(-0.05, 1.06 * max(map(max, losses.values())))
    axes.set_xlim(0, steps)
    return figure
