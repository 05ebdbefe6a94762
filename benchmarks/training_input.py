"""Photographs to normalised batches: torchvision's pipeline, and photographs decoded once. ``table()`` is the result.

Run as ``python benchmarks/training_input.py``, with Imagenette in the folder that ``VGG_LIB_DATA`` names, alone on the
machine: three minutes on two cores, and half a minute more the first time, when the photographs are decoded. Printed;
``training.py`` makes it part of its table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from vgg_lib import make_run
from vgg_lib.basics import machine
from vgg_lib.data.archive import FOLDERS
from vgg_lib.data.augmentation import draw, training_batch
from vgg_lib.data.imagenette import find, imagenette
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import Scale, rescale

LAPTOP = make_run("A", "laptop").preset
FIXED, JITTERED = LAPTOP.scales[0], LAPTOP.scales[-1]
#: Batches of one pass, and passes of each pipeline; theirs and ours take turns.
BATCHES, PASSES = 120, 5
#: The format of the products that resample, as the preset's training has it on this machine.
DTYPE = machine.autocast_dtype(torch.device("cpu"), LAPTOP.precision)


def photographs() -> Photos:
    """Imagenette's training set as the preset takes it; ends the program where there is none to be found."""
    if not os.environ.get("VGG_LIB_DATA"):
        raise SystemExit(f"set VGG_LIB_DATA to the folder that holds {FOLDERS[LAPTOP.size]}/, then run this again")
    return imagenette("train", size=LAPTOP.size, squash=LAPTOP.squash)


def theirs(scale: Scale, backend: str) -> Iterator[Tensor]:
    """Batches of torchvision's pipeline, without end: two workers, resizing PIL images or tensors."""
    resize: v2.Transform
    if isinstance(scale, int):
        resize = v2.Resize(scale, antialias=True)
    else:
        resize = v2.RandomShortestSize(list(range(scale[0], scale[1] + 1)), antialias=True)
    place = [resize, v2.RandomCrop(LAPTOP.crop), v2.RandomHorizontalFlip()]
    steps = [v2.PILToTensor(), *place] if backend == "tensor" else [*place, v2.PILToTensor()]
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.46, 0.46, 0.43], [0.28, 0.28, 0.3])]
    root = find(size=LAPTOP.size)
    assert root is not None
    folder = ImageFolder(str(root / FOLDERS[LAPTOP.size] / "train"), v2.Compose([*steps, *end]))
    loader = DataLoader(folder, LAPTOP.batch_size, shuffle=True, num_workers=2, drop_last=True)
    while True:
        for batch, _ in loader:
            yield batch


def ours(photos: Photos, scale: Scale) -> Iterator[Tensor]:
    """Batches as training makes them, without end: drawn, cut, normalised."""
    preprocessing = photos.statistics().preprocessing(LAPTOP.input_scale)
    prepared, random = photos.prepared(scale), torch.Generator().manual_seed(0)
    while True:
        for indices in torch.randperm(len(photos), generator=random).split(LAPTOP.batch_size):
            some = prepared.images.take(indices)
            yield preprocessing.in_place(training_batch(some, scale, LAPTOP.crop, random, None, DTYPE))


def rate(batches: Iterator[Tensor], warm_up: int) -> float:
    """Images a second over :data:`BATCHES` batches."""
    for _ in range(warm_up):
        next(batches)
    began, images = time.perf_counter(), 0
    for _ in range(BATCHES):
        images += len(next(batches))
    return images / (time.perf_counter() - began)


def speeds(scale: Scale) -> tuple[float, float]:
    """Images a second, theirs (the faster of its two ways) and ours: medians of passes that take turns."""
    own = ours(photographs(), scale)
    theirs_of: dict[str, list[float]] = {"pil": [], "tensor": []}
    ours_of: list[float] = []
    for _ in range(200):  # products of new sizes are prepared once
        next(own)
    for _ in range(PASSES):
        for backend, rates in theirs_of.items():
            rates.append(rate(theirs(scale, backend), warm_up=8))  # what the workers made ahead of time
            ours_of.append(rate(own, warm_up=20))  # the memory that is shared with workers until it is written to
    return max(map(median, theirs_of.values())), median(ours_of)


def anonymous_mib(scale: Scale) -> float | None:
    """Resident anonymous memory of a fresh process after an epoch, in MiB; ``None`` where the system does not tell."""
    if not Path("/proc/self/status").exists():
        return None
    ends = str(scale) if isinstance(scale, int) else "-".join(map(str, scale))
    out = subprocess.run([sys.executable, __file__, ends], capture_output=True, text=True, check=True)
    return float(out.stdout)


def measure_anonymous(scale: Scale) -> float:
    """What :func:`anonymous_mib` runs in a process of its own."""
    photos = photographs()
    batches = ours(photos, scale)
    for _ in range(-(-len(photos) // LAPTOP.batch_size)):
        next(batches)
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("RssAnon")]
    return int(line.split()[1]) / 1024


def difference(scale: Scale, every: int = 100) -> float:
    """Mean absolute difference of crops to rescaling each photograph and cropping it, of 255: the worst S."""
    photos = photographs()
    few = photos.take(torch.arange(0, len(photos), every))
    prepared = few.prepared(scale).images
    [pixels], worst = few.images.load(torch.arange(len(few))), 0.0
    for s in [scale] if isinstance(scale, int) else range(scale[0], scale[1] + 1):
        crops = draw(prepared, s, LAPTOP.crop, torch.Generator().manual_seed(s)).crops
        direct = rescale(pixels, s).float()
        direct = torch.stack(
            [
                image[:, top : top + LAPTOP.crop, left : left + LAPTOP.crop]
                for image, top, left in zip(direct, crops.top, crops.left, strict=True)
            ]
        )
        direct = torch.where(crops.flip[:, None, None, None], direct.flip(3), direct)
        cut = prepared.cut(crops, scale, LAPTOP.crop, DTYPE)
        worst = max(worst, float((cut - direct).abs().mean()))
    return worst


def row(name: str, scale: Scale) -> str:
    """One line of the table."""
    other, own = speeds(scale)
    memory = anonymous_mib(scale)
    return (
        f"| {name} | {other:,.0f} | {own:,.0f} | {own / other:.1f} | {'–' if memory is None else f'{memory:.0f}'} | "
        f"{difference(scale):.2f} |"
    )


def table() -> list[str]:
    """The lines of the table, Markdown."""
    photographs()
    return [
        "| S | torchvision, images/s | here, images/s | ratio | anonymous MiB | difference, of 255 |",
        "| --- | --- | --- | --- | --- | --- |",
        row(f"{FIXED}", FIXED),
        row(f"{JITTERED[0]} to {JITTERED[1]}" if isinstance(JITTERED, tuple) else f"{JITTERED}", JITTERED),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ends = [int(end) for end in sys.argv[1].split("-")]
        print(measure_anonymous(ends[0] if len(ends) == 1 else (ends[0], ends[1])))
    else:
        print("\n".join(table()))
