"""What comes out of a training."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from vgg_lib.networks.model import VGG
from vgg_lib.training.runs import Run

#: What changes while a net is trained, besides the net.
_CHANGING = ("steps", "seconds", "processor_seconds")


class Clocks(NamedTuple):
    """What the clocks say, in seconds: pauses and other programs' work count on the wall, not on the processor."""

    wall: float
    processor: float

    @classmethod
    def read(cls) -> Clocks:
        """What they say now."""
        return cls(time.perf_counter(), time.process_time())


@dataclass
class Trained:
    """A net after its training, and what is known of it.

    ``losses`` are the mean training loss of each epoch; ``steps`` the loss of each step; ``seconds`` the wall
    clock of the training alone, ``processor_seconds`` what this process's threads computed in it. ``outcome`` is
    ``diverged``, with the ``reason``, when the loss or a weight was not finite any more. ``engines`` are the names of
    those that had part in it, as far as it was told them: several where it went on, from a checkpoint, on another.
    """

    run: Run
    net: VGG
    classes: tuple[str, ...]
    outcome: Literal["finished", "diverged"] = "finished"
    reason: str | None = None
    losses: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    data: dict[str, str] = field(default_factory=dict)
    engines: list[str] = field(default_factory=list)

    def spend(self, since: Clocks) -> Clocks:
        """Add the time since ``since`` to what the training took; returns what the clocks say now."""
        now = Clocks.read()
        self.seconds += now.wall - since.wall
        self.processor_seconds += now.processor - since.processor
        return now

    def goes_on(self, total: int) -> bool:
        """Whether a step is left of ``total``, and the last loss was finite."""
        return len(self.steps) < total and all(map(math.isfinite, self.steps[-1:]))

    def conclude(self, per_epoch: int) -> Trained:
        """Say how it ended, and the mean loss of each epoch of ``per_epoch`` steps."""
        if not math.isfinite(self.steps[-1]):
            at = f"step {len(self.steps)} (epoch {(len(self.steps) - 1) // per_epoch + 1})"
            self.outcome, self.reason = "diverged", f"the loss became {self.steps[-1]} at {at}"
        elif not all(bool(weight.isfinite().all()) for weight in self.net.parameters()):
            self.outcome, self.reason = "diverged", "the last step made weights that are not finite"
        epochs = (self.steps[first : first + per_epoch] for first in range(0, len(self.steps), per_epoch))
        self.losses = [round(sum(losses) / len(losses), 5) for losses in epochs]
        return self

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it, besides the net."""
        return {name: getattr(self, name) for name in _CHANGING} | {"data": self.data, "engines": self.engines}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; raises ``ValueError`` for a training on other photographs."""
        if state.get("data", self.data) != self.data:  # checkpoints of older versions do not tell
            raise ValueError("it is of a training on other photographs")
        self.steps, self.seconds, self.processor_seconds = (state[name] for name in _CHANGING)
        self.engines = list(dict.fromkeys([*state.get("engines", []), *self.engines]))  # nor these
