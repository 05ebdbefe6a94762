"""A network with everything decided: channels and map sizes of every layer, the fully connected ones included."""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

from vgg_lib.basics.errors import InputError
from vgg_lib.networks.table import FC_WIDTH, Layer, Network, resolve

#: Channels of a layer at most: one such layer behind another has 4 TB of weights.
MOST_CHANNELS = 2**20


class Spec(NamedTuple):
    """A layer with everything decided: what :class:`VGG` builds and ``geometry`` counts."""

    name: str
    layer: Layer | None  #: ``None`` for a fully connected layer
    in_channels: int
    out_channels: int
    in_size: int  #: side of the input map in pixels; 1 for a fully connected layer
    out_size: int


def scale_width(channels: int, width: float, name: str) -> int:
    """``channels · width``, rounded down; raises :class:`InputError` below 1 and above :data:`MOST_CHANNELS`."""
    scaled = channels * width
    if scaled < 1:
        raise InputError(f"width {width} leaves {name} without channels: choose 1/{channels} or more")
    if not scaled <= MOST_CHANNELS:  # nor is what is no number
        raise InputError(f"width {width} gives {name} more than {MOST_CHANNELS:,} channels: choose a smaller number")
    return int(scaled)


def specify(network: str | Network, *, num_classes: int, image_size: int, width: float) -> list[Spec]:
    """Every layer of a network with its channels and map sizes, the fully connected ones included.

    Raises :class:`InputError` for classes and image sizes that are no whole numbers, a width that is no number, fewer
    than 2 classes, an image too small for as many pools as the network has stages (under 32 pixels for Table 1's), one
    that is used up before the last pool all the same, or a width that leaves a layer no channels or more than
    :data:`MOST_CHANNELS`.
    """
    for name, value, kind, wanted in (
        ("num_classes", num_classes, Integral, "a whole number"),
        ("image_size", image_size, Integral, "a whole number"),
        ("width", width, Real, "a number"),
    ):
        if not isinstance(value, kind):
            raise InputError(f"{name} is {value!r}: choose {wanted}")
    if num_classes < 2:
        raise InputError(f"num_classes is {num_classes}: a classifier needs at least 2")
    network = resolve(network)
    pools = len(network.stages)
    if image_size < 2**pools:
        raise InputError(f"image size {image_size} is too small: {pools} pools of 2×2 need {2**pools} pixels or more")
    specs = []
    channels, size = 3, image_size
    for name, layer in network.named_layers():
        out_channels = scale_width(layer.channels, width, name) if layer.channels else channels
        out_size = (size + 2 * layer.padding - layer.kernel) // layer.stride + 1
        if out_size < 1:
            raise InputError(f"image size {image_size} is used up at {name}, whose input is {size} pixels wide")
        specs.append(Spec(name, layer, channels, out_channels, size, out_size))
        channels, size = out_channels, out_size
    features = channels * size * size
    for name, out in (("fc6", FC_WIDTH), ("fc7", FC_WIDTH), ("fc8", num_classes)):
        out_features = out if name == "fc8" else scale_width(out, width, name)
        specs.append(Spec(name, None, features, out_features, 1, 1))
        features = out_features
    return specs
