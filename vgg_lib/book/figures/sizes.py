"""Errors over the size at which things are shown, beside the sizes that a net was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, GREY, SETTINGS

#: The height of a row below the axis, where training sizes are, as a part of the highest error.
_ROW = 0.07

#: The dots of the first net, of the second, and so on.
_MARKERS = "osD^"


@drawn
def over_sizes(
    errors: Mapping[str, Mapping[float, Sequence[float]]],
    trained: Mapping[str, Sequence[tuple[float, float]]],
    *,
    label: str = "longer side of the thing, pixels",
    narrow: bool = False,
) -> Figure:
    """Draw error, in percent, against a size in pixels: nets by name, a dot for each seed, a line through the means.

    ``trained`` are the sizes with which a net was trained, as ranges from and to; one size has equal ends. They are
    drawn below the axis. A net without any error says so.
    """
    figure, axes = plt.subplots(figsize=(NARROW, 4.4) if narrow else (WIDE, 3.8))
    found = [error for by_size in errors.values() for seeds in by_size.values() for error in seeds]
    top = 1.08 * max(found, default=100.0)
    looks = zip(SETTINGS, _MARKERS, strict=True)
    for row, ((name, by_size), ((colour, style), marker)) in enumerate(zip(errors.items(), looks, strict=False)):
        look: dict[str, Any] = {"color": colour, "marker": marker}
        there = {size: seeds for size, seeds in by_size.items() if seeds}
        told = name if there else f"{name}: no run recorded yet"
        means = list(map(fmean, there.values()))
        # its marker stands in the legend alone: on the page it is a seed's
        axes.plot(list(there), means, **look, linestyle=style, linewidth=2, markersize=5, markevery=[], label=told)
        dots = [(size, error) for size, seeds in there.items() for error in seeds]
        axes.scatter([x for x, _ in dots], [y for _, y in dots], s=24, zorder=3, **look)
        place = -_ROW * top * (row + 1.9)  # the first line says what they are
        for low, high in trained[name]:
            axes.plot((low, high), (place, place), **look, linewidth=4, markersize=6, clip_on=False)
    sizes = sorted({size for by_size in errors.values() for size in by_size})
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_ylim(-_ROW * top * (len(errors) + 1.6), top)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.annotate("trained with", (0, 0), (2, -3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                  va="top", fontsize=9, color=GREY)  # fmt: skip
    axes.set(xlabel=label, ylabel="top-1 error, %")
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=1 if narrow else len(errors), fontsize=9)
    return figure
