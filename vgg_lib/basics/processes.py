"""Which of several processes of one training this is, as ``torchrun`` tells it in the environment."""

from __future__ import annotations

import os


def leads() -> bool:
    """Whether this process is the one of a team that writes and reports, or alone."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many processes ``torchrun`` started, on all hosts."""
    return int(os.environ.get("WORLD_SIZE", "1"))
