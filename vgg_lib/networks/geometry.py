"""What a network costs and what it sees, counted from Table 1 without building it.

All counts are exact and for one image: parameters, multiply-adds, activations, receptive fields.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TypedDict, Unpack

import pandas as pd
import torch
from torch import Tensor, nn

from vgg_lib.networks.specification import specify
from vgg_lib.networks.table import Layer, Network


class Size(TypedDict, total=False):
    """The keywords that say which size of a network is meant, as for :func:`~vgg_lib.networks.model.vgg`."""

    num_classes: int
    image_size: int
    width: float
    batch_norm: bool


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer's share of a network, for one image.

    ``activations`` counts the numbers the layer puts out; ``receptive_field`` is in input pixels and
    covers the whole image for a fully connected layer.
    """

    layer: str
    channels: int
    size: int
    parameters: int
    macs: int
    activations: int
    receptive_field: int

    @property
    def kind(self) -> str:
        """``conv``, ``lrn``, ``pool`` or ``fc``."""
        return self.layer.rstrip("0123456789_")


def receptive_field(layers: Iterable[Layer]) -> int:
    """Side, in input pixels, of what one unit after ``layers`` sees (§2.3 of the paper).

    >>> from vgg_lib.networks.table import conv
    >>> receptive_field([conv(64)] * 2), receptive_field([conv(64)] * 3)
    (5, 7)
    """
    size, stride = 1, 1
    for layer in layers:
        size += (layer.kernel - 1) * stride
        stride *= layer.stride
    return size


def layer_costs(
    network: str | Network,
    *,
    num_classes: int = 1000,
    image_size: int = 224,
    width: float = 1.0,
    batch_norm: bool = False,
) -> list[LayerCost]:
    """The cost of each layer, ``conv1_1`` to ``fc8``; raises what :func:`~vgg_lib.networks.model.vgg` raises.

    Multiply-adds (MACs) count convolutions and fully connected layers, biases and ReLUs left out. A
    ReLU works in place and costs no memory; batch normalisation adds two parameters a channel and one
    more copy of the map.
    """
    costs, passed = [], []
    for spec in specify(network, num_classes=num_classes, image_size=image_size, width=width):
        places = spec.out_size**2
        weights = 0
        if spec.layer is None:
            weights = spec.in_channels * spec.out_channels
        else:
            passed.append(spec.layer)
            if spec.layer.kind == "conv":
                weights = spec.layer.kernel**2 * spec.in_channels * spec.out_channels
        normalised = int(batch_norm and spec.layer is not None and spec.layer.kind == "conv")
        costs.append(
            LayerCost(
                layer=spec.name,
                channels=spec.out_channels,
                size=spec.out_size,
                parameters=weights + (spec.out_channels if weights else 0) + 2 * normalised * spec.out_channels,
                macs=weights * places,
                activations=spec.out_channels * places * (1 + normalised),
                receptive_field=image_size if spec.layer is None else receptive_field(passed),
            )
        )
    return costs


def cost_table(network: str | Network, **size: Unpack[Size]) -> pd.DataFrame:
    """:func:`layer_costs` as a table, one row a layer; takes the same keywords."""
    costs = layer_costs(network, **size)
    table = pd.DataFrame([asdict(cost) for cost in costs]).set_index("layer")
    table.insert(0, "kind", [cost.kind for cost in costs])
    return table


def parameters(network: str | Network, **size: Unpack[Size]) -> int:
    """Number of weights and biases (Table 2); takes the keywords of :func:`layer_costs`.

    >>> parameters("D")
    138357544
    """
    return sum(c.parameters for c in layer_costs(network, **size))


def macs(network: str | Network, **size: Unpack[Size]) -> int:
    """Multiply-adds of one forward pass of one image; takes the keywords of :func:`layer_costs`.

    >>> round(macs("D") / 1e9, 2)
    15.47
    """
    return sum(c.macs for c in layer_costs(network, **size))


def activation_bytes(network: str | Network, *, bytes_per_number: int = 4, **size: Unpack[Size]) -> int:
    """Memory, in bytes per image, of the outputs of all layers: most of what training keeps for the backward pass.

    Takes the keywords of :func:`layer_costs`. What PyTorch keeps beside them is not counted: the input image, where
    the pools' largest values are, dropout's masks, LRN's second map. 4 bytes a number are float32, 2 are bfloat16.
    """
    return bytes_per_number * sum(c.activations for c in layer_costs(network, **size))


def measured_receptive_field(module: nn.Module, image_size: int, channels: int = 3) -> Tensor:
    """Where the gradient of the centre unit of ``module``'s output is not zero: a mask ``(H, W)``.

    Theory says which pixels *could* matter, this says which do. Weights are made positive and biases
    zero, so that no contribution cancels and no ReLU closes. ``module`` is left as it was; it maps
    ``(1, channels, H, W)`` to ``(1, C, h, w)``. A max-pool passes the gradient of its largest input
    alone, so it is taken as an average here: what it *can* see is meant.
    """
    layers: list[nn.Module] = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            even = copy.deepcopy(layer).double()
            nn.init.constant_(even.weight, 1 / even.weight[0].numel())
            if even.bias is not None:
                nn.init.zeros_(even.bias)
            layers.append(even)
        elif isinstance(layer, nn.MaxPool2d):
            layers.append(nn.AvgPool2d(layer.kernel_size, layer.stride))
    x = torch.ones(1, channels, image_size, image_size, dtype=torch.float64, requires_grad=True)
    out = nn.Sequential(*layers)(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0) > 0
