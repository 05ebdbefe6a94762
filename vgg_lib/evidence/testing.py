"""From a trained net to its record: tested where its run says, and written down with all that made it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import Scale
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.evaluation.protocols import Protocol, protocols_for, scales_for
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.origin import origin
from vgg_lib.evidence.records import Evaluation, Record, as_digits, pack_posteriors
from vgg_lib.networks.model import VGG
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.runs import Run
from vgg_lib.training.trained import Trained


def evaluate(
    nets: VGG | Sequence[VGG],
    photos: Photos,
    protocol: Protocol,
    test_set: str,
    *,
    keep: Sequence[str] = ("predictions",),
    progress: bool = True,
) -> Evaluation:
    """Test a net, or several fused, on photographs under a protocol: errors in percent, and what is to be kept.

    ``keep`` may name ``predictions``, the answer for each image, and ``posteriors``, all that the net says of it.
    """
    began = time.perf_counter()
    scores = posteriors(nets, photos.images, protocol, progress=progress)
    seconds = round(time.perf_counter() - began, 2)
    return dataclasses.replace(_evaluation(scores, photos, protocol, test_set, keep), seconds=seconds)


def _evaluation(scores: Tensor, photos: Photos, protocol: Protocol, test_set: str, keep: Sequence[str]) -> Evaluation:
    predicted = "predictions" in keep
    return Evaluation(
        protocol=protocol,
        test_set=test_set,
        errors=top_errors(scores, photos.labels),
        targets=as_digits(photos.labels) if predicted else None,
        predictions=as_digits(scores.argmax(1)) if predicted else None,
        posteriors=pack_posteriors(scores) if "posteriors" in keep else None,
    )


def _tested(net: VGG, photos: Photos, test_set: str, tests: Sequence[Test], progress: bool) -> Iterator[Evaluation]:
    """A net tested in many ways: each scale is gone through once, densely and in crops, and averaged as they say."""
    known: dict[Protocol, Tensor] = {}

    def scores(single: Protocol) -> Tensor:
        if single not in known:
            known[single] = posteriors(net, photos.images, single, progress=progress)
        return known[single]

    for test in tests:
        mean = torch.stack([scores(single) for single in test.protocol.singles()]).mean(0)
        yield _evaluation(mean, photos, test.protocol, test_set, test.keep)


@dataclasses.dataclass(frozen=True, slots=True)
class Test:
    """A protocol to test a net under at the end of its training, and what to keep of it besides the errors."""

    protocol: Protocol
    keep: tuple[str, ...] = ("predictions",)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured of a net at the end of its training: errors under protocols, and whatever else by name."""

    tests: tuple[Test, ...] = ()
    measures: tuple[str, ...] = ()

    def check(self, root: str | Path | None = None) -> None:
        """See, before a long training, that what measuring needs is there; raises :class:`InputError` where not."""
        for name in self.measures:
            MEASURES[name].check(root)


def record(
    trained: Trained, *, root: str | Path | None = None, wanted: Wanted | None = None, progress: bool = True
) -> Record:
    """Test a trained net where its run says, and make the record of it.

    It is tested under the run's own protocol, and measured in all other ways that are ``wanted``.
    """
    run, data, wanted = trained.run, dict(trained.data), wanted or Wanted()
    evaluations: tuple[Evaluation, ...] = ()
    measurements: dict[str, Any] = {}
    if trained.outcome == "finished":
        photos = photos_to_test(run, root)
        data |= photos.identity("test")
        tests = {run.protocol: Test(run.protocol)} | {test.protocol: test for test in wanted.tests}
        evaluations = tuple(_tested(trained.net, photos, run.test_set, list(tests.values()), progress))
    for name in wanted.measures:
        if trained.outcome == "finished" or MEASURES[name].of_diverged:
            measurements[name] = MEASURES[name].take(trained, root)
    device = next(trained.net.parameters()).device
    made_here = _made_here(machine.describe(device, run.preset.precision))
    if trained.engines:
        made_here["origin"] = dataclasses.replace(made_here["origin"], engine="+".join(trained.engines))
    return Record(
        run=run,
        outcome=trained.outcome,
        reason=trained.reason,
        evaluations=evaluations,
        measurements=measurements,
        losses=tuple(loss if math.isfinite(loss) else None for loss in trained.losses),
        seconds=round(trained.seconds, 2),
        processor_seconds=round(trained.processor_seconds, 2),
        classes=len(trained.classes),
        data=data,
        **made_here,
    )


def record_protocols(
    nets: Sequence[VGG], runs: Sequence[Run], *, root: str | Path | None = None, progress: bool = True
) -> Record:
    """Test the first net in every way that the paper compares, then all nets fused, where the first run says.

    ``runs`` are the runs that made the nets. The net is tested at its own scales and at the ends and the middle of the
    preset's jittered range, fusion at the first. The record is one of tests alone: a store puts it beside the
    training's. Its ``seconds`` are those of the testing. Raises :class:`InputError` for a net
    that is to be fused and trained on what the first is tested on.
    """
    run = runs[0]
    for other in runs[1:]:
        if other.test_set == "validation" != run.test_set:
            raise InputError(
                f"{run} is tested on the held-out tenth, on which {other} was trained: fuse nets of one kind"
            )
    photos = photos_to_test(run, root)
    ways = protocols_for(run.scale, run.preset.crop)
    alone = [*ways.values(), *_over_the_range(run.preset.scales)]
    made = [evaluate(nets[0], photos, way, run.test_set, progress=progress) for way in dict.fromkeys(alone)]
    if len(nets) > 1:
        together = tuple(other.key for other in runs[1:])
        for way in (ways["dense"], ways["both, 3 scales"]):
            fused = evaluate(nets, photos, way, run.test_set, progress=progress)
            made.append(dataclasses.replace(fused, fused=together))
    tested = _of_tests_alone(run, nets[0], sum(e.seconds or 0.0 for e in made))
    return dataclasses.replace(tested, evaluations=tuple(made), data=photos.identity("test"))


def record_measures(
    net: VGG, run: Run, names: Sequence[str], *, root: str | Path | None = None, progress: bool = False
) -> Record:
    """Measure a net that ``run`` made by the measures of these names: a record of tests alone.

    Where one of them looks at the run's photographs, the record says which they were, and in what they differ from
    those that were published.

    Raises :class:`~vgg_lib.basics.errors.InputError` for an unknown name, for one that does not fit the run, and
    where what measuring needs is missing.
    """
    for name in names:
        check_choice("measure", name, MEASURES)
        if not MEASURES[name].fits(run):
            of = f"network {run.network}{run.begun}"
            raise InputError(f"measure {name!r} has nothing to measure in {of}: choose another")
    Wanted(measures=tuple(names)).check(root)
    began = time.perf_counter()
    trained = Trained(run, net, ())
    measured = {name: MEASURES[name].take(trained, root, progress=progress) for name in names}
    made = _of_tests_alone(run, net, time.perf_counter() - began)
    data: dict[str, str] = {}
    if any(MEASURES[name].on_own for name in names):
        data = photos_to_train(run, root).identity("train") | photos_to_test(run, root).identity("test")
    return dataclasses.replace(made, measurements=measured, data=data)


def _of_tests_alone(run: Run, net: VGG, seconds: float) -> Record:
    return Record(
        run=run,
        outcome="finished",
        evaluations=(),
        losses=(),
        seconds=round(seconds, 2),
        classes=net.num_classes,
        data={},
        **_made_here(machine.describe(next(net.parameters()).device, "float32")),
    )


def _over_the_range(scales: Sequence[Scale]) -> list[Protocol]:
    """Testing at the ends and the middle of a preset's jittered range, densely and both ways; none without a range."""
    ranges = [scales_for(scale) for scale in scales if not isinstance(scale, int)]
    return [protocol for wide in ranges[:1] for protocol in (Protocol(wide), Protocol(wide, grid=5))]


def failed(run: Run, reason: str) -> Record:
    """The record of a run that could not be trained or tested on this machine."""
    device = machine.best_device()
    return Record(
        run=run,
        outcome="failed",
        reason=reason,
        evaluations=(),
        losses=(),
        seconds=0.0,
        data={},
        **_made_here(machine.describe(device, run.preset.precision)),
    )


def _made_here(described: dict[str, Any]) -> dict[str, Any]:
    """What every record says of where and when it was made."""
    return {
        "memory": machine.peak_memory(),
        "machine": described,
        "date": datetime.now(UTC).date().isoformat(),
        "origin": origin(),
    }
