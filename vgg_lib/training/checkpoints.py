"""A training's whole state in one file, so that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing

_DIGEST = hashlib.sha256().digest_size

#: Counts up when a state holds other things: one of another form cannot be gone on from.
_FORM = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state (tensors, numbers, text, in lists and dicts) with its digest: whole and on disk, or not at all.

    Raises :class:`InputError` where it cannot be written; the state that was there before is kept then.
    """
    content = io.BytesIO()
    torch.save({"form": _FORM, "state": state}, content)
    with replacing(path) as part:
        part.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())


def load_state(path: Path) -> dict[str, Any] | None:
    """The state that :func:`save_state` wrote, its tensors on the CPU; ``None`` where there is none.

    Raises :class:`InputError` for a file that is damaged, or was not written here.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, body = content[:_DIGEST], content[_DIGEST:]
    try:
        if hashlib.sha256(body).digest() != digest:
            raise ValueError("its digest does not fit")
        kept = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if not isinstance(kept, dict) or kept.get("form") != _FORM:
            raise ValueError("it was written by another version")
    except (ValueError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"checkpoint {path} is damaged ({error}): remove it to train from the start") from error
    state: dict[str, Any] = kept["state"]
    return state
