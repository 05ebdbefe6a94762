"""The one exception that means «what you gave is not usable», and the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(ValueError):
    """Something the caller gave cannot be used.

    The message names the thing, the value and the way out. The command line prints it without a
    traceback and exits with 2; anything else that is raised is a bug and keeps its traceback.
    """


class InputWarning(UserWarning):
    """Something the caller gave can be used, and is not what it may be taken for: the message says in what."""


def check_choice(thing: str, value: str, choices: Iterable[str]) -> None:
    """Raise :class:`InputError` unless ``value`` is one of ``choices``.

    >>> check_choice("network", "F", ["A", "B"])
    Traceback (most recent call last):
    ...
    vgg_lib.basics.errors.InputError: unknown network 'F': choose from A, B
    """
    choices = list(choices)
    if value not in choices:
        raise InputError(f"unknown {thing} {value!r}: choose from {', '.join(choices)}")
