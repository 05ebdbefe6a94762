"""``vgg-lib predict``: what a net sees in photographs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.book.answering import introduction
from vgg_lib.commands.shared import Weights, net_in, weights_or_best
from vgg_lib.tasks.predict import Answer, photographs, protocol_of
from vgg_lib.tasks.predict import predict as answers


def predict(
    photos: Annotated[list[str], typer.Argument(help="Photographs of your own, or folders of them.")],
    weights: Weights = None,
    top: Annotated[int, typer.Option(help="How many classes to show.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: the net, an object a photograph.")] = False,
) -> None:
    """Say what a trained net sees in photographs, densely at the scale that it was tested at.

    The nets that come with the library were trained on photographs of ten classes. The exit code is 1 where a
    photograph could not be read.
    """
    if top < 1:
        raise InputError(f"--top {top} shows no class: choose 1 or more")
    chosen = weights_or_best(weights)
    net, classes = net_in(chosen, classifier=True)
    asked = introduction(chosen)
    print(f"asked: {asked}", file=sys.stderr)
    names = classes or tuple(f"class {i}" for i in range(net.num_classes))
    given = []
    for answer in answers(net, names, photographs(photos), top, protocol_of(net, chosen)):
        given.append(answer)
        if answer.error is None and not as_json:
            print(f"{answer.photo}\n{bars(answer.classes)}")
    if as_json:
        print(json.dumps({"net": asked, "weights": str(chosen), "photos": [described(a) for a in given]}, indent=1))
    failed = [answer.error for answer in given if answer.error is not None]
    for error in failed:
        print(f"vgg-lib: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def described(answer: Answer) -> dict[str, object]:
    """An answer as JSON has it."""
    if answer.error is not None:
        return {"photo": answer.photo, "error": answer.error}
    return {"photo": answer.photo, "classes": [{"class": name, "probability": p} for name, p in answer.classes]}


def bars(scores: Sequence[tuple[str, float]], width: int = 30) -> str:
    """Lines of name, bar and percentage; scores are probabilities.

    >>> print(bars([("church", 0.75), ("tench", 0.25)], width=8))
    church  ██████    75.0 %
    tench   ██        25.0 %
    """
    longest = max(len(name) for name, _ in scores)
    return "\n".join(f"{name:<{longest}}  {'█' * round(p * width):<{width}}  {100 * p:4.1f} %" for name, p in scores)
