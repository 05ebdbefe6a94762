"""What is trained: a Run holds everything that can change a training's result, and nothing that cannot."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.fields import Seed, check_fields
from vgg_lib.data.rescaling import LARGEST_SCALE, Scale, ends, middle
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.table import NETWORKS, Network, resolve
from vgg_lib.training.presets import PRESETS, Preset, preset

Key = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", description="the key of a run, 16 hexadecimal digits")]


@dataclass(frozen=True)
class Run:
    """One training, described by everything that can change its result and nothing that cannot.

    ``scale`` is the training scale S; ``train_on`` is ``nine-tenths`` while the held-out tenth is what is
    looked at, ``all`` for evidence, tested on the validation images. ``warm_start`` is the key of the run
    whose net this one starts from: ``warm_layers`` are ``paper``, those that §3.1 copies from net A, or ``all``, where
    the same network goes on at another scale. ``layers`` are those of ``network`` when the run was made.
    Built with :func:`make_run`. Raises :class:`InputError` for a field that cannot be what it is given.
    """

    network: str
    preset: Preset
    scale: Scale
    initialisation: Initialisation
    batch_norm: bool = False
    seed: Seed = 0
    train_on: Literal["nine-tenths", "all"] = "nine-tenths"
    warm_start: Key | None = None
    warm_layers: Literal["paper", "all"] = "paper"
    layers: Network = field(default=None, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.layers is None:
            object.__setattr__(self, "layers", resolve(self.network))
        check_fields(self)
        smallest, largest = ends(self.scale)
        if smallest < self.preset.crop:
            raise InputError(
                f"training scale {self.scale} does not hold the crop of {self.preset.crop} pixels of preset "
                f"{self.preset.name!r}: choose one of {', '.join(map(str, self.preset.scales))}"
            )
        if largest > LARGEST_SCALE:  # it could not be tested there
            raise InputError(f"training scale {self.scale} is too large: choose {LARGEST_SCALE} pixels or fewer")
        if self.warm_layers == "all" and self.warm_start is None:
            raise InputError("warm_layers='all' copies the layers of a trained net: say in warm_start of which run")
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

    @property
    def begun(self) -> str:
        """How names of the run tell that it does not start from random weights; nothing where it does."""
        return "" if not self.warm_start else " from A" if self.warm_layers == "paper" else " fine-tuned"

    @property
    def any_seed(self) -> Run:
        """The same for all seeds of a recipe: the run of seed 0, which starts from some net where this one does."""
        return dataclasses.replace(self, seed=0, warm_start=self.warm_start and "0" * 16)

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that stand for this run: a hash of all that its training reads.

        What has its declared default is left out, so that a new field changes no key of an older run.
        """
        return hashlib.sha256(json.dumps(_as_read(self), sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Such as ``D + batch norm, laptop, S=73, he, seed 0, epochs 80``: what differs from the preset is told."""
        norm = " + batch norm" if self.batch_norm else ""
        told = f"{self.network}{norm}{self.begun}, {self.preset.name}, S={self.scale}, {self.initialisation}"
        usual = PRESETS.get(self.preset.name, self.preset)
        names = [f.name for f in dataclasses.fields(Preset)]
        values = {name: getattr(self.preset, name) for name in names}
        changed = [f"{name} {value}" for name, value in values.items() if value != getattr(usual, name)]
        return ", ".join([told, f"seed {self.seed}", *changed])


#: Fields that no training reads: names, and what else a preset has on offer.
_NOT_READ: dict[type, set[str]] = {Run: {"network"}, Preset: {"name", "scales", "initialisation"}}


def _as_read(value: Any) -> Any:
    """What a training reads, as JSON has it: dataclasses without the fields that have their declared defaults."""
    if isinstance(value, tuple):
        return [_as_read(one) for one in value]
    if not dataclasses.is_dataclass(value):
        return value
    not_read = {name for kind, names in _NOT_READ.items() if isinstance(value, kind) for name in names}
    fields = [f for f in dataclasses.fields(value) if f.name not in not_read]
    return {f.name: _as_read(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}


def make_run(network: str, preset_name: str | Preset = "laptop", **choices: Any) -> Run:
    """A :class:`Run` of a preset, with the preset's first scale and initialisation unless chosen otherwise.

    ``choices`` are fields of :class:`Run`, or of :class:`~vgg_lib.training.presets.Preset` to change the recipe.
    Raises :class:`InputError` for a name that does not exist or a value that cannot be.

    >>> make_run("A", "laptop", seed=3).key == make_run("A", "laptop", seed=3, epochs=40).key
    True
    >>> make_run("A", "laptop", learning_rate=0.01).preset.learning_rate
    0.01
    """
    check_choice("network", network, NETWORKS)
    base = preset_name if isinstance(preset_name, Preset) else preset(preset_name)
    of_run = {f.name for f in dataclasses.fields(Run)} - {"network", "preset", "layers"}
    of_preset = {f.name for f in dataclasses.fields(Preset)} - {"initialisation", "name", "scales"}
    for name in choices:
        check_choice("field of a run", name, sorted(of_run | of_preset))
    base = dataclasses.replace(base, **{k: v for k, v in choices.items() if k in of_preset})
    fields = {"scale": base.scales[0], "initialisation": base.initialisation}
    return Run(network, base, **(fields | {k: v for k, v in choices.items() if k in of_run}))


def to_json(value: Any) -> Any:
    """Frozen dataclasses, tuples and plain values as JSON has them."""
    return msgspec.to_builtins(value)


def run_from_json(described: dict[str, Any]) -> Run:
    """The Run that :func:`to_json` described; raises ``ValueError`` where it does not fit."""
    try:
        return msgspec.convert(described, Run)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
