"""How a chapter opens: what it asks of the machine, and a welcome where the library has just been installed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pandas as pd
import torch

from vgg_lib.basics import machine
from vgg_lib.evidence.hardware import GPUS, duration, seconds
from vgg_lib.evidence.store import recorded
from vgg_lib.training.runs import Run, make_run

#: GPUs that a reader may have: Colab's, and one of a laboratory.
_GPUS = ("T4", "H100")

HOW_TO_GET_A_GPU = "none: choose Runtime, Change runtime type, T4 GPU, if you want one"


def measured() -> dict[str, Any]:
    """What each chapter took when ``benchmarks/chapters.py`` ran it: seconds, MiB at its peak, and on what machine."""
    kept: dict[str, Any] = json.loads((files("vgg_lib.book") / "chapters.json").read_text(encoding="utf-8"))
    return kept


def takes(name: str, run: Run | None = None) -> pd.DataFrame:
    """What a chapter takes: its cells as they are, and its last cell when it is let train ``run``.

    Each time says whether it was measured or computed: :mod:`vgg_lib.evidence.hardware` says how. A processor's pace is
    that of the record ``first``. A chapter that was not measured yet says so.

    >>> takes("ch03", make_run("A", "laptop", seed=1)).columns[-1]
    'H100'
    """
    pace = recorded("first").find(make_run("A", "laptop", seed=0))
    assert pace is not None
    here = measured().get(name)
    processor = f"processor, {pace.machine['threads']} threads"
    page = {
        processor: _taken(here) if here else "not measured yet",
        **dict.fromkeys(_GPUS, "no GPU needed"),
    }
    rows = {"this page as it is": page}
    if run is not None:
        way = "measured" if run == pace.run else "computed"
        by_gpu = {name: f"{duration(seconds(run, GPUS[name]))} (computed)" for name in _GPUS}
        told = str(run).removesuffix(f", seed {run.seed}")
        rows[f"its last cell, for real: {told}"] = {processor: f"{duration(seconds(run, pace))} ({way})"} | by_gpu
    return pd.DataFrame.from_dict(rows, orient="index")


def _taken(here: dict[str, Any]) -> str:
    return f"{duration(here['seconds'])}, {here['mebibytes'] / 1024:.1f} GiB of memory (measured)"


def welcome(name: str) -> None:
    """Print what was installed beside what was there, the GPU or how to get one, and how long the chapter took."""
    device = machine.best_device()
    about = machine.describe(device)
    print(", ".join(f"{of} {about[of]}" for of in ("vgg_lib", "torch", "torchvision", "python")))
    print("GPU:", torch.cuda.get_device_name() if device.type == "cuda" else HOW_TO_GET_A_GPU)
    here = measured().get(name)
    if here:
        threads = here["machine"]["threads"]
        print(f"This chapter took {duration(here['seconds'])} on {threads} threads of a processor: see the next cell.")
