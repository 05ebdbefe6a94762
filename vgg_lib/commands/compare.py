"""``vgg-lib compare``: a reader's runs beside the recorded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.commands.shared import records_in
from vgg_lib.evidence import comparison


def compare(
    store: Annotated[Path, typer.Argument(help="File of your records, as `vgg-lib train --store` writes it.")],
) -> None:
    """Say whether your runs lie within the spread of the recorded seeds, and what differs."""
    for record in records_in(store).values():
        print("\n".join(comparison.compare(record).lines()))
