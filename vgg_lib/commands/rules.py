"""``vgg-lib rules``: how each claim is judged, as a part of a page of the book."""

from __future__ import annotations

from vgg_lib.book import rules as page


def rules() -> None:
    """Print the rule of each claim as the book's Markdown."""
    print(page.rules(), end="")
