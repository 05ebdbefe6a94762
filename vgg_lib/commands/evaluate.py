"""``vgg-lib evaluate``: weights under one protocol."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, cast

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.commands.shared import DataFolder, net_in, newest_weights
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import testing
from vgg_lib.training.photographs import photographs
from vgg_lib.training.presets import preset
from vgg_lib.training.weights import run_of


def evaluate(
    weights: Annotated[
        list[Path] | None, typer.Option(help="Weights to test, several times to fuse them; else the newest trained.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="Refuse weights of any other network.")] = None,
    preset_name: Annotated[str, typer.Option("--preset", help="Whose photographs to test on.")] = "quick",
    scale: Annotated[
        list[int] | None, typer.Option(help="Test scale Q in pixels, several times for several; else the preset's S.")
    ] = None,
    dense: Annotated[bool, typer.Option(help="Apply the net to the whole image (§3.2).")] = True,
    grid: Annotated[int | None, typer.Option(help="Crops along each side, 5 in the paper (§4.3).")] = None,
    mirror: Annotated[bool, typer.Option(help="Average with the mirrored image.")] = True,
    data: DataFolder = None,
) -> None:
    """Test weights under a protocol: on the held-out tenth, or on the validation images where they trained on all."""
    paths = weights or [newest_weights()]
    loaded = [net_in(path, network, classifier=True) for path in paths]
    nets = [net for net, _ in loaded]
    world = preset(preset_name)
    protocol = Protocol(tuple(scale or [cast(int, world.scales[0])]), dense=dense, grid=grid, mirror=mirror)
    test_set = test_set_of(paths)
    photos = photographs(world, "train", data).held_out() if test_set == "held-out" else photographs(world, "val", data)
    for net, classes in loaded:
        if net.num_classes != len(photos.classes):
            mismatch = f"tell {net.num_classes} classes apart, preset {world.name!r} has {len(photos.classes)}"
        elif classes and classes != photos.classes:
            mismatch = f"know {', '.join(classes[:3])} …, the photographs of preset {world.name!r} are of other classes"
        else:
            continue
        raise InputError(f"the weights {mismatch}: choose the preset that they were trained with")
    result = testing.evaluate(nets, photos, protocol, test_set)
    names = " and ".join(net.name for net in nets)
    print(f"network {names}, {len(photos)} {test_set} images of {world.name!r}, {protocol}")
    print("  ".join(f"{name} error {error:.1f} %" for name, error in result.errors.items()))


def test_set_of(weights: list[Path]) -> str:
    """Where weights may be tested: ``validation`` where one of them trained on all training images.

    Weights that name no run are taken to know none of the held-out tenth.
    """
    for path in weights:
        with suppress(InputError):
            if run_of(path).test_set == "validation":
                return "validation"
    return "held-out"
