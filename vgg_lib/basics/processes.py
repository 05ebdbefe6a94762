"""Which of several processes of one training this is, as ``torchrun`` tells it in the environment."""

from __future__ import annotations

import os

from vgg_lib.basics.errors import InputError


def leads() -> bool:
    """Whether this process is the one of a team that writes and reports, or alone."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many processes ``torchrun`` started, on all hosts; raises :class:`InputError` where that is no number."""
    told = os.environ.get("WORLD_SIZE") or "1"
    if not told.isdecimal() or int(told) == 0:
        raise InputError(f"the variable WORLD_SIZE is {told!r}, and not a number of processes: unset it")
    return int(told)
