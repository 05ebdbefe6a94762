"""``vgg-lib compare``: a reader's runs beside the recorded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence import comparison
from vgg_lib.evidence.store import Store


def compare(
    store: Annotated[Path, typer.Argument(help="File of your records, as `vgg-lib train --store` writes it.")],
) -> None:
    """Say whether your runs lie within the spread of the recorded seeds, and what differs."""
    mine = Store(store).latest()
    if not mine:
        raise InputError(f"{store} holds no records: `vgg-lib train --store {store}` writes one")
    for record in mine.values():
        print("\n".join(comparison.compare(record).lines()))
