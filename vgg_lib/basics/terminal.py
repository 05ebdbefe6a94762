"""Output where fewer characters are known than there are: in a terminal or a file that is not UTF-8."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata
import warnings
from typing import Any

from vgg_lib.basics.errors import InputWarning

#: What stands for a character that cannot be written; of others, their letter without its accent, or a question mark.
_INSTEAD = {"█": "#", "–": "-", "—": "-", "−": "-", "×": "x", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"'}
_INSTEAD |= {
    "≥": ">=",
    "≤": "<=",
    "±": "+-",
    "→": "->",
    "§": "section ",
    "·": "*",
    "½": "1/2",
    "σ": "sigma",
    "α": "alpha",
}


def allow_any_character() -> None:
    """Write to standard output and error what can be written of any text, instead of failing."""
    codecs.register_error("vgg_lib.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="vgg_lib.plain")


def warn_in_sentences() -> None:
    """Show warnings about what the user gave as sentences, without the line of code that they come from."""
    usual = warnings.formatwarning

    def form(message: Warning | str, category: type[Warning], *more: Any) -> str:
        return f"vgg-lib: {message}\n" if issubclass(category, InputWarning) else usual(message, category, *more)

    warnings.formatwarning = form  # type: ignore[assignment]


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_character, error.object[error.start : error.end])), error.end


def _character(character: str) -> str:
    """What stands for a character, in ASCII.

    >>> "".join(map(_character, "Café: 3×3 ██"))
    'Cafe: 3x3 ##'
    """
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _INSTEAD.get(character) or plain or "?"
