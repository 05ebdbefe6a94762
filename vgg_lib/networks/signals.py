"""What is left of a signal behind each layer: of the pictures on the way forwards, of the loss on the way back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.networks.model import VGG


@dataclass(frozen=True, slots=True)
class Signal:
    """What a weight layer puts out, before its ReLU, for a batch of pictures: root mean squares.

    ``size`` is that of the outputs; ``variation`` that of their distance from the mean over the pictures, unit by unit,
    which is what tells the pictures apart; ``gradient`` that of the gradient of the mean loss with respect to them.
    """

    size: float
    variation: float
    gradient: float


@machine.full_float32()
def signals(net: VGG, x: Tensor, labels: Tensor) -> dict[str, Signal]:
    """The signal behind each weight layer of ``net``, ``conv1_1`` to ``fc8``, as it is trained but without dropout.

    ``x`` are preprocessed pictures ``(N, 3, image_size, image_size)``, ``labels`` their classes ``(N,)``. Batch
    normalisation takes the statistics of ``x``, and what is measured is its inputs. ``net`` stays as it is.

    Raises :class:`InputError` for fewer than two pictures, which do not vary.

    >>> from vgg_lib.networks.model import vgg
    >>> net = vgg("A", num_classes=10, image_size=32, width=1 / 16)
    >>> list(signals(net, torch.randn(2, 3, 32, 32), torch.tensor([0, 1])))[-1]
    'fc8'
    """
    if len(x) < 2:
        raise InputError(f"signals are measured over several pictures, and {len(x)} was given: give two or more")
    forwards: dict[str, tuple[float, float]] = {}
    backwards: dict[str, float] = {}
    with torch.inference_mode(False), torch.enable_grad():
        net = copy.deepcopy(net).train()
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        for name, layer in net.weight_layers().items():
            layer.register_forward_hook(_measure(name, forwards, backwards))
        functional.cross_entropy(net(x), labels).backward()
    return {name: Signal(*forwards[name], backwards[name]) for name in forwards}


def by_layer(found: Mapping[str, Signal], of: str) -> dict[str, float]:
    """One number of each layer's signal: its ``size``, its ``variation`` or its ``gradient``."""
    return {name: getattr(signal, of) for name, signal in found.items()}


def _measure(name: str, forwards: dict[str, tuple[float, float]], backwards: dict[str, float]) -> Any:
    """A hook that measures a layer's outputs, and their gradient when it comes."""

    def hook(layer: nn.Module, inputs: Any, outputs: Tensor) -> None:
        forwards[name] = _root_mean_square(outputs), _root_mean_square(outputs - outputs.mean(0))
        outputs.register_hook(lambda gradient: backwards.update({name: _root_mean_square(gradient)}))

    return hook


def _root_mean_square(values: Tensor) -> float:
    return float(values.detach().double().square().mean().sqrt())  # float32's squares would overflow or vanish
