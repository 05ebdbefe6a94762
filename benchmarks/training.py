"""What a training step costs here and with what a user would pick instead. Writes ``training.md``; see the README.

Needs Imagenette (``VGG_LIB_DATA``), some ten minutes, and a machine that does nothing else. All of a table comes from
one run of this file; only the accuracies are read from the records of study ``precision``.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch
from publish import publish
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.models.vgg import make_layers
from torchvision.transforms import v2
from training_input import table as input_table

from vgg_lib import cost_table, macs, make_run, recorded, vgg
from vgg_lib.basics import machine
from vgg_lib.data.archive import FOLDERS
from vgg_lib.data.imagenette import find
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.evidence.store import studies_with_records
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.training.loop import prepare
from vgg_lib.training.parallel import Team

CPU = torch.device("cpu")
LAPTOP = make_run("A", "laptop").preset
JITTERED = next(scale for scale in LAPTOP.scales if isinstance(scale, tuple))
STEPS = 40


def rate(step: Callable[[], object], images: int = LAPTOP.batch_size, steps: int = STEPS) -> float:
    """Images a second: the median over ``steps`` steps, after five that warm up."""
    [one] = rates(step, images=images, steps=steps, rounds=1)
    return one


def rates(
    *kinds: Callable[[], object], images: int = LAPTOP.batch_size, steps: int = STEPS, rounds: int = 4
) -> list[float]:
    """:func:`rate` of each kind of step. They take turns, since a machine is not equally fast all along."""
    times: list[list[float]] = [[] for _ in kinds]
    for _ in range(rounds):
        for step, took in zip(kinds, times, strict=True):
            for n in range(-5, steps // rounds):
                began = time.perf_counter()
                step()
                if n >= 0:
                    took.append(time.perf_counter() - began)
    return [images / median(took) for took in times]


def gflops(network: str, images_a_second: float) -> float:
    """Forward and backward are three times the forward's multiply-adds, and each of those is two operations."""
    work = macs(network, image_size=LAPTOP.crop, num_classes=10, width=LAPTOP.width)
    return 6 * work * images_a_second / 1e9


def product_rate() -> float:
    """Billions of operations a second that this machine reaches on a bfloat16 product of 2048×2048 matrices."""
    a, b = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    return 2 * 2048**3 * rate(lambda: a @ b, images=1, steps=20) / 1e9


def ours(network: str, **choices: object) -> Callable[[], float]:
    """A step of the engine from photographs to new weights, on Imagenette."""
    learner, batches = prepare(make_run(network, "laptop", **choices), Team(CPU), None, None)
    endless = (batch for epoch in itertools.count() for batch in batches.epoch(epoch))
    return lambda: learner.step(*next(endless))


def torchvisions(network: str) -> nn.Module:
    """The same net of torchvision's layers, in their order: here, and not there, maps are pooled before the ReLU."""
    net = vgg(network, num_classes=10, image_size=LAPTOP.crop, width=LAPTOP.width)
    layers = [spec.out_channels if spec.layer.kind == "conv" else "M" for spec in net.specs if spec.layer]
    same = nn.Sequential(make_layers(layers), nn.Flatten(), net.classifier)
    assert [p.shape for p in same.parameters()] == [p.shape for p in net.parameters()]
    return same


def theirs(network: str) -> Callable[[], float]:
    """A step of torchvision's reference recipe for the same net: its loader and transforms, float32, contiguous."""
    root = find()
    if root is None:
        raise SystemExit("set VGG_LIB_DATA to the folder that holds imagenette2-160/")
    transform = v2.Compose([
        v2.PILToTensor(),
        v2.Resize(LAPTOP.scales[0], antialias=True),
        v2.RandomCrop(LAPTOP.crop),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])  # fmt: skip
    data = ImageFolder(str(root / FOLDERS["160px"] / "train"), transform)
    loader = DataLoader(data, LAPTOP.batch_size, shuffle=True, num_workers=2, drop_last=True)
    batches = (batch for _ in range(1000) for batch in loader)
    net = torchvisions(network)
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)

    def step() -> float:
        images, labels = next(batches)
        loss = functional.cross_entropy(net(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def end_to_end() -> list[str]:
    """Rows: photographs to new weights, the engine against torchvision's recipe."""
    rows, products = [], product_rate()
    low, high = JITTERED
    for name, network, choices in (
        ("A", "A", {}),
        ("D", "D", {}),
        ("D in float32", "D", {"precision": "float32"}),
        (f"D, S from {low} to {high}", "D", {"scale": JITTERED}),
    ):
        mine, other = rates(ours(network, **choices), theirs(network))
        share = gflops(network, mine) / products
        rows.append(f"| {name} | {mine:.0f} | {other:.0f} | {mine / other:.1f} | {100 * share:.0f} % |")
    return [
        *rows,
        "",
        f"Peak is what the product of two 2048×2048 bfloat16 matrices reached in the same run: {products:.0f} GFLOP/s.",
    ]


def bare(network: str, *, batch_norm: bool = False, compiled: bool = False, torch_lrn: bool = False) -> float:
    """Images a second of a step without its input, in the precision that this machine trains in."""
    net = vgg(network, num_classes=10, image_size=LAPTOP.crop, width=LAPTOP.width, batch_norm=batch_norm)
    if torch_lrn:
        at = next(i for i, module in enumerate(net.features) if isinstance(module, LocalResponseNorm))
        net.features[at] = nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)
    net = net.to(memory_format=torch.channels_last)
    model = torch.compile(net) if compiled else net
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(LAPTOP.batch_size, 3, LAPTOP.crop, LAPTOP.crop).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (LAPTOP.batch_size,))
    dtype = torch.float32 if torch_lrn else machine.autocast_dtype(CPU)  # PyTorch's layer has no bfloat16

    def step() -> None:
        with machine.autocast(CPU, dtype):
            loss = functional.cross_entropy(model(x), y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return rate(step)


def stages(network: str) -> list[str]:
    """Rows: each stage of a net by itself, forwards and backwards, and what it reaches of the peak."""
    size = {"num_classes": 10, "image_size": LAPTOP.crop, "width": LAPTOP.width}
    net = vgg(network, **size).to(memory_format=torch.channels_last)  # type: ignore[arg-type]
    layers, ends = list(net.features), [0]
    ends += [i + 2 for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]  # the ReLU is behind the pool
    parts = [nn.Sequential(*layers[begin:end]) for begin, end in pairwise(ends)]
    parts.append(nn.Sequential(nn.Flatten(), *net.classifier))
    names = [f"conv{n}" for n in range(1, len(parts))] + ["fc"]
    costs, dtype, products = cost_table(network, **size), machine.autocast_dtype(CPU), product_rate()  # type: ignore[arg-type]
    x = torch.randn(LAPTOP.batch_size, 3, LAPTOP.crop, LAPTOP.crop).contiguous(memory_format=torch.channels_last)
    took, shares = [], []
    for name, part in zip(names, parts, strict=True):

        def step(part: nn.Module = part, x: Tensor = x) -> None:
            part.zero_grad(set_to_none=True)
            with machine.autocast(CPU, dtype):
                out = part(x)
            out.backward(torch.ones_like(out))

        took.append(LAPTOP.batch_size / rate(step))
        work = costs[costs.index.str.startswith(name)]["macs"].sum()
        shares.append(6 * work * LAPTOP.batch_size / took[-1] / 1e9 / products)
        with machine.autocast(CPU, dtype):
            x = part(x).detach().requires_grad_()
    return [
        f"| {name} | {1000 * seconds:.1f} | {100 * seconds / sum(took):.0f} % | {100 * share:.0f} % |"
        for name, seconds, share in zip(names, took, shares, strict=True)
    ]


def lrn_milliseconds(layer: nn.Module, dtype: torch.dtype) -> float:
    """Forward and backward of a normalisation on the maps behind A's first convolution."""
    maps = torch.randn(LAPTOP.batch_size, int(64 * LAPTOP.width), LAPTOP.crop, LAPTOP.crop, dtype=dtype)
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()
    gradient = torch.ones_like(maps)
    return 1000 / rate(lambda: torch.autograd.grad(layer(maps), maps, gradient), images=1, steps=20)


def corners() -> list[str]:
    """Rows: a bare step of every kind of layer, and what is reached of the peak."""
    products, rows = product_rate(), []
    for name, network, choices in (
        ("A", "A", {}),
        ("A with LRN", "A-LRN", {}),
        ("D", "D", {}),
        ("D with batch normalisation", "D", {"batch_norm": True}),
        ("B-5x5", "B-5x5", {}),
        ("D-7x7", "D-7x7", {}),
        ("A, `torch.compile`", "A", {"compiled": True}),
        ("D, `torch.compile`", "D", {"compiled": True}),
    ):
        images = bare(network, **choices)
        share = 100 * gflops(network, images) / products
        rows.append(f"| {name} | {images:.0f} | {1000 * LAPTOP.batch_size / images:.0f} | {share:.0f} % |")
    banded = lrn_milliseconds(LocalResponseNorm(), machine.autocast_dtype(CPU))
    theirs = lrn_milliseconds(nn.LocalResponseNorm(5, alpha=5e-4, k=2.0), torch.float32)
    rows += [
        "",
        f"LRN alone: {banded:.0f} ms a batch; PyTorch's own layer (float32, as it has no bfloat16): {theirs:.0f} ms.",
    ]
    return rows


def side_by_side(network: str) -> str:
    """A row: one training of all threads against one-thread trainings on every core at once, images a second in all."""
    cores = machine.cores()

    def together(processes: int, threads: int) -> float:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "step", network]
        started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(processes)]
        return sum(json.loads(process.communicate()[0]) for process in started)

    one, many = together(1, cores), together(cores, 1)
    return f"| {network} | {one:.0f} | {many:.0f} | {many / one:.2f} |"


def accuracy() -> list[str]:
    """What bfloat16 costs in accuracy and saves in time, from the records of study ``precision``."""
    if "precision" not in studies_with_records():
        return ["Not recorded yet: `vgg-lib run precision` trains A with five seeds in each number format."]
    records = recorded("precision").latest().values()
    by_format = {
        name: {record.run.seed: record for record in records if record.run.preset.precision == name}
        for name in ("auto", "float32")
    }
    seeds = sorted(set(by_format["auto"]) & set(by_format["float32"]))
    pairs = [(by_format["auto"][seed], by_format["float32"][seed]) for seed in seeds]
    mean, low, high = paired_difference([fast.error - plain.error for fast, plain in pairs])
    saved = median(plain.seconds / fast.seconds for fast, plain in pairs)
    errors = [sum(record.error for record in kind) / len(seeds) for kind in zip(*pairs, strict=True)]
    return [
        "| precision | top-1 error on the held-out tenth (%) |",
        "| --- | --- |",
        f"| {pairs[0][0].machine['precision']} products | {errors[0]:.1f} |",
        f"| float32 throughout | {errors[1]:.1f} |",
        "",
        f"Net A of `laptop`, {len(seeds)} seeds, paired: {mean:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}); "
        f"float32 took {saved:.1f} times as long.",
    ]


def main() -> None:
    """Measure, print, and write ``training.md``."""
    about = machine.describe(CPU)
    publish(
        "training",
        [
            f"Measured on {about['processor']}, {about['threads']} threads, PyTorch {about['torch']}; "
            f"preset `laptop`, batches of {LAPTOP.batch_size}.",
            "",
            "**Input**: photographs to normalised batches.",
            "",
            *input_table(),
            "",
            "**End to end**: photographs to new weights, images a second.",
            "",
            "| net | here | torchvision's recipe | ratio | of peak |",
            "| --- | --- | --- | --- | --- |",
            *end_to_end(),
            "",
            "**Bare steps**: no input.",
            "",
            "| net | images/s | ms a step | of peak |",
            "| --- | --- | --- | --- |",
            *corners(),
            "",
            "**Stages of D**: each by itself, forwards and backwards.",
            "",
            "| layers | ms a step | of the time | of peak |",
            "| --- | --- | --- | --- |",
            *stages("D"),
            "",
            "**Side by side**: images a second in all.",
            "",
            f"| net | one training, {machine.cores()} threads | {machine.cores()} trainings, one thread each | ratio |",
            "| --- | --- | --- | --- |",
            *(side_by_side(network) for network in ("A", "D")),
            "",
            "**Accuracy**: what computing in half precision costs.",
            "",
            *accuracy(),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["step"]:
        print(json.dumps(bare(sys.argv[2])))
    else:
        main()
