"""Pictures of a training that is shared: a batch in parts, speed-up against GPUs, photographs a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, GREEN, GREY, MINE, ORANGE, PURPLE, VERMILION

#: One colour for each GPU's part of a batch.
GPU_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)

_SHOWN = 3  # photographs of each part


def _filters(gradient: Tensor, largest: float) -> NDArray[np.float64]:
    """Filters ``(16, 3, k, k)`` as two rows of eight small RGB pictures: grey is zero, a white line between them."""
    k = gradient.shape[-1]
    page = np.ones((2 * (k + 1) - 1, 8 * (k + 1) - 1, 3))
    for i, one in enumerate((0.5 + 0.5 * gradient.double() / largest).clamp(0, 1).permute(0, 2, 3, 1).numpy()):
        row, column = (place * (k + 1) for place in divmod(i, 8))
        page[row : row + k, column : column + k] = one
    return page


def _picture(axes: Axes, picture: NDArray[np.float64], x: float, y: float, width: float, colour: str) -> None:
    """A picture with its left edge at ``x`` and its middle at ``y``, in a frame."""
    height = width * picture.shape[0] / picture.shape[1]
    axes.imshow(picture, extent=(x, x + width, y - height / 2, y + height / 2), zorder=2)
    axes.add_patch(Rectangle((x, y - height / 2), width, height, fill=False, edgecolor=colour, linewidth=1.5, zorder=3))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1.1}, zorder=1)


@drawn
def data_parallel(
    batch: Tensor, parts: Sequence[slice], gradients: Sequence[Tensor], mean: Tensor, *, narrow: bool = False
) -> Figure:
    """Draw how a batch becomes up to four parts, each part a gradient, and the gradients their mean.

    ``batch`` are images ``(N, 3, H, W)`` on a scale of 0..255; ``gradients`` are those of 16 filters ``(16, 3, k, k)``,
    one for each part, ``mean`` is their mean. All are drawn on one scale.
    """
    largest = max(float(g.abs().max()) for g in [*gradients, mean])
    fig, axes = plt.subplots(figsize=(NARROW, 5.4) if narrow else (WIDE, 3.5))
    middle, last = (len(parts) - 1) / 2, len(parts) - 1
    for row, (part, gradient, colour) in enumerate(zip(parts, gradients, GPU_COLOURS, strict=False)):
        y = (1.7 if narrow else 1.5) * (last - row)
        left = y if narrow else 0.72 * (last - row) + 0.78 * middle
        for place, image in enumerate(batch[part][:_SHOWN]):
            picture = (image.double().clamp(0, 255) // 16 / 15).permute(1, 2, 0).numpy()  # few levels: a small file
            _picture(axes, picture, 0.72 * place, left, 0.66, colour)
        words = f"GPU {row + 1}", f"{len(batch[part])} images"
        if narrow:
            axes.text(3.2, y + 0.48, ": ".join(words), ha="left", fontsize=9)
            _arrow(axes, (2.25, y), (3.1, y))
            _picture(axes, _filters(gradient, largest), 3.2, y, 2.9, colour)
        else:
            _arrow(axes, (0.72 * _SHOWN + 0.15, left), (3.9, y))
            corner = (4.1, y - 0.42)
            box = FancyBboxPatch(corner, 1.5, 0.84, boxstyle="round,pad=0.06", facecolor="white", edgecolor=colour)
            axes.add_patch(box)
            axes.text(4.85, y, "\n".join(words), ha="center", va="center", fontsize=9)
            _arrow(axes, (5.8, y), (6.6, y))
            _picture(axes, _filters(gradient, largest), 6.7, y, 2.9, colour)
            _arrow(axes, (9.75, y), (10.6, 1.5 * middle + 0.25 * (middle - row)))
    if narrow:
        _arrow(axes, (4.65, -0.45), (4.65, -1.0))
        _picture(axes, _filters(mean, largest), 3.2, -1.45, 2.9, BLACK)
        axes.text(3.0, -1.45, "their mean\n= the batch's own", ha="right", va="center", fontsize=9)
        axes.text(0, 1.7 * last + 0.95, f"one batch of {len(batch)}", weight="bold")
        axes.text(3.2, 1.7 * last + 0.95, "gradients", weight="bold")
        axes.set(xlim=(-0.1, 6.3), ylim=(-1.95, 1.7 * last + 1.3), aspect="equal")
    else:
        _picture(axes, _filters(mean, largest), 10.75, 1.5 * middle, 2.9, BLACK)
        top = 1.5 * last + 0.75
        for x, head in {1.05: "one batch", 4.85: "its parts", 8.15: "gradients", 12.2: "their mean"}.items():
            axes.text(x, top, head, ha="center", weight="bold")
        axes.text(1.05, 0.78 * middle - 0.8, f"… {len(batch)} in all", ha="center", color=GREY, fontsize=9)
        axes.text(12.2, 1.5 * middle - 0.7, "= the batch's own", ha="center", va="top", fontsize=9)
        axes.set(xlim=(-0.1, 13.8), ylim=(-0.75, top + 0.4), aspect="equal")
    axes.axis("off")
    return fig


@drawn
def speed_ups(
    panels: Mapping[str, Mapping[str, Sequence[float]]], gpus: Sequence[int], paper: float, *, narrow: bool = False
) -> Figure:
    """Draw speed-up against the number of GPUs, a panel for each title: in it a line for each name.

    The dashed line is a speed-up as large as the number of GPUs, the ring the paper's on four (§3.3), in the first
    panel. Names of networks have their colours.
    """
    grid, size = ((len(panels), 1), (NARROW, 3.3 * len(panels))) if narrow else ((1, len(panels)), (WIDE, 3.7))
    fig, all_axes = plt.subplots(*grid, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axes, (title, lines) in zip(all_axes.flat, panels.items(), strict=True):
        axes.plot(gpus, gpus, color=GREY, lw=1, ls=(0, (4, 3)))
        for name, values in lines.items():
            colour = COLOURS.get(name, BLACK)
            axes.plot(gpus, values, color=colour, lw=1.8, marker="o", ms=3.5, label=name)
        axes.set(title=title, xlabel="GPUs")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(gpus, [str(n) for n in gpus])
        axes.set_yticks(gpus, [str(n) for n in gpus])
    first = all_axes.flat[0]
    first.plot([4], [paper], "o", ms=11, mfc="none", mec=VERMILION, mew=1.5)
    first.annotate(
        f"the paper: {paper}", (4, paper), (14, -16), textcoords="offset points", color=VERMILION, va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    first.annotate(
        "all of them used", (gpus[-2], gpus[-2]), (-6, 4), textcoords="offset points", ha="right", color=GREY
    )
    first.set_ylabel("times as fast as one GPU")
    all_axes.flat[-1].legend(loc="upper left", fontsize=9)
    return fig


@drawn
def throughput(rates: Mapping[str, Mapping[int, float]], *, narrow: bool = False) -> Figure:
    """Draw images a second against batch size, a line for each name; the upper axis cuts the largest batch in parts.

    ``rates`` maps a name to batch sizes and their images a second. The dashed line is the first name's largest rate.
    """
    fig, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.6))
    for (name, line), colour in zip(rates.items(), (BLUE, ORANGE, GREEN), strict=False):
        axes.plot(list(line), list(line.values()), "o-", ms=5, lw=1.8, color=colour, label=name)
    sizes = list(next(iter(rates.values())))
    best = max(next(iter(rates.values())).values())
    axes.axhline(best, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set(xlabel="images in a batch, or in a part of one", ylabel="images a second")
    axes.set_ylim(0, 1.3 * max(max(line.values()) for line in rates.values()))  # room for the legend
    axes.legend(loc="upper left")
    above = axes.secondary_xaxis("top")
    above.set_xscale("log", base=2)
    above.set_xticks(sizes, [str(max(sizes) // size) for size in sizes])
    above.set_xlabel(f"workers that share a batch of {max(sizes)}", fontsize=9, color=GREY)
    above.tick_params(colors=GREY)
    return fig


@drawn
def durations(times: Mapping[str, tuple[float, bool]], mine: float | None = None, *, narrow: bool = False) -> Figure:
    """Draw how many minutes a run takes on each machine: filled where measured, a ring where computed.

    ``times`` maps a machine's name to seconds and whether they were measured; ``mine`` are the reader's own seconds.
    """
    rows = [*times, *(["yours"] if mine else [])]
    fig, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.36 * len(rows) + 0.8))
    for row, (seconds, measured) in enumerate(times.values()):
        axes.scatter(seconds / 60, row, s=60, facecolor=BLUE if measured else "none", edgecolor=BLUE, linewidth=1.6)
        words = "measured" if measured else "computed"
        axes.annotate(words, (seconds / 60, row), (9, 0), textcoords="offset points", va="center", fontsize=9)
    if mine:
        axes.scatter(mine / 60, len(times), color=VERMILION, **MINE)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("minutes")
    axes.grid(axis="x")
    return fig
