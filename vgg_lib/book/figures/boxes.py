"""Where a net says that things are, drawn over their pictures."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, ORANGE, SKY
from vgg_lib.tasks.box_file import Boxed
from vgg_lib.tasks.boxes import overlap


def best_and_worst(boxed: Boxed, predicted: Tensor, count: int = 4) -> Tensor:
    """Indices ``(n,)`` of the pictures whose boxes ``(N, 4)`` fit best, the best first, then worst, the worst last."""
    fits = _fits(boxed, predicted)
    order = sorted(range(len(fits)), key=lambda i: -fits[i])
    count = min(count, len(order) // 2) or len(order)
    return boxed.photos.labels.new_tensor(list(dict.fromkeys([*order[:count], *order[-count:]])))


def _fits(boxed: Boxed, predicted: Tensor) -> list[float]:
    """How much each predicted box overlaps with the true box that it fits best."""
    return [float(overlap(box, some).max()) for box, some in zip(predicted, boxed.boxes, strict=True)]


@drawn
def boxes_on_pictures(boxed: Boxed, predicted: Tensor, *, columns: int = 4, narrow: bool = False) -> Figure:
    """Pictures with their true boxes and the predicted one ``(N, 4)``, in pixels; their overlap in percent above."""
    across, columns = (NARROW, min(columns, 2)) if narrow else (WIDE, columns)
    rows, fits = math.ceil(len(boxed) / columns), _fits(boxed, predicted)
    fig, axes = plt.subplots(rows, columns, figsize=(across, rows * (across / columns + 0.25)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(range(len(boxed)), axes.flat, strict=False):
        image = boxed.photos.images[i]
        ax.imshow(image.permute(1, 2, 0).numpy())
        for box in boxed.boxes[i]:
            _outline(ax, box, SKY)
        _outline(ax, predicted[i], ORANGE)
        ax.set(xlim=(0, image.shape[2]), ylim=(image.shape[1], 0))
        name = boxed.photos.classes[int(boxed.photos.labels[i])]
        ax.set_title(f"{name} {100 * fits[i]:.0f} %", fontsize=9, loc="center", color=BLACK)
    lines = [Line2D([], [], color=colour, linewidth=2) for colour in (SKY, ORANGE)]
    fig.legend(lines, ["true", "predicted"], loc="outside lower center", ncols=2)
    return fig


def _outline(ax: Axes, box: Tensor, colour: str) -> None:
    left, top, right, bottom = box.tolist()
    for edge, width in ((BLACK, 3.2), (colour, 1.8)):  # seen on dark and on light
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=edge, linewidth=width))
