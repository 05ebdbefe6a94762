"""Pictures of what a way of testing sees: crops and dense maps, what surrounds a window, answers over a scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, DARK, ORANGE, VERMILION
from vgg_lib.book.figures.testing import WAYS
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.protocols import crop_places, places
from vgg_lib.networks.model import VGG


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


@drawn
def protocol_views(net: VGG, photo: Tensor, *, narrow: bool = False) -> Figure:
    """Draw what the ways of testing see of a photograph, uint8 ``(3, H, W)``, at test scales Q of 256, 384 and 512.

    Above, at the middle scale: the centre crop, the map of dense evaluation, 5×5 crops. A dot is a score, at
    the centre of what it belongs to; the outline is the net's crop. Below: dense evaluation at all three scales,
    drawn to one scale. ``net`` gives the geometry alone and may be on the meta device.
    """
    scales = (256, 384, 512)
    images = [rescale(photo, q) for q in scales]
    _, middle, largest = images
    figure = plt.figure(figsize=(NARROW, 5.2) if narrow else (WIDE, 5.1))
    if narrow:
        above, below = figure.subplots(3, 2).T
    else:
        rows = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.32))
        widths = [image.shape[-1] for image in images]
        above = figure.add_subfigure(rows[0]).subplots(1, 3)
        below = figure.add_subfigure(rows[1]).subplots(1, 3, width_ratios=widths)
    _grid_view(above[0], net, middle, 1)
    count = _dense_view(above[1], net, middle)
    _grid_view(above[2], net, middle, 5)
    titles = ("centre crop: 1 score", f"dense: {count} scores", "5×5 crops: 25 scores")
    for axes, title in zip(above, titles, strict=True):
        axes.set_title(title, loc="center", fontsize=9 if narrow else 11)
    for axes, q, image in zip(below, scales, images, strict=True):
        count = _dense_view(axes, net, image)
        axes.set_title(f"Q = {q}: {count} scores", loc="center", fontsize=9 if narrow else 11)
        axes.set_xlim(0, (largest if narrow else image).shape[-1])
        axes.set_ylim(largest.shape[-2], 0)
    return figure


@drawn
def window_contexts(
    contexts: Mapping[str, Tensor], side: int, differences: Mapping[str, Tensor], *, narrow: bool = False
) -> Figure:
    """Draw what surrounds a window in two ways of testing, and where its feature maps differ for it.

    ``contexts`` are uint8 pictures ``(3, H, W)`` with a window of ``side`` pixels in their middle; ``differences``
    are maps ``(h, w)`` over the window by layer, 0 for no difference and 1 for one as large as the layer's outputs.
    """
    figure = plt.figure(figsize=(NARROW, 5.3) if narrow else (WIDE, 1.95))
    if narrow:
        halves = figure.add_gridspec(2, 1, height_ratios=(1, 1.35))
        above, below = (figure.add_subfigure(halves[i]) for i in range(2))
        seen, maps = above.subplots(1, len(contexts)), below.subplots(2, math.ceil(len(differences) / 2)).flatten()
    else:
        ratios = [1.45] * len(contexts) + [1.0] * len(differences)
        panels = figure.subplots(1, len(ratios), width_ratios=ratios)
        seen, maps = panels[: len(contexts)], panels[len(contexts) :]
    for axes in (*seen, *maps):
        axes.set_anchor("N")
        axes.axis("off")
    for axes, (name, picture) in zip(seen, contexts.items(), strict=True):
        _picture(axes, picture)
        _box(axes, (picture.shape[-1] - side) / 2, (picture.shape[-2] - side) / 2, side, "white", 3.0)
        _box(axes, (picture.shape[-1] - side) / 2, (picture.shape[-2] - side) / 2, side, VERMILION, 1.8)
        axes.set_title(name, loc="center", fontsize=9)
    for axes, (name, difference) in zip(maps, differences.items(), strict=False):
        drawn_map = axes.imshow(difference.numpy(), cmap="Oranges", vmin=0, vmax=1, extent=(0, 1, 1, 0))
        axes.set_title(f"{name}\n{len(difference)}×{len(difference)}", loc="center", fontsize=9)
    bar = maps[0].figure.colorbar(drawn_map, ax=list(maps), shrink=0.55, aspect=9, anchor=(0, 0.6))
    bar.outline.set_visible(False)
    bar.ax.spines[:].set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_ticks([0, 1], labels=["equal", "as large as\nthe outputs"], fontsize=9)
    return figure


@drawn
def cell_answers(
    scene: Tensor,
    answers: Mapping[str, Sequence[Sequence[str]]],
    truth: Sequence[Sequence[str]],
    *,
    narrow: bool = False,
) -> Figure:
    """Draw a scene of equal cells, uint8 ``(3, H, W)``, and over it what ways of testing say of each cell.

    ``truth`` and the values of ``answers`` are rows of class names, one a cell; a wrong answer is set in red.
    """
    rows, columns = len(truth), len(truth[0])
    height, width = scene.shape[-2] / rows, scene.shape[-1] / columns
    count = 1 + len(answers)
    grid, size = ((1, count), (WIDE, WIDE / count * rows / columns + 0.45))
    if narrow:
        grid, size = ((count, 1), (NARROW, count * (NARROW * rows / columns + 0.3)))
    figure, panels = plt.subplots(*grid, figsize=size, squeeze=False)
    for axes, (name, words) in zip(panels.flat, {"the scene": truth, **answers}.items(), strict=True):
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
                    color=DARK if right else VERMILION, weight="normal" if right else "bold",
                )  # fmt: skip
        axes.set_title(name if words is truth else f"{name}: {wrong} wrong", loc="center")
    return figure


@drawn
def score_maps(
    scene: Tensor, scores: Tensor, shown: Mapping[str, int], *, cell: int, columns: int = 2, narrow: bool = False
) -> Figure:
    """Lay the posteriors of a dense map, ``(classes, h, w)``, over a scene, uint8 ``(3, H, W)``, one panel a class.

    ``shown`` maps a class's name to its index. A score has a cell of ``cell`` pixels, from the scene's upper left
    corner on, the more orange the higher the posterior. The first panel is the scene.
    """
    rows = math.ceil((1 + len(shown)) / columns)
    height, width = scene.shape[-2:]
    across = NARROW if narrow else WIDE
    figure, panels = plt.subplots(
        rows, columns, figsize=(across, rows * (across / columns * height / width + 0.22)), squeeze=False
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
