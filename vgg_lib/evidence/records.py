"""What came out of a run: its errors under each protocol, its predictions, and all that made them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.training.runs import RULES, Run, run_from_json, to_json

#: One character for each class in stored predictions.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Evaluation:
    """How a trained net did under one protocol: errors in percent, and the prediction for each image.

    ``targets`` and ``predictions`` have one character an image, ``0`` for class 0. ``seconds`` is what testing took;
    ``fused`` are the keys of the other runs whose posteriors were averaged in.
    """

    protocol: Protocol
    test_set: str
    errors: dict[str, float]
    targets: str
    predictions: str
    seconds: float | None = None
    fused: tuple[str, ...] = ()

    def confusion(self, classes: int = 10) -> Tensor:
        """Counts ``(classes, classes)``: rows are what it is, columns what the net says."""
        pairs = torch.tensor([
            _DIGITS.index(t) * classes + _DIGITS.index(p) for t, p in zip(self.targets, self.predictions, strict=True)
        ])  # fmt: skip
        return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def as_digits(classes: Tensor) -> str:
    """Class indices ``(N,)`` as one character each; raises :class:`InputError` for a class above 35."""
    if int(classes.max()) >= len(_DIGITS):
        raise InputError(f"class {int(classes.max())} has no character of its own: records hold up to {len(_DIGITS)}")
    return "".join(_DIGITS[c] for c in classes.tolist())


@dataclass(frozen=True)
class Record:
    """A Run with what came out of it.

    ``outcome`` is ``finished``, ``diverged``, or ``failed`` where the training could not be done at all, the last two
    with their ``reason``; ``losses`` are the mean training loss of each epoch, ``None`` for one
    that is not finite; ``seconds`` is the training's wall clock, ``processor_seconds`` what the training process's
    threads computed in it (``None`` in records older than that), ``memory`` the process's peak in MiB; ``data`` are
    fingerprints by split; ``machine`` says which processor, precision and versions.
    """

    run: Run
    outcome: Literal["finished", "diverged", "failed"]
    evaluations: tuple[Evaluation, ...]
    losses: tuple[float | None, ...]
    seconds: float
    memory: float | None
    data: dict[str, str]
    machine: dict[str, Any]
    date: str
    reason: str | None = None
    processor_seconds: float | None = None
    rules: int = RULES
    key: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.key or self.run.key)

    @property
    def error(self) -> float:
        """Top-1 error in percent under the run's own protocol; a diverged run counts as chance.

        Raises :class:`InputError` for a run that failed, or was not tested under that protocol.
        """
        if self.outcome == "diverged":
            return 90.0
        if self.outcome == "failed":
            raise InputError(f"run {self.key} failed and has no error to tell ({self.reason}): run it again")
        for evaluation in self.evaluations:
            if evaluation.protocol == self.run.protocol and not evaluation.fused:
                return evaluation.errors["top1"]
        raise InputError(
            f"the record of run {self.key} was not tested under the run's own protocol, {self.run.protocol}"
        )

    def to_line(self) -> str:
        """The record as one line of JSON, newline included."""
        return json.dumps(to_json(self), separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Record:
        """The record that a line holds; raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none."""
        raw = json.loads(line)
        if not isinstance(raw, dict):
            raise TypeError(f"a {type(raw).__name__}")
        evaluations = tuple(
            Evaluation(
                **e
                | {
                    "protocol": Protocol(**e["protocol"] | {"scales": tuple(e["protocol"]["scales"])}),
                    "fused": tuple(e.get("fused", ())),
                }
            )
            for e in raw["evaluations"]
        )
        record = cls(
            **raw | {"run": run_from_json(raw["run"]), "evaluations": evaluations, "losses": tuple(raw["losses"])}
        )
        return record
