"""``vgg-lib status``: where each study stands."""

from __future__ import annotations

from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.commands.shared import Claims, Seeds, StudyStore, study_store, workshop
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.queue import Queue
from vgg_lib.evidence.studies import STUDIES, study


def status(
    study_name: Annotated[str | None, typer.Argument(metavar="STUDY", help="Else every study.")] = None,
    claim: Claims = None,
    seeds: Seeds = None,
    workers: Annotated[int, typer.Option(help="Runs at once, for the hours left.")] = 0,
    store: StudyStore = None,
) -> None:
    """Say which runs of a study are done, running, failed, to do, and how many hours are left."""
    if claim and not study_name:
        raise InputError("--claim is part of a study: name it too, such as `vgg-lib status evidence --claim depth`")
    for name in [study_name] if study_name else STUDIES:
        agenda = Agenda(study(name, claim or ()), study_store(name, store), workshop(), seeds)
        show_status(agenda, Queue(agenda, workers).workers)


def show_status(agenda: Agenda, workers: int) -> None:
    """Print where a study stands."""
    s = agenda.status(workers)
    left = "unknown until a run is done" if s.hours_left is None else f"{s.hours_left:.1f}"
    print(
        f"{agenda.study.name}: {s.done} done ({s.diverged} diverged), {s.running} running, {s.failed} failed, "
        f"{s.to_do} to do; hours left on {workers} workers: {left}"
    )
    for failure in s.failures:
        print(f"  failed: {failure.run}: {failure.reason}")
