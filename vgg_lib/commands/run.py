"""``vgg-lib run``: what a study still needs, on this machine or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.commands.shared import (
    Claims,
    DataFolder,
    Seeds,
    StudyName,
    StudyStore,
    ending_on_signals,
    study_store,
    workshop,
)
from vgg_lib.commands.status import show_status
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.cluster import ClusterQueue
from vgg_lib.evidence.queue import Queue
from vgg_lib.evidence.studies import study


def run(
    study_name: StudyName,
    claim: Claims = None,
    seeds: Seeds = None,
    workers: Annotated[int, typer.Option(help="Runs at once; 0 for one a core, or one on a GPU.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Train failed runs again.")] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Train on the Dask cluster whose scheduler has this address.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where a cluster's workers keep checkpoints; else in their user's data folder.")
    ] = None,
    data: DataFolder = None,
    other_photographs: Annotated[
        bool, typer.Option("--other-photographs", help="Take photographs that are not those of the published archive.")
    ] = False,
    store: StudyStore = None,
) -> None:
    """Train what a study still needs. Stop it when you like: started again it goes on where it stopped."""
    asked = study(study_name, claim or ())
    agenda = Agenda(asked, study_store(study_name, store), workshop(), seeds, again, other_photographs)
    if scheduler and workers:
        raise InputError(f"--workers {workers} is for this machine: a cluster has as many as you started, leave it out")
    if folder and not scheduler:
        raise InputError(f"--folder {folder} is for a cluster: name its --scheduler, or leave it out")
    queue = ClusterQueue(agenda, scheduler, folder, data) if scheduler else Queue(agenda, workers, data)
    agenda.store.check()
    with ending_on_signals("what was being trained goes on from its checkpoint next time"):
        queue.run()
    show_status(agenda, queue.workers)
