"""What chapters are made of besides figures: what they take, tables, sentences with numbers in them, verdicts."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pandas as pd
import torch

from vgg_lib.basics import machine
from vgg_lib.basics.errors import check_choice
from vgg_lib.book.pieces import Captioned, Says, verdict
from vgg_lib.evidence.hardware import GPU, GPUS, duration, seconds
from vgg_lib.evidence.store import recorded
from vgg_lib.training.presets import PRESETS
from vgg_lib.training.runs import Run, make_run

__all__ = ["Captioned", "Says", "at", "estimate", "measured", "says", "table", "takes", "verdict", "welcome"]

#: GPUs that a reader may have: Colab's, and one of a laboratory.
_GPUS = ("T4", "H100")

#: A table with a caption, and a sentence made by a cell: see :mod:`vgg_lib.book.pieces`.
table, says = Captioned, Says

HOW_TO_GET_A_GPU = "none: choose Runtime, Change runtime type, T4 GPU, if you want one"


def measured() -> dict[str, Any]:
    """What each chapter took when ``benchmarks/chapters.py`` ran it: seconds, MiB at its peak, and on what machine."""
    kept: dict[str, Any] = json.loads((files("vgg_lib.book") / "chapters.json").read_text(encoding="utf-8"))
    return kept


def takes(name: str, run: Run | None = None) -> Captioned:
    """What a chapter takes: its cells as they are, and the training of ``run`` on real photographs, if you let it.

    Each time says whether it was measured or computed: :mod:`vgg_lib.evidence.hardware` says how. A processor's pace is
    that of the record ``first``, scaled by arithmetic. A chapter that was not measured yet says so.

    >>> takes("ch03", make_run("A", "laptop", seed=1)).frame.columns[-1]
    'H100'
    """
    pace = recorded("first").find(make_run("A", "laptop", seed=0))
    assert pace is not None
    here = measured().get(name)
    processor = f"processor, {pace.machine['threads']} threads"
    rows = {
        "this page": {
            processor: _taken(here) if here else "not measured yet",
            **dict.fromkeys(_GPUS, "no GPU needed"),
        }
    }
    for one in dict.fromkeys((run, at(run, "paper")) if run else ()):
        way = "measured" if one == pace.run else "computed"
        by_gpu = {name: estimate(one, GPUS[name]) for name in _GPUS}
        rows[f"training {one.network} at preset {one.preset.name}"] = {
            processor: f"{duration(seconds(one, pace))} ({way})"
        } | by_gpu
    return Captioned(
        pd.DataFrame.from_dict(rows, orient="index"),
        "What this chapter takes. Times on GPUs are rough guesses, each a range: none was measured.",
    )


def estimate(run: Run, gpu: GPU) -> str:
    """How long a run may take on a GPU, the download and the decoding of its photographs included: a range.

    The computed time rests on two assumptions (:data:`~vgg_lib.evidence.hardware.SHARE` and
    :data:`~vgg_lib.evidence.hardware.STEP`), so the range goes from half of it to three times as much; half a minute to
    two are added for the photographs.

    >>> estimate(make_run("A", "laptop"), GPUS["T4"])
    '1 to 5 minutes (not measured)'
    """
    low, high = (f * seconds(run, gpu) + photographs for f, photographs in ((0.5, 30), (3, 120)))
    unit, length = ("hours", 3600) if high > 4 * 3600 else ("minutes", 60)
    shown = " to ".join(f"{max(1, round(time / length))}" for time in (low, high))
    return f"{shown} {unit} (not measured)"


def at(run: Run, preset: str) -> Run:
    """A run at another preset: its network, normalisation and seed, and the training scale in the same place.

    Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown preset.

    >>> at(make_run("D", "laptop", scale=(73, 146)), "paper").scale
    (256, 512)
    """
    if preset == run.preset.name:
        return run
    check_choice("preset", preset, PRESETS)
    there, scales = PRESETS[preset].scales, run.preset.scales
    scale = there[scales.index(run.scale)] if run.scale in scales else there[0]
    return make_run(run.network, preset, scale=scale, batch_norm=run.batch_norm, seed=run.seed)


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
