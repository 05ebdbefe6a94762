"""Run: what is trained. Record: what came out. Store: where records are kept, one JSON line each."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.data.rescaling import Scale, middle
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.presets import PRESETS, Preset, preset

#: Counts up when the meaning of a record changes; records of other rules are not mixed.
RULES = 1


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

    ``choices`` are fields of :class:`Run`, or of :class:`~vgg_lib.training.presets.Preset` to change the recipe.
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
