"""``vgg-lib power``: what the rules can see, as a part of a page of the book."""

from __future__ import annotations

from vgg_lib.book import rules as page


def power() -> None:
    """Print what the rules can see, by the pilot's spread, as the book's Markdown."""
    print(page.power(), end="")
