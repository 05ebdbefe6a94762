"""What a net sees in photographs of a user's own: one at a time, each decoded at a size that the net needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import inside, is_folder
from vgg_lib.basics.folders import expanded
from vgg_lib.data.decoding import decode, is_photograph
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.model import VGG
from vgg_lib.training.weights import run_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What a net sees in a photograph: classes and probabilities, the best first; or the ``error``, a sentence."""

    photo: str
    classes: tuple[tuple[str, float], ...] = ()
    error: str | None = None


def protocol_of(net: VGG, weights: str | Path | None = None) -> Protocol:
    """The protocol of the run that ``weights`` name, the file of the net: how often it errs was measured under it.

    Where they name none, densely at the scale of the paper's single-scale test: Q = 256 for a crop of 224 pixels
    (§4.1).
    """
    if weights is not None:
        with suppress(InputError):
            return run_of(weights).protocol
    return Protocol(scales=(round(net.image_size * 256 / 224),))


def photographs(given: Iterable[str]) -> Iterator[str]:
    """The photographs that are meant: a folder stands for those in it that are not hidden, in the order of names.

    A folder without any stands for itself, and so does one that cannot be read: :func:`predict` says so. A leading
    ``~`` is the user's home folder.
    """
    for name in given:
        there = str(expanded(name)) if name.startswith("~") else name  # a path of a web address is none any more
        found: list[str] = []
        with suppress(InputError):
            found = _photographs_in(there)
        yield from found or [there]


def _photographs_in(name: str) -> list[str]:
    """The photographs in the folder of that name; none where there is no such folder."""
    there = inside(Path(name)) if name and is_folder(Path(name)) else []
    return [str(path) for path in there if is_photograph(path)]


def predict(
    net: VGG, names: Sequence[str], photos: Iterable[str], top: int, protocol: Protocol | None = None
) -> Iterator[Answer]:
    """What the net sees in each photograph, its ``top`` classes; ``names`` are those of all its classes.

    ``protocol`` says at which scales it looks, :func:`protocol_of` where it is not given. No photograph is in memory
    longer than it is looked at, and one that cannot be read has an error for its answer.
    """
    protocol = protocol or protocol_of(net)
    for photo in photos:
        try:
            _check(photo)
            image = decode(photo, at_least=2 * max(protocol.scales))
            [scores] = posteriors(net, image, protocol)
        except InputError as error:
            told = str(error)
            yield Answer(photo, error=told if photo in told else f"{photo}: {told}")
            continue
        best = scores.topk(min(top, len(names)))
        yield Answer(photo, tuple(zip((names[i] for i in best.indices.tolist()), best.values.tolist(), strict=True)))


def _check(photo: str) -> None:
    """Refuse an empty name, and a folder in which :func:`photographs` found none, or could not look."""
    if not photo:
        raise InputError("a name is empty: name a photograph, or a folder of them")
    if is_folder(Path(photo)) and not _photographs_in(photo):
        raise InputError(f"{photo} holds no photographs: name another folder")
