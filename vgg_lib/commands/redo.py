"""``vgg-lib redo``: a recorded run once more, and how like the recorded one it came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.folders import data_folder
from vgg_lib.commands.shared import HOW_TO_GO_ON, DataFolder, ending_on_signals, workshop
from vgg_lib.evidence import redoing
from vgg_lib.evidence.comparison import compare
from vgg_lib.evidence.hardware import duration
from vgg_lib.evidence.store import Store


def redo(
    key: Annotated[str, typer.Argument(help="16 digits: a verdict's box on the page names one, and so does a record.")],
    data: DataFolder = None,
    store: Annotated[Path | None, typer.Option(help="File to add the record to.")] = None,
) -> None:
    """Train a recorded run again from its key, and compare: the same to the bit, or within the spread of its seeds?

    Stopped and started again it goes on where it was, but for a minute at most.
    """
    there, _ = redoing.recorded_run(key)
    records = Store(store or data_folder() / "redone.jsonl")
    print(f"{there.run}: took {duration(there.seconds)} where it was recorded")
    with ending_on_signals(HOW_TO_GO_ON):
        mine = redoing.redo(key, workshop(), records, data)
    print(f"record   {records.path}")
    print("\n".join(compare(mine).lines()))
