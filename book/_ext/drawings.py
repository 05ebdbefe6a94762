"""Figures on the page itself: SVG in the theme's colours, the wide one or, where there is little room, the narrow one.

The notebooks keep both in the metadata of the output (vgg_lib/book/figures/drawing.py). Figures of a chapter are
numbered by it: the third of chapter 2 is figure 2.3, in its caption and where ``{numref}`` refers to it.
"""

import re
from html import escape

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

KEY = "drawing"


def inline(svg: str, variant: str, alt: str) -> str:
    """An SVG as it stands in a page, for sighted readers as a picture, for others as what ``alt`` says."""
    return svg.replace("<svg ", f'<svg class="{variant}" role="img" aria-label="{escape(alt)}" ', 1)


def render(self: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """As MyST-NB does it, but for figures that come as SVG."""
    variants = data.output_metadata.get(KEY)
    if not variants:
        return as_before(self, data)
    options = self.renderer.get_cell_level_config("render_image_options", data.cell_metadata, line=data.line)
    drawings = "".join(inline(svg, variant, options.get("alt", "")) for variant, svg in variants.items())
    return [nodes.raw("", f'<div class="drawing">{drawings}</div>', format="html")]


as_before, NbElementRenderer.render_image = NbElementRenderer.render_image, render


def number(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Count the figures of each page from one, with the chapter's number before it."""
    for page, kinds in env.toc_fignumbers.items():
        chapter = re.search(r"/ch(\d+)_", page)
        for place, figure in enumerate(kinds.get("figure", {}), start=1):
            kinds["figure"][figure] = (int(chapter[1]), place) if chapter else (place,)
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("env-get-updated", number, priority=900)  # after Sphinx has counted through the whole book
    return {"parallel_read_safe": True, "parallel_write_safe": True}
