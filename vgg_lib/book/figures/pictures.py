"""Small pictures in rows, pixel by pixel: what differs between versions of the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn


@drawn
def versions(rows: Mapping[str, Sequence[Tensor]], titles: Sequence[str] = (), *, narrow: bool = False) -> Figure:
    """Draw versions of the same pictures below each other, each a row under its name.

    The pictures are uint8 ``(3, H, W)``, as many in each row, at most 8; a phone shows the first four. ``titles`` stand
    over the first row.
    """
    shown = min(len(next(iter(rows.values()))), 4 if narrow else 8)
    side = (NARROW if narrow else WIDE) / max(shown, 4)
    figure, panels = plt.subplots(len(rows), shown, figsize=(shown * side, len(rows) * (side + 0.25)), squeeze=False)
    for line, (name, pictures) in zip(panels, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=False):
            axes.imshow(picture.permute(1, 2, 0).numpy())
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=10)
    for axes, title in zip(panels[0], titles, strict=False):
        axes.set_title(title, loc="center", fontsize=9)
    return figure
