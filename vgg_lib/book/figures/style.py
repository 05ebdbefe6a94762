"""Colours and type, set once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

#: Okabe & Ito's palette, which colour-blind readers can tell apart.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#767676",
)  # fmt: skip

#: Letters on a light fill: black in any theme, where ``BLACK`` is the colour of the page's own letters.
DARK = "#0B0B0B"

#: One colour for each network, all through the book; controls share their parent's hue family.
COLOURS: dict[str, str] = {
    "A": BLUE,
    "A-LRN": SKY,
    "B": GREEN,
    "C": ORANGE,
    "D": VERMILION,
    "E": PURPLE,
    "A-constant": "#A9C7DE",
    "A-LRN-strong": "#00426B",
    "B-5x5": "#7FC8AE",
    "B-5x5-narrow": "#B9DDCF",
    "D-7x7": "#F0A978",
}

#: One colour for each kind of layer, where a figure shows layers rather than networks.
KINDS: dict[str, str] = {"conv": BLUE, "lrn": SKY, "pool": GREY, "fc": ORANGE}

#: The look of lines that stand for settings rather than networks.
SETTINGS = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (PURPLE, ":"))

#: The look of lines that stand for nets outside Table 1, in no network's colour.
OTHERS = ((BLACK, "-"), (GREY, "-"), (BLACK, ":"))

#: How the reader's own results are drawn beside the recorded ones.
MINE: dict[str, Any] = {"marker": "*", "s": 190, "edgecolor": BLACK, "linewidth": 0.9, "zorder": 4}


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows 0, 1, … of a figure that shows values across, from the top down, with a grid for the values."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def use_style() -> None:
    """Set matplotlib up for the book: sizes, no clutter, crisp pictures in notebooks, reproducible SVG."""
    mpl.rcParams.update({
        "figure.figsize": (8.0, 3.6),
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": False,
        "grid.color": "#DDDDDD",
        "legend.frameon": False,
        "image.interpolation": "none",  # pixels as they are, in SVG too
        "image.composite_image": False,
        "savefig.facecolor": "white",
        "svg.hashsalt": "vgg_lib",
    })  # fmt: skip
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:  # outside a notebook there is no inline backend to set
        return
    set_matplotlib_formats("retina")
