"""Fonts cut to the glyphs that the book shows: 3 kB of Font Awesome's 300, 18 kB of STIX Two Math's 900.

The theme's script for icons, 540 kB on every page, is replaced by an empty one, book/_static/scripts/fontawesome.js:
without it the same icons come from the font.
"""

import re
from collections.abc import Iterable
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import IO

from fontTools import subset
from sphinx.application import Sphinx

ICONS = [f"_static/vendor/fontawesome/webfonts/fa-{kind}" for kind in ("solid-900", "regular-400", "brands-400")]
MATHS = "fonts/STIXTwoMath-Regular"
# MathML shows a single letter as the italic one, a character of its own: the first and last of each range, its italic.
ITALIC = (("A", "Z", 0x1D434), ("a", "z", 0x1D44E), ("Α", "Ω", 0x1D6E2), ("α", "ω", 0x1D6FC))
PLANCK = "ℎ"  # the italic h: older than its range
ROOT = "√"  # a browser draws it around what stands in <msqrt>


def read(paths: Iterable[Path]) -> str:
    """The text of all of them."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def icons(html: Path) -> set[str]:
    """What a page or script names (fa-moon), and what the style sheets of the theme put somewhere by themselves."""
    named: dict[str, str] = {}
    icons: set[str] = set()
    css = read(html.glob("_static/**/*.css"))
    for selectors, code in re.findall(r'([^{}]*)\{content:"\\([0-9a-f]+)"\}', css):
        names = re.findall(r"\.fa-([\w-]+):+before", selectors)
        named |= dict.fromkeys(names, chr(int(code, 16)))
        icons |= set() if names else {chr(int(code, 16))}
    words = re.findall(r"\bfa-([\w-]+)", read(html.rglob("*.html")) + read(html.glob("_static/scripts/*.js")))
    return icons | {named[name] for name in words if name in named} | set(re.findall("[\ue000-\uf8ff]", css))


def letters(html: Path) -> set[str]:
    """Every character in a formula, its italic, and the sign of a root, which no text has."""
    formulas = "".join(re.findall(r"<math.*?</math>", read(html.rglob("*.html")), re.DOTALL))
    shown = set(unescape(re.sub(r"<[^>]*>", "", formulas)))
    italic = {chr(ord(c) - ord(first) + to) for c in shown for first, last, to in ITALIC if first <= c <= last}
    return shown | italic | {PLANCK, ROOT}


def cut(source: Path | IO[bytes], target: Path, characters: set[str]) -> None:
    """Write a font with these characters and all their forms: small ones for indices, tall brackets."""
    options = subset.Options(flavor="woff2", hinting=False, layout_features=["*"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(characters))
    target.parent.mkdir(exist_ok=True)
    with subset.load_font(source, options) as font:
        subsetter.subset(font)
        subset.save_font(font, target, options)


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Cut the fonts when all pages are written."""
    if exception or app.builder.format != "html":
        return
    html = Path(app.outdir)
    for font in ICONS:
        cut(html / f"{font}.ttf", html / f"{font}.woff2", icons(html))
    with (files("ziamath") / f"{MATHS}.ttf").open("rb") as source:
        cut(source, html / f"_static/{MATHS}.woff2", letters(html))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
