"""What this machine is and has: device, precision, memory, versions."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from vgg_lib._version import __version__
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.processes import processes


def best_device() -> torch.device:
    """The GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_named(given: str | torch.device | None) -> torch.device:
    """The device of that name, the best one for ``None``; raises :class:`InputError` for one that is not here."""
    try:
        chosen = best_device() if given is None else torch.device(given)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device is {given!r}: choose 'cpu' or 'cuda'") from error
    if chosen.type not in ("cpu", "cuda"):
        raise InputError(f"device is {str(chosen)!r}, on which nothing here was tried: choose 'cpu' or 'cuda'")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device is {str(chosen)!r}, and there are {torch.cuda.device_count()} GPUs: choose another")
    return chosen


def autocast_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """The number format that training computes its products in on this device.

    ``auto`` is bfloat16 where the hardware multiplies it (AVX-512 BF16, AMX; Ampere and later), float16 on an
    older GPU, else float32.
    """
    if precision == "float32":
        return torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> Any:
    """A context in which products are computed in ``dtype``."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


@contextmanager
def full_float32() -> Iterator[None]:
    """What computes float32 products on a GPU in float32, not in TensorFloat-32, whatever the caller chose.

    Raises :class:`InputError` where PyTorch cannot tell what the caller chose, to be put back.
    """
    try:
        products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    except RuntimeError as error:
        raise InputError(
            f"PyTorch's settings of TensorFloat-32 contradict each other ({error}): undo what set `fp32_precision`, "
            "and use torch.set_float32_matmul_precision and torch.backends.cudnn.allow_tf32 instead"
        ) from error
    try:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


def random_numbers_of(device: torch.device) -> AbstractContextManager[None]:
    """What is drawn on the processor, and on ``device``, changes nothing that the caller draws."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def seed(device: torch.device, number: int) -> None:
    """Seed the random numbers that :func:`random_numbers_of` puts back: ``torch.manual_seed`` seeds all GPUs."""
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(number)


def cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def cores_for(device: torch.device) -> Iterator[bool]:
    """Hold a core for each thread while something long is computed; whether so many were free, or are not needed.

    Two trainings with two threads each on two cores take twenty times as long as one after the other: their threads
    wait for each other, spinning. Each core is a file that one process at a time locks. One thread needs no core of its
    own, nor does a GPU; and where there is no folder for such files, all cores count as free.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 0
    user = getattr(os, "getuid", lambda: "")()
    folder = Path(tempfile.gettempdir()) / f"vgg_lib-cores-{user}"
    held = 0
    with ExitStack() as locks:
        try:
            folder.mkdir(exist_ok=True)
            for core in range(cores()):
                if held == threads:
                    break
                with suppress(Timeout):
                    locks.enter_context(FileLock(folder / f"{core}.lock", timeout=0))
                    held += 1
        except OSError:
            held = threads
        yield threads <= 1 or held >= min(threads, cores())


def processor() -> str:
    """The processor's name, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe(device: torch.device, precision: str = "auto") -> dict[str, Any]:
    """What a record says of the machine that made it."""
    import torchvision  # in functions alone, as elsewhere: it is slow to import, and few commands need it

    together = {"processes": processes()} if processes() > 1 else {}
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "precision": str(autocast_dtype(device, precision)).removeprefix("torch."),
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # it is a TorchVersion, which no encoder of JSON knows
        "torchvision": torchvision.__version__,
        "vgg_lib": __version__,
    } | together


def peak_memory() -> float | None:
    """Peak resident memory of this process in MiB; ``None`` where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
