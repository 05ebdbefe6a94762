"""``vgg-lib transfer``: how good a net's features are for photographs of the reader's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.basics.machine import best_device
from vgg_lib.commands.predict import bars
from vgg_lib.commands.shared import Weights, net_in, weights_or_best
from vgg_lib.data.folder import photo_folder
from vgg_lib.tasks.transfer import Transfer, evaluate_pixels, evaluate_transfer
from vgg_lib.training.loop import untrained
from vgg_lib.training.weights import run_of


def transfer(
    folder: Annotated[Path, typer.Argument(help="Photographs, a folder for each class, in train/ and test/ or not.")],
    weights: Weights = None,
    layer: Annotated[str, typer.Option(help="Whose activations are the features: conv1_1 to fc7.")] = "fc7",
    scale: Annotated[list[int] | None, typer.Option(help="Test scale Q, several if repeated; else the crop.")] = None,
    stack: Annotated[bool, typer.Option("--stack", help="Keep several scales apart rather than average them.")] = False,
    train_per_class: Annotated[int | None, typer.Option(help="Photographs of each class to fit to; else all.")] = None,
    test_per_class: Annotated[int | None, typer.Option(help="Photographs of each class to test on; else all.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Also the same net untrained, and pixels alone.")] = False,
) -> None:
    """Fit a linear SVM to a net's features of a folder of photographs, and say how often it errs (App. B)."""
    path = weights_or_best(weights)
    net, _ = net_in(path)
    # weights that name no run are refused before the work
    before = untrained(run_of(path), net).to(best_device()) if compare else net
    sets = photo_folder(folder, "train"), photo_folder(folder, "test")
    how = Transfer(
        folder.name,
        layers=(layer,),
        scales=tuple(scale) if scale else None,
        combine="stack" if stack else "average",
        train_per_class=train_per_class,
        test_per_class=test_per_class,
    )
    [found] = evaluate_transfer(net, *sets, how, progress=True)
    print(f"error {found.error:.1f} % with {layer} of network {net.name}; C = {found.cost:g}")
    print(bars([(name, error / 100) for name, error in found.errors.items()]))
    if compare:
        [cold] = evaluate_transfer(before, *sets, how, progress=True)
        print(f"error {cold.error:.1f} % with the same net untrained")
        print(f"error {evaluate_pixels(*sets, how, progress=True).error:.1f} % with the pixels alone")
