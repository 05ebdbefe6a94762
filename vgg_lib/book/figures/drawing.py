"""How a figure gets onto a page: drawn twice, wide and narrow, in colours that the page's theme may change.

A notebook shows the wide figure as a PNG. Beside it, in the metadata of the output, lie both as SVG: the build of the
book puts them on the page (``book/_ext/drawings.py``), the narrow one for a phone. Metadata are not compared by nbval,
so a figure of a live training may differ between processors.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

#: The key of an output's metadata under which ``{"wide": SVG, "narrow": SVG}`` lie.
KEY = "drawing"

#: Inches across: of a page of a desktop, and of a phone, where 9 points are 9 pixels.
WIDE, NARROW = 8.0, 4.2

_INK, _PAPER = "#000000", "#ffffff"

#: Pictures up to this side are read pixel by pixel; larger ones are photographs, which may lose what no eye sees.
_PIXELS = 40


P = ParamSpec("P")


def drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a function that draws a figure show it in a notebook, wide and narrow; elsewhere it only returns it.

    The function takes a keyword ``narrow``, false unless it is given: true draws for a phone, :data:`NARROW` inches
    across, panels below each other. No text may be smaller than 9 points, since a point is a pixel there.
    """

    @functools.wraps(draw)
    def show(*args: P.args, **kwargs: P.kwargs) -> Figure:
        wide = draw(*args, **kwargs)
        if not _in_notebook():
            return wide
        from IPython.display import display

        narrow = draw(*args, **{**kwargs, "narrow": True})  # type: ignore[arg-type]
        data, metadata = bundle(wide, narrow)
        display(data, raw=True, metadata=metadata)
        plt.close(wide)
        plt.close(narrow)
        return wide

    return show


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ModuleNotFoundError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def bundle(wide: Figure, narrow: Figure) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook stores of a figure: its data by MIME type, and their metadata."""
    drawn = io.BytesIO()
    wide.savefig(drawn, format="png", dpi=200)
    width, height = (round(100 * inches) for inches in wide.get_size_inches())
    size = {"width": width, "height": height}
    variants = {"wide": svg(wide), "narrow": svg(narrow)}
    return {"image/png": drawn.getvalue(), "text/plain": repr(wide)}, {"image/png": size, KEY: variants}


def svg(figure: Figure) -> str:
    """A figure as SVG for the inside of a page: no background, text as text, black and white as the theme has them.

    Other colours become variables, ``var(--c0072b2,#0072b2)``, so that a dark theme may lighten them; black becomes
    ``currentColor``. White letters stay white, as they stand on something dark. Pictures are WebP. Coordinates are
    rounded to a hundredth of a point. Names within the SVG begin with its digest: two on one page do not meet.
    """
    drawn = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace("<svg ", '<svg fill="currentColor" stroke-linejoin="round" ', 1)  # black is left out of styles
    text = re.sub(r'<(g|text) id="[^"]*"', r"<\1", text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(?<![\w#.])-?\d+\.\d{3,}", _rounded, tag[0]), text)
    text = re.sub(r" font-family: [^;\"]+;?|(?<=px) '[^;\"]+| transform=\"rotate\(-?0 [^\"]+\"", "", text)  # the page's
    text = re.sub(r"<text style=\"[^\"]*", lambda style: style[0].replace(_PAPER, "white"), text)
    text = re.sub(r"(?<=[:\s])#[0-9a-f]{6}\b", _themed, text)
    text = re.sub(r"<image [^>]*?/>", _lightened, text, flags=re.DOTALL)
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    text = re.sub(r'(?<=\bid=")|(?<=url\(#)|(?<=href="#)', f"{digest}-", text)
    return re.sub(r">\s+<", "><", re.sub(r"\s*\n", " ", text)).strip()


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _themed(colour: re.Match[str]) -> str:
    name = colour[0].lower()
    return "currentColor" if name == _INK else f"var(--c{name[1:]},{name})"


def _lightened(image: re.Match[str]) -> str:
    """An ``<image>`` with its PNG as WebP: a tenth of the bytes for a photograph."""
    data = re.search(r'"data:image/png;base64,([^"]+)"', image[0])
    assert data
    out = io.BytesIO()
    with Image.open(io.BytesIO(b64decode(data[1]))) as picture:
        exact = max(picture.size) <= _PIXELS
        picture.save(out, "WEBP", lossless=exact, quality=82, method=6)
    text = image[0].replace(data[0], f'"data:image/webp;base64,{b64encode(out.getvalue()).decode()}"')
    text = re.sub(r' style="image-rendering[^"]*"', "", text)
    return text.replace("<image ", '<image style="image-rendering: pixelated" ', 1) if exact else text
