"""The module that is built from a network of Table 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgg_lib.basics.errors import InputError
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.networks.specification import specify
from vgg_lib.networks.table import Network, resolve


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
                features.append(LocalResponseNorm(alpha=spec.layer.alpha))
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
        """The batch normalisation behind convolution ``name``.

        Raises :class:`InputError` for a net without it, and for a name that is no convolution of this net.
        """
        part, place = self._place.get(name, ("", 0))
        if not self.batch_norm or part != "features":
            way_out = "name a convolution, such as 'conv1_1'" if self.batch_norm else "build it with batch_norm=True"
            raise InputError(f"network {self.name} has no batch normalisation behind {name!r}: {way_out}")
        normalisation: nn.Module = self.features[place + 1]
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

    Raises :class:`InputError` for an unknown name, a number of another type, a width that leaves a layer
    without channels, fewer than 2 classes, a dropout outside [0, 1), or an image too small
    for the network's pools, 32 pixels in Table 1.

    >>> net = vgg("A", num_classes=10, image_size=32, width=0.125)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    >>> net(torch.zeros(1, 3, 64, 64))
    Traceback (most recent call last):
    ...
    vgg_lib.basics.errors.InputError: network A got an input of shape (1, 3, 64, 64) and expects (N, 3, 32, 32): \
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
