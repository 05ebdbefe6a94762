"""``vgg-lib train``: one run, from photographs to weights and a record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import check_writing
from vgg_lib.basics.folders import data_folder
from vgg_lib.basics.processes import leads
from vgg_lib.commands.shared import (
    HOW_TO_GO_ON,
    DataFolder,
    NetworkName,
    PresetName,
    check_apart,
    ending_on_signals,
    workshop,
)
from vgg_lib.evidence.store import Store
from vgg_lib.training.runs import make_run


def train(
    network: NetworkName = "A",
    preset_name: PresetName = "quick",
    seed: Annotated[int, typer.Option(help="Decides weights, order, crops and dropout.")] = 0,
    scale: Annotated[str | None, typer.Option(help="Training scale S: 73, or 73-146 to sample it.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    width: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Normalise after each convolution.")] = False,
    data: DataFolder = None,
    store: Annotated[Path | None, typer.Option(help="File to add the record to.")] = None,
    weights: Annotated[Path | None, typer.Option(help="File to write the trained weights to.")] = None,
) -> None:
    """Train a network, test it on the held-out tenth, write its weights and its record.

    Stopped and started again it goes on where it was, but for a minute at most.
    Several GPUs: torchrun … -m vgg_lib train …
    """
    recipe = {"epochs": epochs, "learning_rate": learning_rate, "width": width}
    chosen = {"scale": None if scale is None else parse_scale(scale)} | recipe
    run = make_run(
        network,
        preset_name,
        seed=seed,
        batch_norm=batch_norm,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    records = Store(store or data_folder() / "records.jsonl")
    path = weights or data_folder() / f"{run.key}.safetensors"
    check_apart((records.path, path))
    with ending_on_signals(HOW_TO_GO_ON):
        if not leads():
            workshop().assist(run, root=data)
            return
        check_writing(path)
        print(f"{run}  (run {run.key})")
        result = workshop().do(run, records, attended=True, weights=path, root=data)
    print(f"record   {records.path}")
    if result.outcome == "diverged":
        print(f"diverged: {result.reason}. A smaller learning rate or another initialisation may train.")
        raise typer.Exit(3)
    print(f"top-1 error {result.error:.1f} % on the {run.test_set} images, after {result.seconds:.0f} s of training")
    print(f"weights  {path}")


def parse_scale(text: str) -> int | tuple[int, int]:
    """``73`` or ``73-146`` as a training scale; raises :class:`InputError` for anything else.

    >>> parse_scale("73-146")
    (73, 146)
    """
    numbers = text.split("-")
    if not all(n.isdecimal() for n in numbers) or len(numbers) > 2:
        raise InputError(f"training scale {text!r} is not of the form 73 or 73-146")
    return int(text) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))
