"""``vgg-lib describe``: a network layer by layer."""

from __future__ import annotations

from typing import Annotated

import typer

from vgg_lib.networks.geometry import activation_bytes, cost_table, macs, parameters
from vgg_lib.networks.table import NETWORKS, resolve


def describe(
    network: Annotated[str, typer.Argument(help=f"One of {', '.join(NETWORKS)}.")],
    image_size: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    num_classes: Annotated[int, typer.Option(help="Number of classes.")] = 1000,
    width: Annotated[float, typer.Option(help="Factor on every channel count.")] = 1.0,
) -> None:
    """Show a network layer by layer: what it costs and what it sees."""
    table = cost_table(network, image_size=image_size, num_classes=num_classes, width=width)
    for column in ("parameters", "macs", "activations"):
        table[column] = table[column].map("{:,}".format)
    print(table.to_string())
    count = parameters(network, image_size=image_size, num_classes=num_classes, width=width)
    work = macs(network, image_size=image_size, num_classes=num_classes, width=width)
    memory = activation_bytes(network, image_size=image_size, num_classes=num_classes, width=width)
    print(
        f"\n{network}: {resolve(network).weight_layers} weight layers, {count:,} parameters, "
        f"{work / 1e9:.3f} G multiply-adds, {memory / 1e6:.1f} MB of activations in float32 for one image"
    )
