"""What testing costs: dense against 50 crops, against torchvision's net on ten crops, and as Q grows.

Run as ``python benchmarks/testing.py``, alone on the machine: three minutes on two cores. All figures of one table
come from one run; it is printed and written beside this file as ``testing.md``, which the README shows.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torchvision
from publish import publish
from torch import Tensor
from torchvision.transforms import v2

from vgg_lib import make_run, recorded
from vgg_lib.basics import machine
from vgg_lib.data.embedded import generate
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol, protocol_macs, protocols_for
from vgg_lib.networks.initialisation import initialise
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.published import CONVENTIONS, load_published

LAPTOP = make_run("A", "laptop")
#: Pictures tested at once by the small nets and by the full-width ones; only their number and size matter here.
PICTURES, LARGE = 64, 8


def photographs(count: int, side: int) -> Tensor:
    """``count`` pictures, uint8 ``(count, 3, side, side)``."""
    images, _, _ = generate(count, seed=0)
    return rescale(images, side)


def net_of_chapter_3() -> VGG:
    """Network A as preset ``laptop`` builds it; its weights do not matter for the time."""
    world = LAPTOP.preset
    net = vgg("A", num_classes=10, image_size=world.crop, width=world.width)
    return initialise(net, world.initialisation, seed=0).to(memory_format=torch.channels_last).eval()


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall clock of ``work`` after one run that warms up."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_mib(protocol: str) -> float:
    """Peak memory, in MiB above that before the test, of a fresh process that tests once under a protocol."""
    out = subprocess.run([sys.executable, __file__, protocol], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def measure_peak(protocol: str) -> float:
    """What :func:`peak_mib` runs in a process of its own (Linux alone can start a peak anew)."""
    net, images = net_of_chapter_3(), photographs(PICTURES, 224)
    net.posteriors(torch.zeros(1, 3, net.image_size, net.image_size))  # loads what PyTorch loads once
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    posteriors(net, images, ways()[protocol])
    return resident("VmHWM") - before


def resident(kind: str) -> float:
    """A figure of this process's memory in MiB: ``VmRSS`` is now, ``VmHWM`` the peak."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind)]
    return int(line.split()[1]) / 1024


def ways() -> dict[str, Protocol]:
    """The protocols compared: the paper's, and dense at the jittered scales."""
    assert isinstance(LAPTOP.scale, int)
    wider = {f"dense, Q = {q}": Protocol((q,)) for q in (110, 146)}
    return protocols_for(LAPTOP.scale, LAPTOP.preset.crop) | wider


def small_nets() -> list[str]:
    """Rows for the net of chapter 3: time, multiply-adds, memory, and the error recorded on photographs."""
    net, images = net_of_chapter_3(), photographs(PICTURES, 224)
    errors = {e.protocol: e.errors["top1"] for e in list(recorded("testing"))[-1].evaluations if not e.fused}
    times = {name: seconds(partial(posteriors, net, images, way)) for name, way in ways().items()}
    rows = []
    for name, way in ways().items():
        error = f"{errors[way]:.1f}" if way in errors else "–"
        rows.append(
            f"| {name} | {1000 * times[name] / PICTURES:.1f} | {times[name] / times['dense']:.1f} | "
            f"{protocol_macs(net, way) / 1e6:,.0f} | {peak_mib(name):.0f} | {error} |"
        )
    return rows


def against_torchvision() -> list[str]:
    """Rows for VGG-11 at full width: torchvision's net on ten crops, and the same weights here, densely."""
    theirs = torchvision.models.vgg11().eval()
    ours = load_published(theirs.state_dict(), "A")
    images = photographs(LARGE, 256)
    convention = CONVENTIONS["torchvision"]
    mean, std = ([x / 255 for x in values] for values in (convention.mean, convention.deviation))
    prepare = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])

    @torch.inference_mode()
    def ten_crops() -> Tensor:
        crops = [prepare(torch.stack(v2.functional.ten_crop(image, [224]))) for image in images]
        return torch.stack([theirs(ten).softmax(1).mean(0) for ten in crops])

    own = {"dense, Q = 256": Protocol((256,)), "50 crops, Q = 256": Protocol((256,), dense=False, grid=5)}
    times = {"torchvision, ten crops": seconds(ten_crops, 3)}
    times |= {name: seconds(partial(posteriors, ours, images, way), 3) for name, way in own.items()}
    reference = times["torchvision, ten crops"]
    return [f"| {name} | {1000 * t / LARGE:.0f} | {t / reference:.2f} |" for name, t in times.items()]


def main() -> None:
    """Measure, print, and write ``testing.md``."""
    about = machine.describe(torch.device("cpu"), "float32")
    lines = [
        f"Measured on {about['processor']}, {about['threads']} threads, float32, PyTorch {about['torch']}.",
        "",
        "Network A of preset `laptop` (64-pixel crops), photographs of 224 pixels; errors: as recorded on Imagenette's "
        "held-out tenth.",
        "",
        "| protocol | ms a photograph | time / dense | M multiply-adds | peak MiB | top-1 error (%) |",
        "| --- | --- | --- | --- | --- | --- |",
        *small_nets(),
        "",
        "VGG-11 at full width (224-pixel crops), photographs of 256 pixels, the same weights.",
        "",
        "| testing | ms a photograph | time / torchvision |",
        "| --- | --- | --- |",
        *against_torchvision(),
    ]
    publish("testing", lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure_peak(sys.argv[1])))
    else:
        main()
