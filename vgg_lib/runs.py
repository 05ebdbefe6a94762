"""Run: what is trained. Record: what came out. Store: where records are kept, one JSON line each."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import torch
from filelock import FileLock
from torch import Tensor

from vgg_lib.errors import InputError, check_choice
from vgg_lib.evaluation import Protocol
from vgg_lib.initialisation import Initialisation
from vgg_lib.networks import NETWORKS
from vgg_lib.presets import PRESETS, Preset, Scale, middle, preset

#: Counts up when the meaning of a record changes; records of other rules are not mixed.
RULES = 1

#: One character for each class in stored predictions.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Run:
    """One training, described by everything that can change its result and nothing that cannot.

    ``scale`` is the training scale S; ``train_on`` is ``nine-tenths`` while the held-out tenth is what is
    looked at, ``all`` for evidence, tested on the validation images. ``warm_start`` is the key of the run
    of net A whose weights §3.1's layers start from. Built with :func:`make_run`.
    """

    network: str
    preset: Preset
    scale: Scale
    initialisation: Initialisation
    batch_norm: bool = False
    seed: int = 0
    train_on: Literal["nine-tenths", "all"] = "nine-tenths"
    warm_start: str | None = None

    def __post_init__(self) -> None:
        check_choice("network", self.network, NETWORKS)
        check_choice("part to train on", self.train_on, ("nine-tenths", "all"))
        smallest, largest = (self.scale, self.scale) if isinstance(self.scale, int) else self.scale
        if not self.preset.crop <= smallest <= largest:
            raise InputError(
                f"training scale {self.scale} does not hold the crop of {self.preset.crop} pixels of preset "
                f"{self.preset.name!r}: choose one of {', '.join(map(str, self.preset.scales))}"
            )
        if self.preset.schedule == "plateau" and self.train_on == "all":
            raise InputError(
                "the plateau schedule watches the held-out tenth, so it cannot train on it: "
                "choose train_on='nine-tenths', or another schedule"
            )

    @property
    def test_set(self) -> str:
        """Where this run is tested: ``held-out``, or ``validation`` when it trained on everything."""
        return "held-out" if self.train_on == "nine-tenths" else "validation"

    @property
    def protocol(self) -> Protocol:
        """Dense testing at one scale, Table 3's rule: Q = S, or the middle of S's range."""
        return Protocol(scales=(middle(self.scale),))

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that stand for this run: a hash of all its fields and of its network's layers."""
        described = to_json(self) | {"layers": to_json(NETWORKS[self.network]), "rules": RULES}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Such as ``D + batch norm, laptop, S=73, he, seed 0, epochs 80``: what differs from the preset is told."""
        norm = " + batch norm" if self.batch_norm else ""
        warm = " from A" if self.warm_start else ""
        told = f"{self.network}{norm}{warm}, {self.preset.name}, S={self.scale}, {self.initialisation.kind}"
        usual = PRESETS.get(self.preset.name, self.preset)
        names = [f.name for f in dataclasses.fields(Preset)]
        values = {name: getattr(self.preset, name) for name in names}
        changed = [f"{name} {value}" for name, value in values.items() if value != getattr(usual, name)]
        return ", ".join([told, f"seed {self.seed}", *changed])


def make_run(network: str, preset_name: str | Preset = "laptop", **choices: Any) -> Run:
    """A :class:`Run` of a preset, with the preset's first scale and initialisation unless chosen otherwise.

    ``choices`` are fields of :class:`Run`, or of :class:`~vgg_lib.presets.Preset` to change the recipe.
    Raises :class:`InputError` for a name that does not exist or a value that cannot be.

    >>> make_run("A", "laptop", seed=3).key == make_run("A", "laptop", seed=3, epochs=40).key
    True
    >>> make_run("A", "laptop", learning_rate=0.01).preset.learning_rate
    0.01
    """
    base = preset_name if isinstance(preset_name, Preset) else preset(preset_name)
    of_run = {f.name for f in dataclasses.fields(Run)} - {"network", "preset"}
    of_preset = {f.name for f in dataclasses.fields(Preset)} - {"initialisation", "name", "scales"}
    for name in choices:
        check_choice("field of a run", name, sorted(of_run | of_preset))
    base = dataclasses.replace(base, **{k: v for k, v in choices.items() if k in of_preset})
    fields = {"scale": base.scales[0], "initialisation": base.initialisation}
    return Run(network, base, **(fields | {k: v for k, v in choices.items() if k in of_run}))


def to_json(value: Any) -> Any:
    """Frozen dataclasses, tuples and plain values as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    return value


def run_from_json(described: dict[str, Any]) -> Run:
    """The Run that :func:`to_json` described; raises ``KeyError`` or ``TypeError`` where it does not fit."""

    def scale(value: int | list[int]) -> Scale:
        return value if isinstance(value, int) else (value[0], value[1])

    world = dict(described["preset"])
    world["scales"] = tuple(scale(s) for s in world["scales"])
    world["initialisation"] = Initialisation(**world["initialisation"])
    return Run(
        **described
        | {
            "preset": Preset(**world),
            "scale": scale(described["scale"]),
            "initialisation": Initialisation(**described["initialisation"]),
        }
    )


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


class Store:
    """A file of records, one JSON line each; several processes may add to it at once.

    A last line without an end is one that is being written, or was when the power went: it is not a record yet, or
    never became one, and the next :meth:`add` replaces it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __iter__(self) -> Iterator[Record]:
        """All records in the order they came. Raises :class:`InputError` naming the line that is not one."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    record = Record.from_line(line.decode())
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    raise InputError(
                        f"{self.path}, line {number}, is not a record ({error}): remove that line"
                    ) from error
                yield record

    def latest(self) -> dict[str, Record]:
        """The last record of each run, by the run's key."""
        return {record.key: record for record in self}

    def find(self, run: Run) -> Record | None:
        """The last record of that run, or ``None``."""
        return self.latest().get(run.key)

    def add(self, record: Record) -> None:
        """Append a record in one write, on disk when this returns.

        Raises :class:`InputError`, with the records as they were, when the disk is full or the file cannot be written.
        """
        line = record.to_line().encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock")), self.path.open("ab+", buffering=0) as file:
                end = _end_of_last_line(file)
                file.truncate(end)
                try:
                    if file.write(line) != len(line):
                        raise OSError("only a part of the record fitted")
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    if not end:
                        self.path.unlink()
                    raise
        except OSError as error:
            raise InputError(
                f"cannot add a record to {self.path} ({error}): free some space or choose another file"
            ) from error


def _end_of_last_line(file: BinaryIO | FileIO) -> int:
    """Where the last whole line ends, in bytes from the start."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def studies_with_records() -> list[str]:
    """The studies whose records come with the library, in alphabetical order."""
    return sorted(path.stem for path in _records().glob("*.jsonl"))


def recorded(name: str = "first") -> Store:
    """The records that come with the library, by the name of their study.

    Raises :class:`InputError` for a name that has none.
    """
    check_choice("study with records", name, studies_with_records())
    return Store(_records() / f"{name}.jsonl")


def _records() -> Path:
    return Path(str(files("vgg_lib") / "records"))
