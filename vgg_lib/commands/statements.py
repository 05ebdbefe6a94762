"""``vgg-lib statements``: the paper, sentence by sentence, as a page of the book."""

from __future__ import annotations

from vgg_lib.book import statements as page


def statements() -> None:
    """Print the paper's statements, and what became of each, as the book's Markdown."""
    print(page.statements(), end="")
