"""``vgg-lib protocols``: weights in every way that the paper compares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.commands.shared import DataFolder, net_in
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import record_protocols
from vgg_lib.training.weights import run_of


def protocols(
    weights: Annotated[list[Path], typer.Option(help="Weights that `vgg-lib train` wrote; the others are fused in.")],
    store: Annotated[Path, typer.Option(help="File to add the record to.")],
    data: DataFolder = None,
) -> None:
    """Test weights in every way that the paper compares, and record it."""
    records = Store(store)
    records.check()
    nets, runs = [net_in(path)[0] for path in weights], [run_of(path) for path in weights]
    record = record_protocols(nets, runs, root=data)
    records.add(record)
    for e in record.evaluations:
        print(f"{e.errors['top1']:5.1f} %  {e.seconds:7.1f} s  {e.protocol}{' (fused)' if e.fused else ''}")
