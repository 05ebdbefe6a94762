"""Pictures of testing: what a protocol sees, what padding changes, score maps, and what protocols cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from torch import Tensor

from vgg_lib.book.figures.style import BLACK, BLUE, GREEN, GREY, MINE, ORANGE, PURPLE, VERMILION
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.protocols import crop_places, places
from vgg_lib.networks.model import VGG

#: One colour for each way of testing: one crop, dense, a grid of crops, both, several nets.
WAYS = {"centre": GREY, "dense": BLUE, "crops": ORANGE, "both": GREEN, "fused": PURPLE}


def way(protocol: str) -> str:
    """The key of :data:`WAYS` that a protocol's name belongs to.

    >>> way("150 crops, 3 scales"), way("dense, no mirror"), way("centre crop")
    ('crops', 'dense', 'centre')
    """
    return next((kind for kind in ("fused", "both", "centre", "crops", "dense") if kind in protocol), "dense")


def _picture(axes: Axes, image: Tensor, *, fade: float = 0.0, light: bool = False) -> None:
    """Show uint8 ``(3, H, W)`` with one unit of the axes a pixel, mixed with white by ``fade``."""
    height, width = image.shape[-2:]
    shown = (_light(image) if light else image).permute(1, 2, 0).numpy().astype(float)
    pixels = (255 - (255 - shown) * (1 - fade)).astype(np.uint8)
    axes.imshow(pixels, extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _light(image: Tensor) -> Tensor:
    """A photograph with a pixel for each of the page, in fewer colours: what is drawn of it makes a small file."""
    reduced = rescale(image, min(140, *image.shape[-2:]))
    return reduced // 10 * 10 + 5


def _box(axes: Axes, left: float, top: float, side: float, colour: str, width: float = 2.0, alpha: float = 1.0) -> None:
    axes.add_patch(
        Rectangle((left, top), side, side, fill=False, edgecolor=colour, linewidth=width, alpha=alpha, clip_on=False)
    )


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], colour: str) -> None:
    x, y = np.meshgrid(xs, ys)
    axes.scatter(x.ravel(), y.ravel(), s=15, color=colour, edgecolor="white", linewidth=0.7, zorder=3)


def _dense_places(net: VGG, image: Tensor) -> tuple[list[float], list[float]]:
    """Centres, in pixels of ``image``, of the windows that the scores of a dense map belong to: across, down."""
    stride = math.prod(layer.stride for layer in net.network.layers())
    middles = [[net.image_size / 2 + stride * i for i in range(places(net, side))] for side in image.shape[-2:]]
    return middles[1], middles[0]


def _dense_view(axes: Axes, net: VGG, image: Tensor) -> int:
    """The whole image with the centres of its scores, the first one's window outlined; how many scores."""
    _picture(axes, image, light=True)
    across, down = _dense_places(net, image)
    _box(axes, 0, 0, net.image_size, "white", 3.2)
    _box(axes, 0, 0, net.image_size, WAYS["dense"])
    _dots(axes, across, down, WAYS["dense"])
    return len(across) * len(down)


def _grid_view(axes: Axes, net: VGG, image: Tensor, grid: int) -> None:
    """The crops of a grid, their centres, and one crop outlined; what no crop holds is faded."""
    _picture(axes, image, fade=0.75, light=True)
    c, kind = net.image_size, "centre" if grid == 1 else "crops"
    tops, lefts = (crop_places(side, c, grid) for side in image.shape[-2:])
    seen = image[:, tops[0] : tops[-1] + c, lefts[0] : lefts[-1] + c]
    extent = (lefts[0], lefts[-1] + c, tops[-1] + c, tops[0])
    axes.imshow(_light(seen).permute(1, 2, 0).numpy(), extent=extent)
    for top in tops:
        for left in lefts:
            _box(axes, left, top, c, "white", 0.8, 0.6)
    colour = BLACK if grid == 1 else WAYS[kind]
    _box(axes, lefts[0], tops[0], c, "white", 3.2)
    _box(axes, lefts[0], tops[0], c, colour)
    _dots(axes, [left + c / 2 for left in lefts], [top + c / 2 for top in tops], colour)
    axes.set_xlim(0, image.shape[-1])
    axes.set_ylim(image.shape[-2], 0)


def protocol_views(net: VGG, photo: Tensor, scales: Sequence[int] = (256, 384, 512), grid: int = 5) -> Figure:
    """Draw what the ways of testing see of a photograph, uint8 ``(3, H, W)``, at three test scales Q.

    Above, at the middle scale: the centre crop, the map of dense evaluation, a grid of crops. A dot is a score, at
    the centre of what it belongs to; the outline is the net's crop. Below: dense evaluation at all three scales,
    drawn to one scale. ``net`` gives the geometry alone and may be on the meta device.
    """
    images = [rescale(photo, q) for q in scales]
    middle = images[len(images) // 2]
    figure = plt.figure(figsize=(8, 5.1))
    rows = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.32))
    above, below = (figure.add_subfigure(rows[i]) for i in range(2))
    panels = above.subplots(1, 3)
    _grid_view(panels[0], net, middle, 1)
    count = _dense_view(panels[1], net, middle)
    _grid_view(panels[2], net, middle, grid)
    titles = ("centre crop: 1 score", f"dense: {count} scores", f"{grid}×{grid} crops: {grid**2} scores")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, loc="center")
    widths = [image.shape[-1] for image in images]
    tallest = max(image.shape[-2] for image in images)
    for axes, q, image in zip(below.subplots(1, 3, width_ratios=widths), scales, images, strict=True):
        count = _dense_view(axes, net, image)
        axes.set_title(f"Q = {q}: {count} scores", loc="center")
        axes.set_xlim(0, image.shape[-1])
        axes.set_ylim(tallest, 0)
    return figure


def window_contexts(contexts: Mapping[str, Tensor], side: int, differences: Mapping[str, Tensor]) -> Figure:
    """Draw what surrounds a window in two ways of testing, and where its feature maps differ for it.

    ``contexts`` are uint8 pictures ``(3, H, W)`` with a window of ``side`` pixels in their middle; ``differences``
    are maps ``(h, w)`` over the window by layer, 0 for no difference and 1 for one as large as the layer's outputs.
    """
    ratios = [1.45] * len(contexts) + [1.0] * len(differences)
    figure, panels = plt.subplots(1, len(ratios), figsize=(8, 1.95), width_ratios=ratios, squeeze=False)
    for axes in panels[0]:
        axes.set_anchor("N")
    for axes, (name, picture) in zip(panels[0], contexts.items(), strict=False):
        _picture(axes, picture)
        _box(axes, (picture.shape[-1] - side) / 2, (picture.shape[-2] - side) / 2, side, "white", 3.0)
        _box(axes, (picture.shape[-1] - side) / 2, (picture.shape[-2] - side) / 2, side, VERMILION, 1.8)
        axes.set_title(name, loc="center", fontsize=9)
    for axes, (name, difference) in zip(panels[0][len(contexts) :], differences.items(), strict=True):
        drawn = axes.imshow(difference.numpy(), cmap="Oranges", vmin=0, vmax=1, extent=(0, 1, 1, 0))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(f"{name}\n{len(difference)}×{len(difference)}", loc="center", fontsize=9)
    bar = figure.colorbar(drawn, ax=list(panels[0][len(contexts) :]), shrink=0.55, aspect=9, anchor=(0, 0.6))
    bar.outline.set_visible(False)
    bar.ax.spines[:].set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_ticks([0, 1], labels=["equal", "as large as\nthe outputs"], fontsize=8)
    return figure


def cell_answers(
    scene: Tensor, answers: Mapping[str, Sequence[Sequence[str]]], truth: Sequence[Sequence[str]]
) -> Figure:
    """Draw a scene of equal cells, uint8 ``(3, H, W)``, and over it what ways of testing say of each cell.

    ``truth`` and the values of ``answers`` are rows of class names, one a cell; a wrong answer is set in red.
    """
    rows, columns = len(truth), len(truth[0])
    height, width = scene.shape[-2] / rows, scene.shape[-1] / columns
    figure, panels = plt.subplots(
        1, 1 + len(answers), figsize=(8, 8 / (1 + len(answers)) * rows / columns + 0.45), squeeze=False
    )
    for axes, (name, words) in zip(panels[0], {"the scene": truth, **answers}.items(), strict=True):
        _picture(axes, scene, fade=0.0 if words is truth else 0.78)
        wrong = 0
        for i, j in np.ndindex(rows, columns):
            right = words[i][j] == truth[i][j]
            wrong += not right
            if not right:
                corner = (j * width + 1, i * height + 1)
                axes.add_patch(Rectangle(corner, width - 2, height - 2, facecolor=VERMILION, alpha=0.16, linewidth=0))
            if words is not truth:
                axes.text(
                    (j + 0.5) * width, (i + 0.5) * height, words[i][j], ha="center", va="center", fontsize=9,
                    color=BLACK if right else VERMILION, weight="normal" if right else "bold",
                )  # fmt: skip
        axes.set_title(name if words is truth else f"{name}: {wrong} wrong", loc="center")
    return figure


def score_maps(scene: Tensor, scores: Tensor, shown: Mapping[str, int], *, cell: int, columns: int = 2) -> Figure:
    """Lay the posteriors of a dense map, ``(classes, h, w)``, over a scene, uint8 ``(3, H, W)``, one panel a class.

    ``shown`` maps a class's name to its index. A score has a cell of ``cell`` pixels, from the scene's upper left
    corner on, the more orange the higher the posterior. The first panel is the scene.
    """
    rows = math.ceil((1 + len(shown)) / columns)
    height, width = scene.shape[-2:]
    figure, panels = plt.subplots(
        rows, columns, figsize=(8, rows * (8 / columns * height / width + 0.22)), squeeze=False
    )
    for axes in panels.flat:
        axes.axis("off")
    _picture(panels.flat[0], scene)
    panels.flat[0].axis("on")
    panels.flat[0].set_title("the scene", loc="center")
    grey = scene.float().mean(0, keepdim=True).expand(3, -1, -1).byte()
    down, across = scores.shape[1:]
    for axes, (name, index) in zip(panels.flat[1:], shown.items(), strict=False):
        axes.axis("on")
        _picture(axes, grey, fade=0.35)
        tint = np.zeros((down, across, 4))
        tint[..., :3] = to_rgb(ORANGE)
        tint[..., 3] = 0.68 * scores[index].numpy()
        axes.imshow(tint, extent=(0, cell * across, cell * down, 0))
        axes.hlines(cell * np.arange(down + 1), 0, cell * across, color="white", linewidth=0.7, alpha=0.8)
        axes.vlines(cell * np.arange(across + 1), 0, cell * down, color="white", linewidth=0.7, alpha=0.8)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_title(name, loc="center")
    return figure


def protocol_errors(errors: Mapping[str, float]) -> Figure:
    """Draw the error, in percent, of one net under several protocols, by name, in the order given."""
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(errors) + 0.7))
    for row, (name, error) in enumerate(errors.items()):
        colour = WAYS[way(name)]
        axes.plot((0, error), (row, row), color=colour, linewidth=2.4, solid_capstyle="butt")
        axes.scatter(error, row, s=52, color=colour, zorder=3)
    axes.set_yticks(range(len(errors)), list(errors))
    axes.invert_yaxis()
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 1.08 * max(errors.values()))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("top-1 error, %")
    axes.grid(axis="x")
    return figure


def errors_over_scales(errors: Mapping[str, Mapping[int, float]], net: VGG) -> Figure:
    """Draw error, in percent, against the test scale Q, in pixels, for protocols by name.

    Bands in the background are test scales at which ``net`` has the same number of dense scores.
    """
    figure, axes = plt.subplots(figsize=(8, 3.5))
    sides = sorted({q for values in errors.values() for q in values})
    top = 1.12 * max(error for values in errors.values() for error in values.values())
    counts = {q: places(net, q) for q in range(sides[0], sides[-1] + 1)}
    for number in sorted(set(counts.values())):
        band = [q for q, count in counts.items() if count == number]
        left, right = max(band[0] - 0.5, sides[0] - 1), min(band[-1] + 0.5, sides[-1] + 1)
        axes.axvspan(left, right, color="#F3F3F3" if number % 2 else "white", linewidth=0, zorder=0)
        label = f"{number}×{number} score{'s' * (number > 1)}"
        if right - left > 5:
            axes.text((left + right) / 2, 0.985 * top, label, ha="center", va="top", fontsize=9, color=GREY)
    for name, values in errors.items():
        axes.plot(list(values), list(values.values()), color=WAYS[way(name)], linewidth=2, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(0.02, 0.9))
    axes.set(xlabel="test scale Q, pixels", ylabel="top-1 error, %")
    axes.set_ylim(0, top)
    axes.set_xlim(sides[0] - 1, sides[-1] + 1)
    return figure


def error_against_cost(table: pd.DataFrame, mine: pd.DataFrame | None = None) -> Figure:
    """Draw the error of protocols against what they cost: a dot each, its interval, its name.

    ``table`` has a row a protocol, by name, and columns ``cost`` (million multiply-adds a photograph), ``error``,
    ``low`` and ``high`` (percent). ``mine``, a table of the same form, are the reader's own, drawn as stars.
    """
    figure, axes = plt.subplots(figsize=(8, 4.3))
    spread = (table["high"] - table["low"]).max()
    lowest, highest = table["low"].min() - 0.25 * spread, table["high"].max() + 0.25 * spread
    for number, (name, row) in enumerate(table.iterrows(), start=1):
        colour = WAYS[way(str(name))]
        axes.plot((row["cost"],) * 2, (row["low"], row["high"]), color=colour, linewidth=1.3, alpha=0.55, zorder=2)
        axes.scatter(row["cost"], row["error"], s=190, color=colour, edgecolor="white", linewidth=1.2, zorder=3)
        axes.text(
            row["cost"], row["error"], str(number), color="white", ha="center", va="center", fontsize=8, weight="bold",
            zorder=4,
        )  # fmt: skip
    for name, row in mine.iterrows() if mine is not None else ():
        axes.scatter(row["cost"], row["error"], color=WAYS[way(str(name))], **MINE)
        lowest, highest = min(lowest, row["error"] - 1), max(highest, row["error"] + 1)
    names = [f"{number}  {name}" for number, name in enumerate(table.index, start=1)]
    keys = [Line2D([], [], ls="", marker="o", ms=8, color=WAYS[way(str(name))]) for name in table.index]
    figure.legend(keys, names, loc="outside right upper", fontsize=9, handletextpad=0.2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(lowest, highest)
    axes.set(xlabel="million multiply-adds a photograph", ylabel="top-1 error, %")
    axes.grid(axis="y")
    return figure
