"""Table 1 of the paper as data, and the module that is built from it.

A network is a tuple of stages of layers; every stage ends in a 2×2 max-pool, and the last stage is
followed by two fully connected layers of 4096 and the classifier. A network of your own is one line:

>>> NETWORKS["tiny"] = Network((conv(64),), (conv(128), conv(128, kernel=1)))
>>> vgg("tiny", num_classes=10, image_size=32, width=0.25)(torch.zeros(2, 3, 32, 32)).shape
torch.Size([2, 10])
>>> del NETWORKS["tiny"]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from vgg_lib.errors import InputError, check_choice
from vgg_lib.preprocessing import Preprocessing
from vgg_lib.response_norm import LocalResponseNorm

#: Width of the two hidden fully connected layers (Table 1), at ``width=1``.
FC_WIDTH = 4096


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that works on feature maps: what it is, and how far it reaches.

    ``kernel``, ``stride`` and ``padding`` are in pixels of the layer's own input; ``channels`` is
    the number of output channels at ``width=1``, 0 for a layer that keeps its input's channels.
    """

    kind: Literal["conv", "lrn", "pool"]
    channels: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0


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


#: Table 1, one column per network, and two controls that trade stacks of 3×3 for single large filters.
#: ``B-5x5`` is the shallow net of §4.1; ``D-7x7`` applies §2.3's argument to the whole of D.
NETWORKS: dict[str, Network] = {
    "A": Network((conv(64),), (conv(128),), (conv(256),) * 2, (conv(512),) * 2, (conv(512),) * 2),
    "A-LRN": Network((conv(64), LRN), (conv(128),), (conv(256),) * 2, (conv(512),) * 2, (conv(512),) * 2),
    "B": Network(*((conv(c),) * 2 for c in (64, 128, 256, 512, 512))),
    "C": Network(
        (conv(64),) * 2,
        (conv(128),) * 2,
        *((conv(c), conv(c), conv(c, kernel=1)) for c in (256, 512, 512)),
    ),
    "D": Network((conv(64),) * 2, (conv(128),) * 2, *((conv(c),) * 3 for c in (256, 512, 512))),
    "E": Network((conv(64),) * 2, (conv(128),) * 2, *((conv(c),) * 4 for c in (256, 512, 512))),
    "B-5x5": Network(*((conv(c, kernel=5),) for c in (64, 128, 256, 512, 512))),
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


class Spec(NamedTuple):
    """A layer with everything decided: what :class:`VGG` builds and ``geometry`` counts."""

    name: str
    layer: Layer | None  #: ``None`` for a fully connected layer
    in_channels: int
    out_channels: int
    in_size: int  #: side of the input map in pixels; 1 for a fully connected layer
    out_size: int


def scale_width(channels: int, width: float, name: str) -> int:
    """``channels · width``, rounded down, at least 1 or an :class:`InputError`."""
    scaled = int(channels * width)
    if scaled < 1:
        raise InputError(f"width {width} leaves {name} without channels: choose 1/{channels} or more")
    return scaled


def specify(network: str | Network, *, num_classes: int, image_size: int, width: float) -> list[Spec]:
    """Every layer of a network with its channels and map sizes, the fully connected ones included.

    Raises :class:`InputError` for fewer than 2 classes, an image under 32 pixels (the stride of Table 1's
    networks), an image that is used up before the last pool, or a width that leaves a layer no channels.
    """
    if num_classes < 2:
        raise InputError(f"num_classes is {num_classes}: a classifier needs at least 2")
    if image_size < 32:
        raise InputError(f"image size {image_size} is too small: five 2×2 pools need 32 pixels or more")
    specs = []
    channels, size = 3, image_size
    for name, layer in resolve(network).named_layers():
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


class VGG(nn.Module):
    """A network of Table 1 with weights; built by :func:`vgg`.

    ``features`` and ``classifier`` are numbered like torchvision's, so that the ``state_dict`` of A, B,
    D and E goes both ways. ``preprocessing`` turns photographs into what these weights expect and
    travels with them; ``forward`` itself takes inputs that are ready.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        num_classes: int,
        image_size: int,
        width: float,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise InputError(f"dropout is {dropout}: choose a rate from 0 up to, but not, 1")
        self.network, self.name = network, name
        self.num_classes, self.image_size, self.width = num_classes, image_size, width
        self.batch_norm, self.dropout = batch_norm, dropout
        self.preprocessing = Preprocessing()
        self.specs = specify(network, num_classes=num_classes, image_size=image_size, width=width)

        features: list[nn.Module] = []
        classifier: list[nn.Module] = []
        self._place: dict[str, tuple[str, int]] = {}
        for spec in self.specs:
            if spec.layer is None:
                self._place[spec.name] = ("classifier", len(classifier))
                classifier.append(nn.Linear(spec.in_channels, spec.out_channels))
                if spec.name != "fc8":  # the last layer's outputs are logits: no ReLU
                    classifier += [nn.ReLU(inplace=True), nn.Dropout(dropout)]
            elif spec.layer.kind == "conv":
                self._place[spec.name] = ("features", len(features))
                features.append(
                    nn.Conv2d(spec.in_channels, spec.out_channels, spec.layer.kernel, padding=spec.layer.padding)
                )
                if batch_norm:
                    features.append(nn.BatchNorm2d(spec.out_channels))
                features.append(nn.ReLU(inplace=True))
            elif spec.layer.kind == "lrn":
                features.append(LocalResponseNorm())
            else:
                # The largest value is the same before a ReLU as behind it, and so is its gradient, bit for bit:
                # pooled first, a quarter of the values is left to rectify.
                behind = len(features) - isinstance(features[-1], nn.ReLU)
                features.insert(behind, nn.MaxPool2d(spec.layer.kernel, spec.layer.stride))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)

    def weight_layers(self) -> dict[str, nn.Conv2d | nn.Linear]:
        """The layers with weights by the paper's names, ``conv1_1`` to ``fc8``, in order."""
        return {name: getattr(self, part)[i] for name, (part, i) in self._place.items()}

    def normalisation(self, name: str) -> nn.Module:
        """The batch normalisation behind convolution ``name``; only nets with ``batch_norm=True`` have one."""
        part, place = self._place[name]
        normalisation: nn.Module = getattr(self, part)[place + 1]
        return normalisation

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, num_classes)`` of preprocessed images ``(N, 3, image_size, image_size)``.

        Raises :class:`InputError` for another shape: the first fully connected layer has one weight for
        each place of the last map, so a VGG takes one size. ``evaluation.score_map`` takes any larger one.
        """
        expected = (3, self.image_size, self.image_size)
        if x.ndim != 4 or tuple(x.shape[1:]) != expected:
            raise InputError(
                f"network {self.name} got an input of shape {tuple(x.shape)} and expects (N, {expected[0]}, "
                f"{expected[1]}, {expected[2]}): rescale and crop, or build it with another image_size"
            )
        logits: Tensor = self.classifier(torch.flatten(self.features(x), 1))
        return logits

    def posteriors(self, x: Tensor) -> Tensor:
        """Soft-max of :meth:`forward`: class probabilities ``(N, num_classes)``, each row summing to 1."""
        return self(x).softmax(dim=1)


def vgg(
    name: str | Network,
    *,
    num_classes: int = 1000,
    image_size: int = 224,
    width: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> VGG:
    """Build a network of Table 1 (or a :class:`Network` of your own), with PyTorch's default weights.

    ``width`` scales every channel count and the hidden FC layers alike. ``initialisation.initialise``
    gives it the weights to train from.

    Raises :class:`InputError` for an unknown name, a width that leaves a layer without channels,
    fewer than 2 classes, a dropout outside [0, 1), or an image under 32 pixels.

    >>> net = vgg("A", num_classes=10, image_size=32, width=0.125)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    >>> net(torch.zeros(1, 3, 64, 64))
    Traceback (most recent call last):
    ...
    vgg_lib.errors.InputError: network A got an input of shape (1, 3, 64, 64) and expects (N, 3, 32, 32): \
rescale and crop, or build it with another image_size
    """
    return VGG(
        resolve(name),
        name if isinstance(name, str) else "of your own",
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        batch_norm=batch_norm,
        dropout=dropout,
    )
