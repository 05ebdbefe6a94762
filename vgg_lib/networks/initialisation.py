"""Starting weights: the paper's normal distribution, Glorot's, He's, and a trained shallow net's.

Every layer draws from a generator of its own, seeded by the seed and the layer's name: networks that
share a layer of the same name and shape start it from the same weights, so that comparisons are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from vgg_lib.basics import seeds
from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.fields import PositiveFloat, check_fields
from vgg_lib.networks.model import VGG, vgg

#: Layers that §3.1 copies from net A: "the first four convolutional layers and the last three fully
#: connected layers". The paper names none; these four are A's first by shape and place.
WARM_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")

KINDS = {
    "normal": "N(0, σ²), the same σ in every layer, as §3.1 says literally",
    "normal-fan-in": "N(0, σ²) with σ corrected layer by layer for the fan-in at the paper's scale",
    "glorot": "Glorot & Bengio (2010), uniform: what the paper's note in §3.1 recommends",
    "he": "He et al. (2015), normal, fan-in: made for ReLU",
}

_WORDS = {
    "normal": "σ = {sigma:g} in all layers",
    "normal-fan-in": "σ = {sigma:g} corrected for fan-in",
    "glorot": "Glorot's weights",
    "he": "He's weights",
}


@dataclass(frozen=True, slots=True)
class Initialisation:
    """How weights are drawn; biases are 0. ``sigma`` belongs to the two normal kinds.

    The paper says "10⁻² variance", which is σ = 0.1; public configurations of the time say σ = 0.01.

    Raises :class:`InputError` for an unknown kind, or a ``sigma`` that is missing, negative or not wanted.
    """

    kind: Literal["normal", "normal-fan-in", "glorot", "he"] = "he"
    sigma: PositiveFloat | None = None

    def __str__(self) -> str:
        """Such as ``he``, or ``normal, σ = 0.1``."""
        return self.kind if self.sigma is None else f"{self.kind}, σ = {self.sigma:g}"

    @property
    def words(self) -> str:
        """What tables and sentences call it.

        >>> Initialisation().words, Initialisation("normal", 0.1).words
        ("He's weights", 'σ = 0.1 in all layers')
        """
        return _WORDS[self.kind].format(sigma=self.sigma)

    def __post_init__(self) -> None:
        check_choice("initialisation", self.kind, KINDS)
        check_fields(self)
        if self.kind.startswith("normal"):
            if self.sigma is None:
                raise InputError(f"initialisation {self.kind!r} needs a sigma above 0, such as 0.01")
        elif self.sigma is not None:
            raise InputError(f"initialisation {self.kind!r} computes its own deviation: leave sigma out")


def fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    """Number of inputs that one output of ``layer`` sums over.

    >>> fan_in(nn.Conv2d(64, 128, 3))
    576
    """
    return layer.weight[0].numel()


def deviations(net: VGG, how: Initialisation) -> dict[str, float]:
    """Standard deviation of the starting weights of each layer of ``net``, ``conv1_1`` to ``fc8``.

    For ``normal-fan-in`` it is σ·√(fan-in at 224 px, full width / fan-in here): the gain per layer,
    √(fan-in / 2)·σ, is then what it would be in the paper's net. ``conv1_1`` keeps σ as its fan-in does
    not change; ``fc6``'s changes with the image size too.
    """
    layers = net.weight_layers()
    if how.kind == "normal-fan-in":
        assert how.sigma is not None
        with torch.device("meta"):
            paper = vgg(net.network, num_classes=net.num_classes).weight_layers()
        return {name: how.sigma * (fan_in(paper[name]) / fan_in(here)) ** 0.5 for name, here in layers.items()}
    if how.kind == "normal":
        assert how.sigma is not None
        return dict.fromkeys(layers, how.sigma)
    if how.kind == "he":
        return {name: (2 / fan_in(layer)) ** 0.5 for name, layer in layers.items()}
    return {name: (2 / (fan_in(layer) + fan_out(layer))) ** 0.5 for name, layer in layers.items()}


def fan_out(layer: nn.Conv2d | nn.Linear) -> int:
    """Number of outputs that one input of ``layer`` feeds: kernel area times output channels."""
    return layer.weight[:, 0].numel()


@torch.no_grad()
def initialise(net: VGG, how: Initialisation, seed: int) -> VGG:
    """Draw ``net``'s weights in place, biases 0, and return it.

    Batch normalisation starts at scale 1 and shift 0. The same seed gives the same weights everywhere.
    """
    for (name, layer), deviation in zip(net.weight_layers().items(), deviations(net, how).values(), strict=True):
        generator = seeds.generator(seed, name)
        drawn = torch.empty(layer.weight.shape)
        if how.kind == "glorot":
            drawn.uniform_(-(3**0.5) * deviation, 3**0.5 * deviation, generator=generator)
        else:
            drawn.normal_(0.0, deviation, generator=generator)
        layer.weight.copy_(drawn)
        assert layer.bias is not None
        layer.bias.zero_()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return net


@torch.no_grad()
def copy_weights(net: VGG, trained: VGG) -> VGG:
    """Copy all weights of a trained net into ``net``, in place: §3.1 trains at S = 384 from what S = 256 gave.

    Raises :class:`InputError`, with ``net`` untouched, when the two are not nets of the same layers and shapes.
    """
    shapes, found = ({name: t.shape for name, t in one.state_dict().items()} for one in (net, trained))
    if shapes != found:
        raise InputError(
            f"the weights of {trained.name} cannot all be copied into {net.name}: build both from the same layers, "
            "with the same width, image size, number of classes and normalisation"
        )
    net.load_state_dict(trained.state_dict())
    return net


def warm_start(net: VGG, from_net_a: VGG) -> VGG:
    """Copy net A's first four convolutions and its three FC layers into ``net``, in place (§3.1).

    The other layers stay as they are. With batch normalisation, that behind a copied convolution is copied too.
    The nets must have the same width, image size and classes, and both or neither normalise.

    Raises :class:`InputError`, with ``net`` untouched, when a layer is missing or differs in shape, or one of the two
    nets alone normalises.
    """
    if net.batch_norm != from_net_a.batch_norm:
        raise InputError(
            "warm start: one of the two nets has batch normalisation and the other has none: build both alike"
        )
    sources, targets = from_net_a.weight_layers(), net.weight_layers()
    for name in WARM_LAYERS:
        for which, layers in (("the net to start", targets), ("the net to start from", sources)):
            if name not in layers:
                raise InputError(f"warm start copies {name}, which {which} does not have")
        here, there = tuple(targets[name].weight.shape), tuple(sources[name].weight.shape)
        if here != there:
            raise InputError(
                f"warm start copies {name}, whose weights are {there} in the trained net and {here} here: "
                "build both with the same width, image size and number of classes"
            )
    for name in WARM_LAYERS:
        targets[name].load_state_dict(sources[name].state_dict())
    if net.batch_norm:
        for name in WARM_LAYERS:
            if name.startswith("conv"):
                net.normalisation(name).load_state_dict(from_net_a.normalisation(name).state_dict())
    return net
