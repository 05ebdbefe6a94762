"""Figures on the page itself: SVG in the theme's colours, the wide one or, where there is little room, the narrow one.

The notebooks keep both in the metadata of the output (vgg_lib/book/figures/drawing.py). Figures of a chapter are
numbered by it: the third of chapter 2 is figure 2.3, in its caption and where ``{numref}`` refers to it.
"""

import json
import re
from html import escape
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

KEY = "drawing"


def inline(svg: str, variant: str, alt: str) -> str:
    """An SVG as it stands in a page, for sighted readers as a picture, for others as what ``alt`` says."""
    return svg.replace("<svg ", f'<svg class="{variant}" role="img" aria-label="{escape(alt)}" ', 1)


def drawing(variants: dict[str, str], alt: str) -> nodes.raw:
    """Both widths, of which the style sheet shows one."""
    drawings = "".join(inline(svg, variant, alt) for variant, svg in variants.items())
    return nodes.raw("", f'<div class="drawing">{drawings}</div>', format="html")


def render(self: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """As MyST-NB does it, but for figures that come as SVG."""
    variants = data.output_metadata.get(KEY)
    if not variants:
        return as_before(self, data)
    options = self.renderer.get_cell_level_config("render_image_options", data.cell_metadata, line=data.line)
    return [drawing(variants, options.get("alt", ""))]


as_before, NbElementRenderer.render_image = NbElementRenderer.render_image, render


class DrawingOf(SphinxDirective):
    """``{drawing-of} ch02_small_filters fig-ch02-stages``: a chapter's figure on another page, as it is stored."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Sphinx calls this where the directive stands."""
        self.env.note_reread()
        chapter, name = self.arguments
        path = Path(self.env.srcdir, "notebooks", f"{chapter}.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            told = cell["metadata"].get("mystnb", {})
            if told.get("figure", {}).get("name") == name:
                variants = next(o["metadata"][KEY] for o in cell["outputs"] if KEY in o["metadata"])
                return [drawing(variants, told["image"]["alt"]), *self.parse_text_to_nodes(told["figure"]["caption"])]
        raise self.error(f"{path.name} has no figure {name}")


def number(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Count the figures of each page from one, with the chapter's number before it."""
    for page, kinds in env.toc_fignumbers.items():
        chapter = re.search(r"/ch(\d+)_", page)
        for place, figure in enumerate(kinds.get("figure", {}), start=1):
            kinds["figure"][figure] = (int(chapter[1]), place) if chapter else (place,)
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("drawing-of", DrawingOf)
    app.connect("env-get-updated", number, priority=900)  # after Sphinx has counted through the whole book
    return {"parallel_read_safe": True, "parallel_write_safe": True}
