"""Three worlds to train in, as data: seconds, minutes, and the paper's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.fields import NotNegativeFloat, Positive, PositiveFloat, Share, check_fields
from vgg_lib.data.rescaling import Scale
from vgg_lib.networks.initialisation import Initialisation


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything about a training but the network, the training scale, the start and the seed.

    ``scales`` are the training scales S that belong to it, the first being the default. ``input_scale``
    says what the inputs' deviation is: ``paper`` leaves it at about 70 (0..255 minus the mean), ``unit``
    divides by it; that decides which initialisations train. ``schedule`` is ``plateau`` (§3.1: divide
    the rate by 10 when the error on held-out images stops improving, three times) or ``one-cycle``
    (Smith & Topin, 2019). ``precision`` is ``auto`` (bfloat16 where the processor or GPU has it) or ``float32``.

    Raises :class:`~vgg_lib.basics.errors.InputError` for a field that cannot be what it is given.
    """

    name: str
    data: Literal["embedded", "marked", "imagenette"]
    crop: Positive
    scales: tuple[Scale, ...]
    width: PositiveFloat
    epochs: Positive
    batch_size: Positive
    learning_rate: PositiveFloat
    schedule: Literal["plateau", "one-cycle"]
    initialisation: Initialisation = Initialisation("he")
    size: Literal["160px", "320px", "full"] = "160px"  #: which archive of Imagenette
    squash: Positive | None = None  #: resize to this square first, aspect ratio not kept
    momentum: Share = 0.9
    weight_decay: NotNegativeFloat = 5e-4
    dropout: Share = 0.5
    input_scale: Literal["unit", "paper"] = "unit"
    colour_shift: bool = True
    precision: Literal["auto", "float32"] = "auto"

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.scales:
            raise InputError("scales is (): name one training scale or more")


#: By name. ``laptop`` is the paper's geometry divided by 3.5: 224 → 64, 256 → 73, 384 → 110, 512 → 146.
PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            data="embedded",
            crop=32,
            scales=(36, 54, (36, 72)),
            width=1 / 4,
            epochs=10,
            batch_size=50,
            learning_rate=0.02,
            schedule="one-cycle",
            dropout=0.2,  # half of so few units would be too few: with 0.5 the loss stays at ln 10
            colour_shift=False,
        ),
        Preset(
            "laptop",
            data="imagenette",
            squash=224,
            crop=64,
            scales=(73, 110, (73, 146)),
            width=1 / 4,
            epochs=40,
            batch_size=64,
            learning_rate=0.02,
            schedule="one-cycle",
            colour_shift=False,
        ),
        Preset(
            "paper",
            data="imagenette",
            size="full",
            crop=224,
            scales=(256, 384, (256, 512)),
            width=1.0,
            epochs=74,
            batch_size=256,
            learning_rate=1e-2,
            schedule="plateau",
            initialisation=Initialisation("glorot"),
            input_scale="paper",
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset of that name; raises :class:`InputError` for one that does not exist."""
    check_choice("preset", name, PRESETS)
    return PRESETS[name]
