"""Mathematics as MathML, written while the book is built: a page loads no script for it, and screen readers read it."""

from docutils.nodes import Element, SkipNode
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

CONVERTER = LatexToMathML(fancy_error=False)


def convert(writer: HTML5Translator, node: Element, displaystyle: bool) -> str:
    """TeX to MathML. What is no TeX gives a warning, and a warning stops the build."""
    try:
        return CONVERTER.convert_with_local_state(node.astext(), displaystyle=displaystyle)
    except LatexError as error:
        logging.getLogger(__name__).warning("%s in the formula %r", error, node.astext(), location=node)
        return writer.encode(node.astext())


def visit_math(writer: HTML5Translator, node: Element) -> None:
    """Write a formula in a line of text."""
    writer.body.append(convert(writer, node, displaystyle=False))
    raise SkipNode


def visit_math_block(writer: HTML5Translator, node: Element) -> None:
    """Write a formula of its own. The theme lets boxes of the class that it gives to tables scroll, by keyboard too."""
    writer.body.append(writer.starttag(node, "div", CLASS="math pst-scrollable-table-container"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(convert(writer, node, displaystyle=True) + "</div>\n")
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_html_math_renderer("native", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
