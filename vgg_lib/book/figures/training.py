"""What a training looks like: photographs and what the net says of them, losses, confusions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, DARK, GREY, VERMILION
from vgg_lib.data.photos import Photos
from vgg_lib.evidence.records import Evaluation, Record


def _show(ax: Axes, image: Tensor) -> None:
    ax.imshow(image.permute(1, 2, 0).numpy())
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


@drawn
def photo_page(photos: Photos, scores: Tensor | None = None, *, columns: int = 8, narrow: bool = False) -> Figure:
    """Photographs in a grid, each titled with its class, or with what a net says of it; the word "none" without any.

    ``scores`` are posteriors ``(N, classes)``: a wrong answer is set in red, with the right one below it.
    """
    across, columns = (NARROW, min(columns, 4)) if narrow else (WIDE, columns)
    rows, height = math.ceil(len(photos) / columns) or 1, across / columns + (0.25 if scores is None else 0.42)
    fig, axes = plt.subplots(rows, columns, figsize=(across, rows * height), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    if not len(photos):
        axes.flat[0].text(0, 1, "none", va="top")
    for i, ax in zip(range(len(photos)), axes.flat, strict=False):
        ax.axis("on")
        _show(ax, photos.images[i])
        truth = photos.classes[int(photos.labels[i])]
        if scores is None:
            ax.set_title(truth, fontsize=9, loc="center")
            continue
        guess = photos.classes[int(scores[i].argmax())]
        says = f"{guess} {100 * float(scores[i].max()):.0f} %"
        ax.set_title(
            says if guess == truth else f"{says}\nis a {truth}",
            fontsize=9,
            loc="center",
            color=BLACK if guess == truth else VERMILION,
        )
    return fig


def most_confident_mistakes(photos: Photos, scores: Tensor, count: int = 8) -> Figure:
    """The wrong answers that a net gives with the highest posterior, most confident first."""
    wrong = (scores.argmax(1) != photos.labels).nonzero().flatten()
    worst = wrong[scores[wrong].max(1).values.argsort(descending=True)[:count]]
    return photo_page(photos.take(worst), scores[worst])


@drawn
def loss_curve(steps: Sequence[float], classes: int, *, smooth: int = 20, narrow: bool = False) -> Figure:
    """The loss of each training step, its running mean, and the loss of guessing, ln(classes)."""
    fig, ax = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.6))
    ax.plot(steps, color=GREY, lw=0.6, alpha=0.6)
    mean = pd.Series(list(steps)).rolling(smooth, min_periods=1).mean()
    ax.plot(mean, color=BLUE, lw=2, label=f"mean of {smooth} steps")
    _guessing(ax, classes)
    ax.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None))
    ax.legend(loc="lower left")
    return fig


@drawn
def epoch_losses(*records: Record, classes: int, mine: Record | None = None, narrow: bool = False) -> Figure:
    """The mean training loss of each epoch of recorded runs, and the loss of guessing, ln(classes).

    Each network has its colour; ``mine``, the reader's own run, is drawn with stars. Several get a legend.
    """
    fig, ax = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.6))
    for record in (*records, *([mine] if mine else [])):
        losses = np.array(record.losses, dtype=float)  # nan, and so not drawn, where the loss was not finite
        dots, size, whose = ("*-", 6, "yours: ") if record is mine else ("o-", 3, "")
        colour = COLOURS.get(record.run.network, BLUE)
        ax.plot(np.arange(1, len(losses) + 1), losses, dots, ms=size, color=colour, label=f"{whose}{record.run}")
    if len(ax.lines) > 1:
        ax.legend(loc="upper right", fontsize=9)
    _guessing(ax, classes)
    ax.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    return fig


def _guessing(ax: Axes, classes: int) -> None:
    floor = math.log(classes)
    ax.axhline(floor, color=GREY, ls=":", lw=1)
    ax.annotate(f"guessing: ln {classes}", (1, floor), xycoords=("axes fraction", "data"), ha="right", va="bottom")


@drawn
def confusion(evaluation: Evaluation, classes: Sequence[str], *, narrow: bool = False) -> Figure:
    """Which class is taken for which, in percent of the photographs of the true class."""
    counts = evaluation.confusion(len(classes)).double()
    share = (100 * counts / counts.sum(1, keepdim=True)).numpy()
    fig, ax = plt.subplots(figsize=(NARROW, 4.2) if narrow else (7.5, 6))
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(*share.shape):
        if share[i, j] >= 0.5:
            ax.text(
                j,
                i,
                f"{share[i, j]:.0f}",
                ha="center",
                va="center",
                color="white" if share[i, j] > 50 else DARK,
                fontsize=9,
            )
    ax.set_xticks(range(len(classes)), classes, rotation=90 if narrow else 40, ha="center" if narrow else "right")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="what the net says", ylabel="what it is")
    ax.spines[:].set_visible(False)
    return fig


@drawn
def picture_row(images: Sequence[Tensor], titles: Sequence[str], *, narrow: bool = False) -> Figure:
    """Images ``(3, H, W)`` on a scale of 0..255, each under its title: in a row, equally high, or in rows of three."""
    columns = 3 if narrow else len(images)
    widths = [image.shape[-1] / image.shape[-2] for image in images][:columns]
    rows, across = math.ceil(len(images) / columns), NARROW if narrow else WIDE
    size = (across, rows * (across / sum(widths) + 0.3))
    fig, axes = plt.subplots(rows, columns, figsize=size, width_ratios=widths, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        _show(ax, image.clamp(0, 255).byte())
        ax.set_title(title, fontsize=9, loc="center")
    return fig
