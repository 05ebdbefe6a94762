"""``vgg-lib scoreboard``: the claims and their verdicts, as a page of the book."""

from __future__ import annotations

from vgg_lib.book import scoreboard as page


def scoreboard() -> None:
    """Print the scoreboard as the book's Markdown."""
    print(page.scoreboard(), end="")
