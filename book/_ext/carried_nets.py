"""The scripts of the page that answers: the nets that come with the library, and the photographs to choose from.

They are made in the build and kept in no repository: a net is carried once, as ``vgg-lib predict`` reads it.
"""

from pathlib import Path

from sphinx.application import Sphinx

from vgg_lib.book.answering import write_scripts


def finished(app: Sphinx, exception: Exception | None) -> None:
    """After a build that went well, beside the page's own scripts."""
    if exception is None and app.builder.format == "html":
        write_scripts(Path(app.outdir, "_static", "answers"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry."""
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
