"""Table 1 of the paper as data.

A network is a tuple of stages of layers; every stage ends in a 2×2 max-pool, and the last stage is
followed by two fully connected layers of 4096 and the classifier. A network of your own is one line:

>>> import torch
>>> from vgg_lib.networks.model import vgg
>>> NETWORKS["tiny"] = Network((conv(64),), (conv(128), conv(128, kernel=1)))
>>> vgg("tiny", num_classes=10, image_size=32, width=0.25)(torch.zeros(2, 3, 32, 32)).shape
torch.Size([2, 10])
>>> del NETWORKS["tiny"]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vgg_lib.basics.errors import InputError, check_choice

#: Width of the two hidden fully connected layers (Table 1), at ``width=1``.
FC_WIDTH = 4096


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that works on feature maps: what it is, and how far it reaches.

    ``kernel``, ``stride`` and ``padding`` are in pixels of the layer's own input; ``channels`` is
    the number of output channels at ``width=1``, 0 for a layer that keeps its input's channels. ``alpha`` says how much
    the neighbours count in response normalisation, and is of no other layer.
    """

    kind: Literal["conv", "lrn", "pool"]
    channels: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    alpha: float = 1e-4


def conv(channels: int, kernel: int = 3, padding: int | None = None) -> Layer:
    """A convolution with stride 1, followed by a ReLU.

    Without ``padding`` the map keeps its size (§2.1: "the padding is 1 pixel for 3×3"), which for a
    1×1 layer means a padding of 0.

    >>> conv(64).padding, conv(64, kernel=1).padding
    (1, 0)
    """
    return Layer("conv", channels, kernel, padding=kernel // 2 if padding is None else padding)


#: Local response normalisation with AlexNet's parameters (§2.1), after the ReLU of the layer before it.
LRN = Layer("lrn")

#: What LRN is without neighbours: a division by k^β, about 1.7.
CONSTANT = Layer("lrn", alpha=0.0)

#: LRN that takes from inputs of size 1 what AlexNet's takes from inputs of size 70, which is about that of photographs
#: of 0 to 255 minus their mean.
STRONG_LRN = Layer("lrn", alpha=1e-4 * 70**2)

#: The 2×2 max-pool, stride 2, that ends every stage (§2.1).
POOL = Layer("pool", kernel=2, stride=2)


@dataclass(frozen=True, init=False)
class Network:
    """One column of Table 1, or a control derived from one: stages of layers, as data."""

    stages: tuple[tuple[Layer, ...], ...]

    def __init__(self, *stages: tuple[Layer, ...]) -> None:
        if not stages or not all(isinstance(stage, tuple) and stage for stage in stages):
            raise InputError(f"a network is made of stages, each a tuple of one layer or more; got {stages!r}")
        object.__setattr__(self, "stages", stages)

    def layers(self) -> tuple[Layer, ...]:
        """All layers on feature maps in order, each stage's max-pool included."""
        return tuple(layer for stage in self.stages for layer in (*stage, POOL))

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """Pairs of name and layer: ``conv3_2`` is the second convolution of the third stage.

        >>> [name for name, _ in NETWORKS["A-LRN"].named_layers()][:4]
        ['conv1_1', 'lrn1', 'pool1', 'conv2_1']
        """
        for s, stage in enumerate(self.stages, start=1):
            convolutions = 0
            for layer in (*stage, POOL):
                convolutions += layer.kind == "conv"
                yield (f"conv{s}_{convolutions}" if layer.kind == "conv" else f"{layer.kind}{s}"), layer

    @property
    def weight_layers(self) -> int:
        """Number of layers with weights, the paper's measure of depth: 11 for A, 19 for E."""
        return sum(layer.kind == "conv" for layer in self.layers()) + 3


#: What all of A is behind its first stage.
_REST_OF_A = ((conv(128),), (conv(256),) * 2, (conv(512),) * 2, (conv(512),) * 2)

#: Table 1, one column per network, and five controls. Two have another layer where A-LRN has LRN: ``A-constant`` what
#: is left of it without neighbours, ``A-LRN-strong`` one whose neighbours count at inputs of size 1 as well.
#: Three trade stacks of 3×3 for single large filters: ``B-5x5`` is the shallow net of §4.1, ``B-5x5-narrow`` the same
#: with as many weights in its convolutions as B; ``D-7x7`` applies §2.3's argument to the whole of D.
NETWORKS: dict[str, Network] = {
    "A": Network((conv(64),), *_REST_OF_A),
    "A-LRN": Network((conv(64), LRN), *_REST_OF_A),
    "B": Network(*((conv(c),) * 2 for c in (64, 128, 256, 512, 512))),
    "C": Network(
        (conv(64),) * 2,
        (conv(128),) * 2,
        *((conv(c), conv(c), conv(c, kernel=1)) for c in (256, 512, 512)),
    ),
    "D": Network((conv(64),) * 2, (conv(128),) * 2, *((conv(c),) * 3 for c in (256, 512, 512))),
    "E": Network((conv(64),) * 2, (conv(128),) * 2, *((conv(c),) * 4 for c in (256, 512, 512))),
    "A-constant": Network((conv(64), CONSTANT), *_REST_OF_A),
    "A-LRN-strong": Network((conv(64), STRONG_LRN), *_REST_OF_A),
    "B-5x5": Network(*((conv(c, kernel=5),) for c in (64, 128, 256, 512, 512))),
    "B-5x5-narrow": Network(*((conv(c, kernel=5),) for c in (60, 120, 240, 476, 476))),
    "D-7x7": Network((conv(64, kernel=5),), (conv(128, kernel=5),), *((conv(c, kernel=7),) for c in (256, 512, 512))),
}


def resolve(network: str | Network) -> Network:
    """The network of that name in :data:`NETWORKS`, or the one given.

    Raises :class:`InputError` for a name that is not there.
    """
    if isinstance(network, Network):
        return network
    check_choice("network", network, NETWORKS)
    return NETWORKS[network]
