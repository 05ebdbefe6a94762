"""Progress bars that notebooks, terminals and tests all get right."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from tqdm.auto import tqdm


def bar(
    total: int, what: str, unit: str, *, shown: bool = True, leave: bool = True, done: int = 0, **more: Any
) -> tqdm[NoReturn]:
    """A bar for ``total`` steps, some of them ``done``, with the time left; ``more`` goes to tqdm.

    There is none when not ``shown``, or where ``TQDM_DISABLE`` is set: the variable is tqdm's own, but its
    notebook bars do not read it, so it is read here.
    """
    disabled = not shown or _disabled()
    return tqdm(total=total, desc=what, unit=unit, leave=leave, disable=disabled, initial=done, **more)


def say(sentence: str) -> None:
    """Write a sentence where bars are, above those that are there; nothing where they are disabled."""
    if not _disabled():
        tqdm.write(sentence, file=sys.stderr)


def _disabled() -> bool:
    return bool(os.environ.get("TQDM_DISABLE"))
