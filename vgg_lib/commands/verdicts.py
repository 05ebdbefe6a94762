"""``vgg-lib verdicts``: what the records say of every claim."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from vgg_lib.book.scoreboard import effect
from vgg_lib.commands.shared import Records, records_in
from vgg_lib.evidence import verdicts as evidence


def verdicts(
    store: Records = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list with one object a claim.")] = False,
) -> None:
    """Print the verdict on each claim, computed from its rule and the records."""
    judged = evidence.verdicts(records_in(store) if store else None)
    if as_json:
        print(json.dumps(evidence.as_json(judged), indent=1))
        return
    width = max(map(len, judged))
    for name, judgement in judged.items():
        print(f"{name:<{width}}  {evidence.status(judgement):<30}  {effect(judgement)}")
