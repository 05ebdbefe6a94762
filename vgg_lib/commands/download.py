"""``vgg-lib download``: Imagenette."""

from __future__ import annotations

from typing import Annotated

import typer

from vgg_lib.data import imagenette


def download(size: Annotated[str, typer.Option(help="160px, 320px or full.")] = "160px") -> None:
    """Download Imagenette into the cache folder."""
    print(imagenette.download(size))
