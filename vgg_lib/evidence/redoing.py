"""A recorded run, trained and tested again from its key."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

from vgg_lib.basics.errors import InputError, InputWarning
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store, recorded, studies_with_records
from vgg_lib.evidence.studies import STUDIES
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import Workshop


def recorded_run(key: str) -> tuple[Record, Wanted]:
    """The recorded run of a key, and what its study measured of its net.

    Raises :class:`InputError` for a key that no study has a record of.
    """
    for name in studies_with_records():
        record = recorded(name).latest().get(key)
        if record is not None:
            return record, STUDIES[name].wanted(record.run) if name in STUDIES else Wanted()
    raise InputError(f"no run of key {key!r} is recorded: a verdict's box and a record name their runs by 16 digits")


def redo(key: str, workshop: Workshop, store: Store, root: Path | None = None) -> Record:
    """Train a recorded run again, measure of it what its study did, add the record to ``store`` and return it.

    A net that it starts from is trained first, where the workshop does not have its weights. Stopped and called again,
    a training goes on from its checkpoint. ``root`` is the folder that holds Imagenette. What cannot be measured here,
    since other data are missing, is left out with a warning.

    Raises :class:`InputError` for a key that is not recorded, and what
    :meth:`~vgg_lib.evidence.workshop.Workshop.do` raises.
    """
    there, wanted = recorded_run(key)
    source = there.run.warm_start
    if source and not workshop.weights(source).exists():
        redo(source, workshop, store, root)
    return workshop.do(there.run, store, attended=True, wanted=_possible(wanted, root), root=root)


def _possible(wanted: Wanted, root: Path | None) -> Wanted:
    """Of what is wanted, all that can be measured with the data that are here."""
    measures = []
    for name in wanted.measures:
        try:
            MEASURES[name].check(root)
        except InputError as error:
            warnings.warn(f"left out: {error}", InputWarning, stacklevel=3)
        else:
            measures.append(name)
    return dataclasses.replace(wanted, measures=tuple(measures))
