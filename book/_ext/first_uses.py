"""Links from each page's first use of a glossary term to what it means.

Chapters need not mark terms, and so read as well where nothing but Markdown is known, in Colab or on GitHub. A term is
found in running text, in any case and in the plural, not in headings, code, mathematics, links or quotations.
"""

import re
from functools import cache

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PASSED_OVER = (
    nodes.block_quote, nodes.caption, nodes.citation, nodes.comment, nodes.footnote, nodes.footnote_reference,
    nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.reference, nodes.term,
    nodes.title, addnodes.pending_xref,
)  # fmt: skip


@cache
def pattern(term: str) -> re.Pattern[str]:
    """The term as a word of its own, its plural too."""
    return re.compile(rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-])", re.IGNORECASE)


def outside(text: nodes.Text) -> bool:
    """Whether a piece of text is running text."""
    node = text.parent
    while node is not None:
        if isinstance(node, PASSED_OVER):
            return False
        node = node.parent
    return True


class FirstUses(SphinxPostTransform):
    """Turn the first use of each term into a link, the longest term first: "dense evaluation" before "dense"."""

    default_priority = 5  # before references are resolved: what is marked by hand is still to be seen

    def run(self, **_: object) -> None:
        """Sphinx calls this for each page."""
        page, builder = self.env.docname, self.app.builder
        if builder.format != "html":
            return
        objects = self.env.domains["std"].objects
        terms = {name: place for (kind, name), place in objects.items() if kind == "term" and place[0] != page}
        by_hand = {ref.get("reftarget") for ref in self.document.findall(addnodes.pending_xref)}
        for term in sorted(terms.keys() - by_hand, key=len, reverse=True):
            self.link(term, builder.get_relative_uri(page, terms[term][0]) + "#" + terms[term][1])

    def link(self, term: str, address: str) -> None:
        """Link the first use, where there is one."""
        for text in self.document.findall(nodes.Text):
            found = pattern(term).search(text)
            if found and outside(text):
                before, after = text[: found.start()], text[found.end() :]
                link = nodes.reference("", found.group(), refuri=address, internal=True, classes=["term"])
                pieces = [nodes.Text(before), link, nodes.Text(after)]
                text.parent.replace(text, [piece for piece in pieces if piece.astext()])
                return


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_post_transform(FirstUses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
