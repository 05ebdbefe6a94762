"""``vgg-lib claim``: what the paper says, and the verdict so far."""

from __future__ import annotations

from typing import Annotated

import typer

from vgg_lib.evidence import claims
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.verdicts import status, verdicts


def claim(name: Annotated[str, typer.Argument(help=f"One of {', '.join(CLAIMS)}.")]) -> None:
    """Say what the paper claims, where, with which figures, and the verdict so far."""
    chosen = claims.claim(name)
    print(f"{chosen.statement} ({chosen.where})\nthe paper: {chosen.numbers()}")
    if chosen.rule:
        print(f"rule: {chosen.rule}")
    print(f"verdict: {status(verdicts()[name])}")
