"""``vgg-lib table``: a study's records, as a page of the book."""

from __future__ import annotations

from vgg_lib.book.tables import of_study
from vgg_lib.commands.shared import Records, StudyName, records_in
from vgg_lib.evidence.store import recorded
from vgg_lib.evidence.studies import study


def table(
    study_name: StudyName,
    store: Records = None,
) -> None:
    """Print a study's records as the book's Markdown."""
    chosen = study(study_name)
    print(of_study(chosen, records_in(store) if store else recorded(study_name).latest()), end="")
