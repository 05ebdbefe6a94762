"""``vgg-lib measure``: what the evidence measures of a net beside its errors, of weights that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.commands.shared import DataFolder, net_in
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import record_measures
from vgg_lib.training.weights import run_of


def measure(
    names: Annotated[list[str], typer.Argument(metavar="MEASURE…", help=f"Of {', '.join(MEASURES)}.")],
    weights: Annotated[Path, typer.Option(help="Weights that `vgg-lib train` wrote.")],
    store: Annotated[Path, typer.Option(help="File to add the record to.")],
    data: DataFolder = None,
) -> None:
    """Measure what a trained net is good for besides, and record it."""
    records = Store(store)
    records.check()
    record = record_measures(net_in(weights)[0], run_of(weights), names, root=data, progress=True)
    records.add(record)
    print(json.dumps(record.measurements, indent=1))
