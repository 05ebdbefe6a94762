"""``vgg-lib predict``: what a net sees in photographs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vgg_lib.book.answering import introduction
from vgg_lib.book.export import best_carried
from vgg_lib.commands.shared import trained_weights
from vgg_lib.data.decoding import decode
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.training.weights import load_net


def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photographs of your own.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights to use; else the newest trained here, else those that are carried.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many classes to show.")] = 5,
) -> None:
    """Say what a trained net sees in photographs, densely at its own scale.

    Without weights of your own it is a net that comes with the library, trained on photographs of ten classes.
    """
    trained = [weights] if weights else trained_weights()[-1:]
    chosen = trained[0] if trained else best_carried()
    net, classes = load_net(chosen)
    print(f"asked: {introduction(chosen)}", file=sys.stderr)
    names = classes or tuple(f"class {i}" for i in range(net.num_classes))
    images = [decode(path) for path in photos]
    scores = posteriors(net, images, Protocol(scales=(round(net.image_size * 256 / 224),)))
    for path, row in zip(photos, scores, strict=True):
        best = row.topk(min(top, len(names)))
        shown = [(names[i], float(p)) for p, i in zip(best.values, best.indices.tolist(), strict=True)]
        print(f"{path}\n{bars(shown)}")


def bars(scores: list[tuple[str, float]], width: int = 30) -> str:
    """Lines of name, bar and percentage; scores are probabilities.

    >>> print(bars([("church", 0.75), ("tench", 0.25)], width=8))
    church  ██████    75.0 %
    tench   ██        25.0 %
    """
    longest = max(len(name) for name, _ in scores)
    return "\n".join(f"{name:<{longest}}  {'█' * round(p * width):<{width}}  {100 * p:4.1f} %" for name, p in scores)
