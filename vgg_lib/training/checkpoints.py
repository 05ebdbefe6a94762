"""A training's whole state in one file, so that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.training.parallel import Team

#: Seconds after which a state is saved within an epoch; each epoch's end saves one in any case.
SAVE_EVERY = 60.0

_DIGEST = hashlib.sha256().digest_size

#: Counts up when a state holds other things: one of another form cannot be gone on from.
_FORM = 2


class DamagedError(InputError):
    """A file holds no state that can be gone on from: nothing is lost by removing it."""


class Stateful(Protocol):
    """A part of a training that changes as it goes on: a net, an optimiser, …"""

    def state_dict(self) -> dict[str, Any]:
        """All of it that changes: tensors, numbers, text, in lists and dicts."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Go on from a state."""


class Checkpoint:
    """The file that a training saves its state to, by the key of its run; with no path nothing is saved.

    ``parts`` are all that changes while it trains, but for the random numbers, which are saved for each process. All
    processes of a team come to each call, and the leading one alone writes.
    """

    def __init__(self, path: Path | None, key: str, team: Team, parts: Mapping[str, Stateful]) -> None:
        self.path, self.key, self.team, self.parts = path, key, team, parts
        self._saved = time.perf_counter()

    def resume(self) -> None:
        """Go on from the file, where there is one.

        Raises :class:`InputError` for a file that is damaged, of another run, or of another number of processes.
        """
        if self.path is None:
            return
        with self.team.leader_first():
            state = load_state(self.path) if self.team.leads else None
        state = self.team.broadcast(state)
        if state is None:
            return
        try:
            run, processes = state["run"], len(state["random"])
        except (KeyError, TypeError) as error:
            raise self._does_not_fit(error) from error
        if run != self.key:
            raise InputError(f"checkpoint {self.path} is of run {run}, not of {self.key}: choose another")
        if processes != self.team.size:
            raise InputError(
                f"checkpoint {self.path} was written by {processes} processes, and there are {self.team.size} now: "
                "start as many, or choose another file"
            )
        try:
            for name, part in self.parts.items():
                if state[name] != {}:  # a scaler's that was off, on a processor say, where one may be on here
                    part.load_state_dict(state[name])
            _set_random_state(self.team.device, state["random"][self.team.rank])
        except Exception as error:  # what is no state of a part leads to errors of any kind
            raise self._does_not_fit(error) from error

    def _does_not_fit(self, error: Exception) -> InputError:
        return InputError(
            f"checkpoint {self.path} does not hold the state of this run ({type(error).__name__}: {error}): remove it "
            "to train from the start"
        )

    def save(self) -> None:
        """Write the whole state to the file."""
        if self.path is None:
            return
        random = self.team.gather(_random_state(self.team.device))
        if self.team.leads:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            save_state(self.path, state | {"run": self.key, "random": random})
        self._saved = time.perf_counter()

    def save_now_and_then(self) -> None:
        """:meth:`save` when the last time is :data:`SAVE_EVERY` seconds ago, by the leading process's clock."""
        if self.path is not None and self.team.broadcast(time.perf_counter() - self._saved > SAVE_EVERY):
            self.save()


def _random_state(device: torch.device) -> list[Tensor]:
    """The states of PyTorch's generators that dropout draws from: the processor's, and the device's own."""
    return [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])


def _set_random_state(device: torch.device, states: Sequence[Tensor]) -> None:
    """Go on from what :func:`_random_state` gave. A GPU goes on from its seed where a processor has trained so far."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state (tensors, numbers, text, in lists and dicts) with its digest: whole and on disk, or not at all.

    Raises :class:`InputError` where it cannot be written; the state that was there before is kept then.
    """
    content = io.BytesIO()
    torch.save({"form": _FORM, "state": state}, content)
    with replacing(path) as part, part.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())


def load_state(path: Path) -> dict[str, Any] | None:
    """The state that :func:`save_state` wrote, its tensors on the CPU; ``None`` where there is none.

    Raises :class:`DamagedError` for a file that is damaged, or was not written here, and another :class:`InputError`
    for one that cannot be read, or loaded: it may be whole.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # the latter for a path with a null in it
        reason = getattr(error, "strerror", error)
        raise InputError(f"checkpoint {path} cannot be read ({reason}): name a file that can be") from error
    digest, body = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise _damaged(path, "its digest does not fit")
    try:
        kept = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch has no kind of its own for memory that runs out
        raise InputError(
            f"checkpoint {path} is whole and cannot be loaded ({error}): free some memory, or name another file"
        ) from OSError(error)  # as one that cannot be read: no fault of the run
    if not isinstance(kept, dict) or kept.get("form") != _FORM or not isinstance(kept.get("state"), dict):
        raise _damaged(path, "it was written by another version")
    state: dict[str, Any] = kept["state"]
    return state


def _damaged(path: Path, why: str) -> DamagedError:
    return DamagedError(f"checkpoint {path} is damaged ({why}): remove it to train from the start")
