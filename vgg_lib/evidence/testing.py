"""From a trained net to its record: tested where its run says, and written down with all that made it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from vgg_lib.basics import machine
from vgg_lib.data.photos import Photos
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.evaluation.protocols import Protocol, protocols_for, scales_for
from vgg_lib.evidence.records import Evaluation, Record, as_digits
from vgg_lib.networks.model import VGG
from vgg_lib.training.loop import Trained
from vgg_lib.training.photographs import photos_to_test
from vgg_lib.training.runs import Run


def evaluate(
    nets: VGG | Sequence[VGG], photos: Photos, protocol: Protocol, test_set: str, *, progress: bool = True
) -> Evaluation:
    """Test a net, or several fused, on photographs under a protocol: errors in percent, prediction for each image."""
    began = time.perf_counter()
    scores = posteriors(nets, photos.images, protocol, progress=progress)
    return Evaluation(
        protocol=protocol,
        test_set=test_set,
        errors=top_errors(scores, photos.labels),
        targets=as_digits(photos.labels),
        predictions=as_digits(scores.argmax(1)),
        seconds=round(time.perf_counter() - began, 2),
    )


def record_protocols(
    nets: Sequence[VGG], runs: Sequence[Run], *, root: str | Path | None = None, progress: bool = True
) -> Record:
    """Test the first net in every way that the paper compares, then all nets fused, where the first run says.

    ``runs`` are the runs that made the nets. The net is tested at its own scales and at the ends and the middle of the
    preset's jittered range, fusion at the first. The record belongs to the first run; it has no losses, and its
    ``seconds`` are those of the testing.
    """
    run, photos = runs[0], photos_to_test(runs[0], root)
    ways = protocols_for(run.scale, run.preset.crop)
    wide = scales_for(next(scale for scale in run.preset.scales if not isinstance(scale, int)))
    alone = [*ways.values(), Protocol(wide), Protocol(wide, grid=5)]
    made = [evaluate(nets[0], photos, way, run.test_set, progress=progress) for way in dict.fromkeys(alone)]
    if len(nets) > 1:
        together = tuple(other.key for other in runs[1:])
        for way in (ways["dense"], ways["both, 3 scales"]):
            fused = evaluate(nets, photos, way, run.test_set, progress=progress)
            made.append(dataclasses.replace(fused, fused=together))
    return Record(
        run=run,
        outcome="finished",
        evaluations=tuple(made),
        losses=(),
        seconds=round(sum(e.seconds or 0.0 for e in made), 2),
        memory=machine.peak_memory(),
        data={"test": photos.fingerprint},
        machine=machine.describe(next(nets[0].parameters()).device, "float32"),
        date=datetime.now(UTC).date().isoformat(),
    )


def record(trained: Trained, *, root: str | Path | None = None, progress: bool = True) -> Record:
    """Test a trained net where its run says, and make the record of it."""
    run, evaluations, data = trained.run, (), dict(trained.data)
    if trained.outcome == "finished":
        photos = photos_to_test(run, root)
        data["test"] = photos.fingerprint
        evaluations = (evaluate(trained.net, photos, run.protocol, run.test_set, progress=progress),)  # type: ignore[assignment]
    device = next(trained.net.parameters()).device
    return Record(
        run=run,
        outcome=trained.outcome,
        reason=trained.reason,
        evaluations=evaluations,
        losses=tuple(loss if math.isfinite(loss) else None for loss in trained.losses),
        seconds=round(trained.seconds, 2),
        processor_seconds=round(trained.processor_seconds, 2),
        memory=machine.peak_memory(),
        data=data,
        machine=machine.describe(device, run.preset.precision),
        date=datetime.now(UTC).date().isoformat(),
    )


def failed(run: Run, reason: str) -> Record:
    """The record of a run that could not be trained or tested on this machine."""
    return Record(
        run=run,
        outcome="failed",
        reason=reason,
        evaluations=(),
        losses=(),
        seconds=0.0,
        memory=None,
        data={},
        machine=machine.describe(machine.best_device(), run.preset.precision),
        date=datetime.now(UTC).date().isoformat(),
    )
