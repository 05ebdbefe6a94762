"""Golden runs: the first losses of many small trainings, and what lies around them, to three digits.

They stand for the engine. Whatever changes what a training computes, from the pixels of a photograph to the posteriors
of the trained net, changes one of these numbers; what changes none of them left results as they were. So two engines
with the same ``golden.json`` are one, and records carry its digest.

A golden run that is added while an engine has records says more about the same engine. Its numbers go into
``golden_added.json``, which is tested alike and leaves the digest as it is, until a number in either file changes or
goes: then the engine is another, and all numbers move into ``golden.json``.

``python -m vgg_lib.training.golden`` writes both files anew, on one thread. It keeps each list of numbers that still
holds, so that the files change with the results and not with the processor that they were made on.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from vgg_lib.basics import seeds
from vgg_lib.basics.files import replacing
from vgg_lib.data.augmentation import ColourShift, training_batch
from vgg_lib.data.embedded import embedded
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import Scale
from vgg_lib.data.stand_in import write_stand_in
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.model import VGG
from vgg_lib.training.loop import build, train
from vgg_lib.training.photographs import photos_to_train
from vgg_lib.training.presets import Preset
from vgg_lib.training.runs import Run, make_run

PATH = Path(__file__).with_name("golden.json")
ADDED = PATH.with_stem("golden_added")

#: How far a number may be from the one in the file, or which part of it: processors sum in different orders.
TOLERANCE = 2e-3

#: All of a recipe stands here, so that no default of another preset is part of these numbers.
BASE = Preset(
    "golden",
    data="embedded",
    crop=32,
    scales=(36,),
    width=1 / 16,
    epochs=1,
    batch_size=64,
    learning_rate=0.02,
    schedule="one-cycle",
    initialisation=Initialisation("he"),
    size="160px",
    squash=None,
    momentum=0.9,
    weight_decay=5e-4,
    dropout=0.2,
    input_scale="unit",
    colour_shift=False,
    precision="float32",
)
_run = partial(make_run, preset_name=BASE)
_normal, _glorot = partial(Initialisation, "normal"), Initialisation("glorot")

#: Two epochs, each a step of the one-cycle schedule from its start to its end.
WHOLE = _run("A", epochs=2, batch_size=512)

#: The steps of each training that are looked at: ``None`` for all. An epoch of the embedded pictures has 33.
RUNS: dict[str, tuple[Run, int | None]] = {
    "A, two epochs": (WHOLE, None),
    "A, another seed, all photographs": (_run("A", seed=1, train_on="all"), 6),
    "A, momentum 0.5, heavy decay, no dropout": (_run("A", momentum=0.5, weight_decay=0.1, dropout=0.0), 12),
    "A, half of the units dropped": (_run("A", dropout=0.5), 6),
    "A, S from 36 to 72": (_run("A", scale=(36, 72)), 8),
    "A, S from 36 to 72, colour": (_run("A", scale=(36, 72), colour_shift=True), 8),
    "A, S = 54, colour": (_run("A", scale=54, colour_shift=True), 8),
    "A, normal": (_run("A", initialisation=_normal(0.15)), 6),
    "A, normal, paper's input": (_run("A", initialisation=_normal(0.1), input_scale="paper", learning_rate=5e-3), 8),
    "A, normal, fan-in": (_run("A", initialisation=Initialisation("normal-fan-in", 0.03)), 8),
    "A, Glorot, paper's input": (_run("A", initialisation=_glorot, input_scale="paper"), 8),
    "A-LRN, paper's input": (_run("A-LRN", input_scale="paper"), 8),
    "B, batch normalisation": (_run("B", batch_norm=True, learning_rate=2e-3), 5),
    "C": (_run("C"), 8),
    "D from A": (_run("D", warm_start="0" * 16), 8),
    "A, S = 54, fine-tuned": (_run("A", scale=54, warm_start="0" * 16, warm_layers="all"), 6),
    "E, batch normalisation, colour": (_run("E", batch_norm=True, learning_rate=2e-3, colour_shift=True), 4),
}

_photographs = partial(_run, data="imagenette", batch_size=24)

# Weights so small learn nothing, and biases follow how often each class came: nothing here hangs on rounding, the error
# on photographs that are watched jumps, and when the rate was divided shows in all losses from there on.
_plateau = partial(
    _photographs,
    "A",
    initialisation=_normal(1e-4),
    schedule="plateau",
    epochs=16,
    learning_rate=3.0,
    dropout=0.0,
    width=1 / 64,
)

#: The same on generated photographs in Imagenette's folders, some of which are not square.
RUNS_ON_FILES: dict[str, tuple[Run, int | None]] = {
    "A, files, S = 40": (_photographs("A", scale=40, epochs=2), None),
    "A, files, S from 36 to 72": (_photographs("A", scale=(36, 72), colour_shift=True), None),
    "A, squashed, S = 40": (_photographs("A", squash=80, scale=40), None),
    "A, squashed, S from 36 to 60": (_photographs("A", squash=80, scale=(36, 60)), None),
    "A, files, plateau": (_plateau(), None),
    "A, files, plateau, heavy decay": (_plateau(weight_decay=0.02), None),
}

PROTOCOLS = {
    "dense": Protocol((40,), mirror=False),
    "dense, mirrored": Protocol((40,)),
    "dense, three scales": Protocol((36, 48, 64)),
    "crops": Protocol((44,), dense=False, grid=3, mirror=False),
    "centre crop": Protocol((40,), dense=False, grid=1, mirror=False),
    "crops and dense, two scales": Protocol((40, 56), grid=2),
}


def compute(folder: Path) -> dict[str, list[float]]:
    """All numbers by name; generated photographs are written into ``folder``, decoded ones go to the cache folder."""
    root = write_stand_in(folder, per_class=12)
    numbers: dict[str, list[float]] = {}
    nets: dict[str, VGG] = {}
    for name, (run, steps) in (RUNS | RUNS_ON_FILES).items():
        start = nets["A, two epochs"] if run.warm_start else None
        trained = train(run, root=root, start_from=start, device=torch.device("cpu"), max_steps=steps, progress=False)
        nets[name] = trained.net
        numbers[f"losses of {name}"] = trained.steps
    for name, tested in _tested(nets["B, batch normalisation"]):
        numbers[f"posteriors of {name}"] = tested.flatten().tolist()
    for name, batch in _batches(root):
        numbers[f"pixels of {name}"] = _moments(batch).flatten().tolist()
        numbers[f"single pixels of {name}"] = (batch.diagonal(dim1=2, dim2=3)[..., 4::8] / 255).flatten().tolist()
    return {name: [round(value, 3) for value in values] for name, values in numbers.items()}


def _tested(normalised: VGG) -> Iterator[tuple[str, Tensor]]:
    """Posteriors ``(3, 10)`` of three pictures, one of them square, of nets whose scores lie well apart."""
    pictures = embedded("val").images
    shown = [pictures[0], pictures[1][:, :, :50], pictures[2][:, 12:]]
    untrained = build(WHOLE, 10)
    untrained.preprocessing = embedded("train").statistics().preprocessing("unit")
    for name, protocol in PROTOCOLS.items():
        yield name, posteriors(untrained, shown, protocol)
    yield "batch normalisation", posteriors(normalised, shown, Protocol((40,)))
    yield "two nets", posteriors([untrained, normalised], shown, Protocol((40,)))


def _batches(root: Path) -> Iterator[tuple[str, Tensor]]:
    """Crops ``(4, 3, 32, 32)`` as training makes them, for each form in which photographs come."""
    files, squashed = (photos_to_train(_photographs("A", scale=40, squash=squash), root) for squash in (None, 80))
    sets: dict[str, tuple[Photos, Scale]] = {
        "pictures, S = 36": (embedded("train"), 36),
        "pictures, S from 36 to 72": (embedded("train"), (36, 72)),
        "files, S = 40": (files, 40),
        "files, S from 36 to 72": (files, (36, 72)),
        "squashed, S = 40": (squashed, 40),
        "squashed, S from 36 to 60": (squashed, (36, 60)),
    }
    for name, (photos, scale) in sets.items():
        images = photos.prepared(scale).images.take(torch.tensor([5, 16, 27, 38]))
        for colour in (None, ColourShift.from_covariance(photos.statistics().covariance)):
            random = seeds.generator(0, name)
            yield name + (", colour" if colour else ""), training_batch(images, scale, 32, random, colour)


def _moments(batch: Tensor) -> Tensor:
    """Of each image and channel the mean, and how it leans to the right and to the bottom: 1 is white."""
    ramp = torch.linspace(-4, 4, batch.shape[-1])
    moments = [batch.mean((2, 3)), (batch * ramp).mean((2, 3)), (batch * ramp[:, None]).mean((2, 3))]
    return torch.stack(moments) / 255


def kept() -> dict[str, list[float]]:
    """The numbers in both files."""
    return named() | added()


def named() -> dict[str, list[float]]:
    """The numbers in ``golden.json``, whose digest names the engine."""
    numbers: dict[str, list[float]] = json.loads(PATH.read_text())
    return numbers


def added() -> dict[str, list[float]]:
    """The numbers in ``golden_added.json``."""
    numbers: dict[str, list[float]] = json.loads(ADDED.read_text())
    return numbers


def agree(some: list[float], other: list[float]) -> bool:
    """Whether two lists are the same up to :data:`TOLERANCE`.

    >>> agree([2.303, 40.0], [2.302, 40.05]), agree([2.303], [2.31]), agree([2.303], [2.303, 2.3])
    (True, False, False)
    """
    return len(some) == len(other) and all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in zip(some, other, strict=True)
    )


def write() -> None:
    """Compute all numbers and write the files, keeping the lists in them that still hold."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        os.environ["VGG_LIB_CACHE"] = str(Path(folder) / "cache")
        _write(compute(Path(folder)))


def _write(numbers: dict[str, list[float]]) -> None:
    before = kept()
    held = {name: before[name] if agree(before.get(name, []), now) else now for name, now in numbers.items()}
    same_engine = all(held.get(name) == values for name, values in before.items())
    names = named().keys() if same_engine else held.keys()
    for path, part in ((PATH, names), (ADDED, held.keys() - names)):
        lines = [f"{json.dumps(name)}: {json.dumps(held[name])}" for name in held if name in part]
        with replacing(path) as unfinished:
            unfinished.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write()
