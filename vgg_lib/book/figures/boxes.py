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
from vgg_lib.book.figures.style import BLACK, DARK, ORANGE, PURPLE, SKY
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
def boxes_on_pictures(
    boxed: Boxed,
    predicted: Tensor,
    mean: Tensor | None = None,
    *,
    name: str = "predicted",
    columns: int = 4,
    narrow: bool = False,
) -> Figure:
    """Pictures with their true boxes and another each ``(N, 4)``, in pixels; the overlap in percent above.

    ``name`` says what the other boxes are. With ``mean`` boxes ``(N, 4)`` these are drawn too, and their overlap told.
    """
    across, columns = (NARROW, min(columns, 2)) if narrow else (WIDE, columns)
    kinds = {name: (ORANGE, predicted)} | ({} if mean is None else {"mean box": (PURPLE, mean)})
    fits = {kind: _fits(boxed, boxes) for kind, (_, boxes) in kinds.items()}
    rows = math.ceil(len(boxed) / columns)
    fig, axes = plt.subplots(rows, columns, figsize=(across, rows * (across / columns + 0.25)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(range(len(boxed)), axes.flat, strict=False):
        image = boxed.photos.images[i]
        ax.imshow(image.permute(1, 2, 0).numpy())
        for box in boxed.boxes[i]:
            _outline(ax, box, SKY)
        for colour, boxes in reversed(kinds.values()):
            _outline(ax, boxes[i], colour)
        ax.set(xlim=(0, image.shape[2]), ylim=(image.shape[1], 0))
        what = boxed.photos.classes[int(boxed.photos.labels[i])]
        told = [f"{kind if mean is not None else what} {100 * fit[i]:.0f} %" for kind, fit in fits.items()]
        ax.set_title("\n".join(told), fontsize=9, loc="center", color=BLACK)
    colours = {"true": SKY} | {kind: colour for kind, (colour, _) in kinds.items()}
    lines = [Line2D([], [], color=colour, linewidth=2) for colour in colours.values()]
    fig.legend(lines, list(colours), loc="outside lower center", ncols=len(colours))
    return fig


@drawn
def boxes_from_places(
    image: Tensor, *steps: tuple[str, Tensor, Tensor], narrow: bool = False, least: float = 0.02
) -> Figure:
    """A picture ``(3, H, W)`` once for each step, its title above, with boxes ``(n, 4)`` in pixels and their scores.

    The larger a score, in parts of the step's largest, the less transparent its box, up to half of it all alike; those
    below ``least`` of it are left out.
    """
    shape, across = (len(steps), 1) if narrow else (1, len(steps)), NARROW if narrow else WIDE
    high = across / shape[1] * image.shape[1] / image.shape[2] + 0.25
    fig, axes = plt.subplots(*shape, figsize=(across, shape[0] * high), squeeze=False)
    for ax, (title, boxes, scores) in zip(axes.flat, steps, strict=True):
        ax.imshow(image.permute(1, 2, 0).numpy())
        ax.axis("off")
        ax.set_title(title, fontsize=9, loc="center")
        for box, share in zip(boxes, (scores / scores.max()).tolist(), strict=True):
            if share >= least:
                _outline(ax, box, ORANGE, max(share, 0.5))
        ax.set(xlim=(0, image.shape[2]), ylim=(image.shape[1], 0))
    return fig


def _outline(ax: Axes, box: Tensor, colour: str, alpha: float = 1.0) -> None:
    left, top, right, bottom = box.tolist()
    for edge, width in ((DARK, 3.2), (colour, 1.8)):  # seen on dark and on light, in any theme
        place, size = (left, top), (right - left, bottom - top)
        ax.add_patch(Rectangle(place, *size, fill=False, edgecolor=edge, linewidth=width, alpha=alpha))
