"""The cell of a chapter that trains on real photographs, resumably, or rehearses the same path in two steps."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import data_folder, expanded
from vgg_lib.basics.machine import best_device
from vgg_lib.book.chapter import at, estimate
from vgg_lib.data.stand_in import write_stand_in
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import protocols_for
from vgg_lib.evidence.comparison import compare
from vgg_lib.evidence.hardware import GPUS
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import record_protocols
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.loop import train
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.runs import Run
from vgg_lib.training.weights import load_net

#: Where Colab shows a reader's Google Drive, and the folder in it.
DRIVE = Path("/content/drive")
_IN_DRIVE = DRIVE / "MyDrive" / "vgg_lib"


def on_photographs(
    run: Run,
    preset: str | None = None,
    *,
    keep: Path | str | Literal["Drive"] | None = None,
    every_way: bool = False,
) -> Record | None:
    """Train a run on real photographs and test it, or rehearse that; the record of it, ``None`` of a rehearsal.

    Without a ``preset``: two steps on generated JPEGs in Imagenette's folders, which finds out what would not work.
    With one, such as ``"laptop"`` or ``"paper"``: the run :func:`~vgg_lib.book.chapter.at` that preset is trained to
    its end. Imagenette is looked for and else downloaded, and everything is kept in the folder ``keep`` (the user's
    data folder; ``"Drive"`` for Google Drive in Colab), so that the same call goes on after a stop, and answers at once
    when the run is done. It prints what ``vgg-lib compare`` says: whether the run lies within the spread of the
    recorded seeds. ``every_way`` tests the net in all the ways that the paper compares (§4); the record is then
    that of the tests.

    Raises :class:`InputError` for an unknown preset, photographs that cannot be had, a folder that cannot be written,
    a run that another process is training, and for one that failed, with its reason.
    """
    if preset is None:
        _rehearse(run, every_way)
        return None
    run = at(run, preset)
    folder = _folder(keep)
    workshop, store, tests = Workshop(folder / "runs"), Store(folder / "records.jsonl"), Store(folder / "tests.jsonl")
    print(f"{run}: {_expected(run)}. Everything is saved in {folder}.")
    tested = tests.find(run) if every_way else None
    untested = every_way and not (tested and _is_of_these(tested))  # then its weights are needed

    def enough(record: Record) -> bool:
        there = record.outcome != "finished" or workshop.weights(run.key).exists()
        return _is_result(record) and (there or not untested)

    made = workshop.do(run, store, enough=enough)
    if made.outcome == "failed":
        raise InputError(f"run {run.key} failed: {made.reason}")
    if every_way and made.outcome == "finished":
        with workshop.lock(run):
            found = tests.find(run)
            made = found if found and _is_of_these(found) else _tested(run, workshop, tests)
    print("\n".join(compare(made).lines()))
    return made


def _is_result(record: Record) -> bool:
    """Whether a record tells of a training that did not fail, on the photographs that are here."""
    return record.outcome != "failed" and not record.of_tests_alone and _is_of_these(record)


def _is_of_these(record: Record) -> bool:
    """Whether a record is of the published photographs, or of those that are here now: a part of them, say."""
    if not record.of_other_photographs:
        return True
    now = photos_to_test(record.run).identity("test") | photos_to_train(record.run).identity("train")
    return record.data.items() <= now.items()


def _tested(run: Run, workshop: Workshop, tests: Store) -> Record:
    """The record of a trained run under every protocol, added to the store."""
    made = record_protocols([load_net(workshop.weights(run.key))[0].to(best_device())], [run])
    tests.add(made)
    return made


def _folder(keep: Path | str | None) -> Path:
    """Where a run is kept; a Drive is mounted first, which asks its owner."""
    if keep is None:
        return data_folder()
    if keep != "Drive":
        return expanded(keep)
    try:
        from google.colab import drive  # type: ignore[import-not-found]
    except ImportError:
        raise InputError("keep is 'Drive', which Colab alone can mount: give a folder, or leave it out") from None
    drive.mount(str(DRIVE))
    return _IN_DRIVE


def _expected(run: Run) -> str:
    """How long a run takes on the device that it would use, where that is known."""
    if best_device().type != "cuda":
        return "no GPU was found, so it takes as long as the table at the top says of two cores"
    name = torch.cuda.get_device_name()
    known = next((gpu for gpu in GPUS.values() if gpu.name in name), None)
    return f"{estimate(run, known)}, on a {name}" if known else f"on a {name}"


def _rehearse(run: Run, every_way: bool) -> None:
    """Two steps on generated JPEGs, two of them under each protocol; raises ``AssertionError`` where one is off."""
    with TemporaryDirectory() as folder:
        root = write_stand_in(Path(folder))
        rehearsed = train(run, root=root, max_steps=2, progress=False)
        assert len(rehearsed.steps) == 2 and all(map(math.isfinite, rehearsed.steps)), rehearsed.steps
        two = photos_to_test(run, root).images.take(torch.arange(2))
        ways = protocols_for(run.scale, run.preset.crop).values() if every_way else [run.protocol]
        for way in ways:
            torch.testing.assert_close(posteriors(rehearsed.net, two, way).sum(1), torch.ones(2))
    print(f"Rehearsed in two steps: {run}.")
