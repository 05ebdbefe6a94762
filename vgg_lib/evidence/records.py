"""What came out of a run: its errors under each protocol, its predictions, and all that made them."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.origin import Origin
from vgg_lib.training.runs import Run, to_json

#: One character for each class in stored predictions.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

#: Images of a test set at most: a damaged number is not to fill the memory.
_MOST = 1_000_000

#: Stored posteriors are whole numbers up to this.
_STEPS = 65535


@dataclass(frozen=True)
class Evaluation:
    """Errors in percent under one protocol, on one test set.

    ``targets`` and ``predictions`` hold one character for each image, in the order of the test set; ``None`` where
    only the errors were kept. ``fused`` are the keys of the runs whose nets were averaged with this one's (§4.4);
    ``posteriors`` what :func:`pack_posteriors` made of them, kept where a claim fuses nets.
    """

    protocol: Protocol
    test_set: str
    errors: dict[str, float]
    targets: str | None = None
    predictions: str | None = None
    seconds: float | None = None
    fused: tuple[str, ...] = ()
    posteriors: str | None = None

    def answers(self) -> tuple[Tensor, Tensor]:
        """What each image shows and what the net says, class indices ``(N,)`` both.

        Raises :class:`InputError` where the predictions were not kept.
        """
        if self.targets is None or self.predictions is None:
            raise InputError(f"the predictions under {self.protocol} were not kept, only its errors")
        return from_digits(self.targets), from_digits(self.predictions)

    def confusion(self, classes: int = 10) -> Tensor:
        """Counts ``(classes, classes)``: rows are what it is, columns what the net says."""
        targets, predictions = self.answers()
        return torch.bincount(targets * classes + predictions, minlength=classes**2).view(classes, classes)


def as_digits(classes: Tensor) -> str:
    """Class indices ``(N,)`` as one character each; raises :class:`InputError` for a class above 35."""
    numbers = classes.tolist()
    if max(numbers, default=0) >= len(_DIGITS):
        raise InputError(f"class {max(numbers)} has no character of its own: records hold up to {len(_DIGITS)}")
    return "".join(_DIGITS[c] for c in numbers)


def from_digits(digits: str) -> Tensor:
    """The class indices ``(N,)`` that :func:`as_digits` wrote."""
    return torch.tensor([_DIGITS.index(digit) for digit in digits], dtype=torch.long)


def pack_posteriors(posteriors: Tensor) -> str:
    """Posteriors ``(N, classes)`` as text: 16 bits each, compressed.

    >>> unpack_posteriors(pack_posteriors(torch.tensor([[0.75, 0.25]])), 2)
    tensor([[0.7500, 0.2500]])
    """
    rounded = (posteriors.double() * _STEPS).round().numpy().astype("<u2")
    return base64.b64encode(zlib.compress(rounded.tobytes(), 9)).decode()


def unpack_posteriors(text: str, classes: int) -> Tensor:
    """The posteriors ``(N, classes)`` that :func:`pack_posteriors` wrote, to 1/65535, float32."""
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u2").astype(np.float32)
    return torch.from_numpy(numbers).view(-1, classes) / _STEPS


@dataclass(frozen=True)
class Record:
    """A Run with what came out of it.

    ``outcome`` is ``finished``, ``diverged``, or ``failed`` where the training could not be done at all, the last two
    with their ``reason``; ``losses`` are the mean training loss of each epoch, ``None`` for one
    that is not finite, and there are none in a record of tests alone; ``seconds`` is the training's wall clock,
    ``processor_seconds`` what the training process's threads computed in it (``None`` in records older than that),
    ``memory`` the process's peak in MiB; ``data`` are fingerprints by split, and
    in what photographs differ from those that were published; ``machine`` says which processor,
    precision and versions; ``origin`` which sources (``None`` in older records); ``measurements`` hold what else was
    measured of the net at its end, by name.
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
    classes: int = 10
    origin: Origin | None = None
    measurements: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> str:
        """The run's key."""
        return self.run.key

    @property
    def of_tests_alone(self) -> bool:
        """Whether this tells of tests of weights, and nothing of the training that made them."""
        return self.outcome == "finished" and not self.losses

    @property
    def of_other_photographs(self) -> bool:
        """Whether photographs were trained or tested on that differ from the data set that was published."""
        return any(name.endswith(" differs") for name in self.data)

    @property
    def error(self) -> float:
        """Top-1 error in percent under the run's own protocol; a diverged run counts as chance.

        Raises :class:`InputError` for a run that failed, or was not tested under that protocol.
        """
        return self.error_under(self.run.protocol)

    def error_under(self, protocol: Protocol) -> float:
        """Top-1 error in percent under a protocol; raises what :attr:`error` raises."""
        if self.outcome == "diverged":
            return 100 * (1 - 1 / self.classes)
        if self.outcome == "failed":
            raise InputError(f"run {self.key} failed and has no error to tell ({self.reason}): run it again")
        return self.evaluation(protocol).errors["top1"]

    def was_tested(self, protocol: Protocol) -> bool:
        """Whether there is an error under a protocol: a diverged run has its one under all of them."""
        alone = (e.protocol for e in self.evaluations if not e.fused)
        return self.outcome == "diverged" or (self.outcome == "finished" and protocol in alone)

    def evaluation(self, protocol: Protocol) -> Evaluation:
        """What the net of this run alone did under a protocol; raises :class:`InputError` where it was not tested."""
        for evaluation in self.evaluations:
            if evaluation.protocol == protocol and not evaluation.fused:
                return evaluation
        own = "the run's own protocol, " if protocol == self.run.protocol else ""
        raise InputError(f"the record of run {self.key} was not tested under {own}{protocol}")

    def with_tests(self, tests: Record) -> Record:
        """This record with what another tells of tests of its weights: evaluations, measurements, photographs.

        Of two evaluations under one protocol, by the same nets, that of ``tests`` counts. Where either saw other
        photographs than the published ones, both together did.
        """
        by_way = {(e.protocol, e.test_set, e.fused): e for e in [*self.evaluations, *tests.evaluations]}
        return dataclasses.replace(
            self,
            evaluations=tuple(by_way.values()),
            measurements=self.measurements | tests.measurements,
            data=self.data | tests.data,
        )

    def to_line(self) -> str:
        """The record as one line of JSON, newline included. Targets, the same in all evaluations, stand there once."""
        raw = {"key": self.key} | to_json(self)
        raw["targets"] = {e.test_set: _shorten(e.targets) for e in self.evaluations if e.targets is not None}
        raw["evaluations"] = [_without(e, "targets") for e in raw["evaluations"]]
        return json.dumps(_without(raw), separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Record:
        """The record that a line holds; raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none."""
        raw = json.loads(line)
        if not isinstance(raw, dict):
            raise TypeError(f"a {type(raw).__name__}")
        targets = {test_set: _lengthen(text) for test_set, text in raw.get("targets", {}).items()}
        for evaluation in raw["evaluations"]:
            if evaluation.get("predictions") is not None:
                evaluation.setdefault("targets", targets.get(evaluation["test_set"]))
        try:
            return msgspec.convert(raw, cls)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error


def _without(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    """A described dataclass without these fields, and without what is empty: absent means the same."""
    return {k: v for k, v in raw.items() if k not in names and (v not in (None, {}) or k in ("memory", "data"))}


def _shorten(digits: str) -> str:
    """Runs of one character with their lengths, ``0*387,1*395``, where that is shorter."""
    runs = ",".join(f"{digit}*{len(list(same))}" for digit, same in groupby(digits))
    return min(digits, runs, key=len)


def _lengthen(text: str) -> str:
    """What :func:`_shorten` was given; raises ``ValueError`` for what it never gave."""
    if "*" not in text:
        return text
    runs = [(digit, int(count)) for digit, count in (run.split("*") for run in text.split(","))]
    if sum(count for _, count in runs) > _MOST:
        raise ValueError(f"targets of more than {_MOST:,} images")
    return "".join(digit * count for digit, count in runs)
