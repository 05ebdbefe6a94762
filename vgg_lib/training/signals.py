"""How the signals within a net change over the first steps of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.networks.model import VGG
from vgg_lib.networks.signals import Signal, signals
from vgg_lib.training.loop import prepare, train
from vgg_lib.training.parallel import Team
from vgg_lib.training.runs import Run


def signals_at(
    run: Run,
    steps: Sequence[int] = (0, 1, 10, 100),
    *,
    root: str | Path | None = None,
    start_from: VGG | None = None,
    device: str | torch.device | None = None,
) -> dict[int, dict[str, Signal]]:
    """The signals of a run's net behind each weight layer after so many training steps, always on its first batch.

    A run that diverges, or has fewer steps, has none from there on. ``root``, ``start_from`` and ``device`` are those
    of :func:`~vgg_lib.training.loop.train`, which trains it, and so is what it raises;
    :class:`~vgg_lib.basics.errors.InputError` also for steps that do not rise from 0 or more.
    """
    if list(steps) != sorted(set(steps)) or min(steps, default=0) < 0:
        raise InputError(f"steps are {list(steps)}: give numbers that rise, from 0 on, such as 0, 1, 10, 100")
    place = machine.device_named(device)
    with machine.random_numbers_of(place):
        learner, batches = prepare(run, Team(place), root, start_from)
    crops, labels = (part.to(place) for part in next(iter(batches.epoch(0))))
    x, net, found = learner.net.preprocessing(crops), learner.net, {}
    with TemporaryDirectory() as folder:
        for step in steps:
            if step > 0:
                trained = train(
                    run,
                    root=root,
                    start_from=start_from,
                    device=place,
                    max_steps=step,
                    checkpoint=Path(folder) / "checkpoint",
                    progress=False,
                )
                net = trained.net
                if trained.outcome == "diverged" or len(trained.steps) < step:
                    break
            found[step] = signals(net, x, labels)
    return found
