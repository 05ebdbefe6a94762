"""``vgg-lib doctor``: what this machine has, and what a run of each preset would take on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn import functional

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import cache_folder, data_folder, free_space, way_out
from vgg_lib.commands.shared import DataFolder
from vgg_lib.data import imagenette
from vgg_lib.data.archive import COUNTS, FOLDERS, photographs_in
from vgg_lib.evidence.hardware import PHOTOGRAPHS, duration
from vgg_lib.networks.model import vgg
from vgg_lib.training.presets import PRESETS, Preset

#: What to say of a preset whose batch, which is timed whole on a GPU, is more than it holds.
_TOO_LARGE = (
    "its batch of {} does not fit in the GPU's memory: share it among several with torchrun, or choose a smaller one "
    "with make_run(…, batch_size=…)"
)


def doctor(data: DataFolder = None) -> None:
    """Say what this machine has, and what a run of each preset would take on it."""
    for name, value in examine(data):
        print(f"{name:<18}{value}")


def examine(root: Path | None = None) -> Iterator[tuple[str, str]]:
    """Pairs of what was looked at and what was found; the last ones time a few steps, so they take a while."""
    device = machine.best_device()
    about = machine.describe(device)
    gpu = torch.cuda.get_device_name() if device.type == "cuda" else "none found: runs use the processor"
    yield "processor", f"{about['processor']}, {about['threads']} threads"
    yield "GPU", gpu
    yield "precision", f"{about['precision']} for products, float32 for the rest"
    for name in ("python", "torch", "torchvision", "vgg_lib"):
        yield name, about[name]
    yield "Imagenette", _where_data_is(root)
    for name, folder in (("data folder", data_folder()), ("cache folder", cache_folder())):
        free = free_space(folder)
        yield name, f"{folder}, " + (way_out(folder) if free is None else f"{free / 1e9:.1f} GB free")
    for preset in PRESETS.values():
        try:
            takes = f"network A in about {_duration(preset, device)}"
        except torch.OutOfMemoryError:
            takes = _TOO_LARGE.format(preset.batch_size)
        yield f"preset {preset.name}", takes


def _where_data_is(root: Path | None) -> str:
    try:
        found = imagenette.find(root)
        if found is None:
            return "not found: " + imagenette.HOW_TO_GET_IT.format(folder=FOLDERS["160px"])
        count = len(photographs_in(found / FOLDERS["160px"] / "train"))
    except InputError as error:
        return str(error)
    whole = sum(COUNTS["train"])
    return f"{found}" if count == whole else f"{found}, with {count:,} photographs to train on instead of {whole:,}"


def _duration(preset: Preset, device: torch.device) -> str:
    """Time of one run of A, from the fastest of three timed steps on a small batch; data loading not counted."""
    images = 32 if preset.crop <= 64 else 2
    if device.type == "cuda":
        images = preset.batch_size
    net = vgg("A", num_classes=10, image_size=preset.crop, width=preset.width).to(device)
    net = net.to(memory_format=torch.channels_last)
    x = torch.randn(images, 3, preset.crop, preset.crop, device=device)
    y = torch.zeros(images, dtype=torch.long, device=device)
    dtype = machine.autocast_dtype(device, preset.precision)
    times = []
    for _ in range(4):  # the first one warms up
        began = time.perf_counter()
        with machine.autocast(device, dtype):
            loss = functional.cross_entropy(net(x), y)
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        net.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - began)
    photographs, held_out = PHOTOGRAPHS[preset.data]
    seconds = min(times[1:]) / images * (photographs - held_out) * preset.epochs
    return duration(seconds)
