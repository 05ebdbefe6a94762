"""``vgg-lib export``: trained weights as the library and the book's page carry them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import data_folder, expanded
from vgg_lib.book.answering import about, page_layers, write_script
from vgg_lib.book.export import carry, name_of
from vgg_lib.commands.shared import DataFolder
from vgg_lib.evidence.store import Store
from vgg_lib.training.weights import load_net, run_of


def export(
    weights: Annotated[list[Path], typer.Argument(help="Weights that `vgg-lib train` or `vgg-lib run` wrote.")],
    store: Annotated[Path | None, typer.Option(help="File of their records; else that of `vgg-lib train`.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write to.")] = Path(),
    data: DataFolder = None,
) -> None:
    """Write nets in a quarter of the bytes, tested again: as weights, and as scripts for a page.

    Batch normalisation is folded into the convolutions, and each weight is one byte. A net whose error rises by more
    than half a point is not written.
    """
    records, folder = Store(store or data_folder() / "records.jsonl"), expanded(folder)
    check_targets(weights, folder)
    for path in weights:
        made = carry(path, records, folder, root=data)
        told = about(made)
        print(f"{made} and {write_script(made, folder).name}: {told['run']}")
        print(
            f"  top-1 error {told['error']:.1f} %, in bytes {told['errorInBytes']:.1f} %, on {told['photographs']} "
            f"{told['testSet']} images"
        )


def check_targets(weights: list[Path], folder: Path) -> None:
    """See, before anything is written, that each net fits the page and has a file of its own to be written to.

    Raises :class:`InputError` where one does not.
    """
    written: dict[Path, Path] = {expanded(path).resolve(): path for path in weights}
    for path in weights:
        page_layers(load_net(path)[0])
        target = folder / f"{name_of(run_of(path))}.safetensors"
        other = written.setdefault(target.resolve(), path)
        if other != path or target.resolve() == expanded(path).resolve():
            raise InputError(f"{path} would be written to {target}, in place of {other}: name another --folder")
