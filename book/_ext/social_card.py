"""The picture beside a shared link: the favicon's three layers of 3×3 filters, and the title."""

from pathlib import Path
from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

ALT = "Three layers of three by three squares, one upon the other, beside the book's title"
LAYERS = ("#1d3557", "#2a6f97", "#61a5c2")  # from dark to light: told apart without colour too
SIDE, SHIFT, INCH = 2.4, 0.7, 100


def draw(target: Path, title: str, words: str) -> None:
    """1200 by 630 pixels, which is what all who show such pictures ask for."""
    figure = Figure(figsize=(12, 6.3), dpi=INCH)
    figure.set_layout_engine("none")  # places are given, whatever the book's style says
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    for depth, colour in enumerate(reversed(LAYERS)):
        left, bottom, cell = 2.2 - depth * SHIFT, 2.6 - depth * SHIFT, SIDE / 3
        axes.add_patch(Rectangle((left - 0.06, bottom - 0.06), SIDE + 0.12, SIDE + 0.12, color="white"))
        for x in range(3):
            for y in range(3):
                corner = (left + x * cell, bottom + y * cell)
                axes.add_patch(Rectangle(corner, cell, cell, facecolor=colour, edgecolor="white", linewidth=3))
    axes.text(5.4, 3.7, fill(title, 22), fontsize=33, weight="bold", color=LAYERS[0], va="center")
    axes.text(5.4, 2.2, fill(words, 42), fontsize=18, color="#333333", va="center", linespacing=1.4)
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target)
