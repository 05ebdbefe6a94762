"""Training a run (§3.1): SGD with momentum on random crops, from photographs to a record."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NoReturn

import torch
from torch import Tensor
from torch.nn import functional
from tqdm.auto import tqdm

from vgg_lib import machine, seeds
from vgg_lib.augmentation import ColourShift, training_batch
from vgg_lib.embedded import embedded
from vgg_lib.errors import InputError
from vgg_lib.evaluation import Protocol, posteriors, protocols_for, scales_for, top_errors
from vgg_lib.imagenette import imagenette
from vgg_lib.initialisation import initialise, warm_start
from vgg_lib.networks import VGG, vgg
from vgg_lib.photos import Photos
from vgg_lib.presets import Preset
from vgg_lib.progress import bar
from vgg_lib.runs import Evaluation, Record, Run, as_digits


@dataclass
class Trained:
    """A net after its training, and what is known of it.

    ``losses`` are the mean training loss of each epoch; ``steps`` the loss of each step; ``seconds`` the wall
    clock of the training alone. ``outcome`` is ``diverged``, with the ``reason``, when the loss became nan.
    """

    run: Run
    net: VGG
    classes: tuple[str, ...]
    outcome: Literal["finished", "diverged"] = "finished"
    reason: str | None = None
    losses: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    data: dict[str, str] = field(default_factory=dict)


def photographs(preset: Preset, split: str, root: str | Path | None = None) -> Photos:
    """The photographs of a preset's world, ``train`` or ``val``; raises what the data set raises."""
    if preset.data == "embedded":
        return embedded(split)
    return imagenette(split, root, size=preset.size, squash=preset.squash)


def photos_to_train(run: Run, root: str | Path | None = None) -> Photos:
    """What ``run`` trains on: nine tenths of the training set, or all of it."""
    photos = photographs(run.preset, "train", root)
    return photos if run.train_on == "all" else photos.without_held_out()


def photos_to_test(run: Run, root: str | Path | None = None) -> Photos:
    """What ``run`` is tested on: the held-out tenth, or the validation images when it trained on everything."""
    if run.test_set == "validation":
        return photographs(run.preset, "val", root)
    return photographs(run.preset, "train", root).held_out()


def build(run: Run, num_classes: int, start_from: VGG | None = None) -> VGG:
    """The net of a run with its starting weights.

    Raises :class:`InputError` when the run starts from a trained net A and none is given, or the other way round.
    """
    if (run.warm_start is None) != (start_from is None):
        wants = f"run {run.warm_start} of net A" if run.warm_start else "no trained net"
        raise InputError(f"the run starts from {wants}; {'none' if start_from is None else 'one'} was given")
    net = vgg(
        run.network,
        num_classes=num_classes,
        image_size=run.preset.crop,
        width=run.preset.width,
        batch_norm=run.batch_norm,
        dropout=run.preset.dropout,
    )
    initialise(net, run.initialisation, run.seed)
    return net if start_from is None else warm_start(net, start_from)


class _Schedule:
    """The learning rate of one training: told each step and each epoch what happened."""

    def __init__(self, optimiser: torch.optim.Optimizer, preset: Preset, total_steps: int) -> None:
        self.cycle: torch.optim.lr_scheduler.OneCycleLR | None = None
        self.plateau: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        if preset.schedule == "one-cycle":
            self.cycle = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, preset.learning_rate, total_steps=total_steps, cycle_momentum=False
            )
        else:  # three divisions by 10 and no more: the paper's
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimiser,
                factor=0.1,
                patience=5,
                threshold=0.1,
                threshold_mode="abs",
                min_lr=preset.learning_rate * 1e-3,
            )

    def step(self) -> None:
        if self.cycle is not None:
            self.cycle.step()

    def epoch(self, held_out_error: float | None) -> None:
        if self.plateau is not None and held_out_error is not None:
            self.plateau.step(held_out_error)


def train(
    run: Run,
    *,
    root: str | Path | None = None,
    start_from: VGG | None = None,
    device: torch.device | None = None,
    max_steps: int | None = None,
    progress: bool = True,
) -> Trained:
    """Train a run to its end and return the net with what is known of it.

    Each epoch's order, and each step's crops, depend on the seed alone: runs of different networks with one
    seed see the same batches. ``max_steps`` stops early, for a rehearsal. The caller's random numbers are left
    as they were.

    A loss that is not finite ends the run as *diverged*. Raises :class:`InputError` for data that is not there
    or cannot be read, and for fewer than 1 step.
    """
    if max_steps is not None and max_steps < 1:
        raise InputError(f"max_steps is {max_steps}: choose 1 or more, or None to train to the end")
    device = device or machine.best_device()
    preset = run.preset
    photos = photos_to_train(run, root)
    statistics = photos.statistics()
    colour = statistics.colour_shift() if preset.colour_shift else None
    watched = photos_to_test(run, root) if preset.schedule == "plateau" else None
    if isinstance(run.scale, int) and isinstance(photos.images, Tensor):
        photos = photos.rescaled(run.scale)  # once, instead of once an epoch

    with torch.random.fork_rng(devices=[]):  # PyTorch draws weights of its own while building
        net = build(run, len(photos.classes), start_from)
    net.preprocessing = statistics.preprocessing(preset.input_scale)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = Trained(run, net, photos.classes, data={"train": photos.fingerprint})

    batch_size = min(preset.batch_size, len(photos))
    per_epoch = len(photos) // batch_size
    total = per_epoch * preset.epochs
    optimiser = torch.optim.SGD(
        net.parameters(), preset.learning_rate, momentum=preset.momentum, weight_decay=preset.weight_decay
    )
    engine = _Engine(run, net, photos, colour, optimiser, _Schedule(optimiser, preset, total), device)
    total = min(total, max_steps or total)
    began = time.perf_counter()
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        bar(total, f"training {run.network}", "step", shown=progress) as steps,
    ):
        torch.manual_seed(run.seed)  # dropout's numbers
        for epoch in range(preset.epochs):
            losses = engine.epoch(epoch, total - len(trained.steps), steps)
            trained.steps += losses
            trained.losses.append(round(sum(losses) / len(losses), 5))
            if not math.isfinite(losses[-1]):
                trained.outcome = "diverged"
                trained.reason = f"the loss became {losses[-1]} at step {len(trained.steps)} (epoch {epoch + 1})"
                break
            if len(trained.steps) >= total:
                break
            engine.schedule.epoch(_error(net, watched, run.protocol) if watched is not None else None)
    if trained.outcome == "finished" and not all(bool(w.isfinite().all()) for w in net.parameters()):
        trained.outcome, trained.reason = "diverged", "the last step made weights that are not finite"
    trained.seconds = round(time.perf_counter() - began, 2)
    return trained


@dataclass
class _Engine:
    """What changes while a run trains, and how it changes in an epoch."""

    run: Run
    net: VGG
    photos: Photos
    colour: ColourShift | None
    optimiser: torch.optim.Optimizer
    schedule: _Schedule
    device: torch.device

    def __post_init__(self) -> None:
        self.dtype = machine.autocast_dtype(self.device, self.run.preset.precision)
        # float16 underflows where bfloat16 does not; disabled, the scaler does nothing.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

    def epoch(self, number: int, most: int, progress: tqdm[NoReturn]) -> list[float]:
        """One pass over the photographs, ``most`` steps at most; the loss of each, ending with the first not finite."""
        preset, photos = self.run.preset, self.photos
        random = seeds.generator(self.run.seed, f"epoch {number}")
        batch_size = min(preset.batch_size, len(photos))
        order = torch.randperm(len(photos), generator=random)[: len(photos) // batch_size * batch_size]
        self.net.train()
        losses = []
        for indices in order.view(-1, batch_size)[:most]:
            batch = training_batch(photos.images[indices], self.run.scale, preset.crop, random, self.colour)
            losses.append(self.step(batch, photos.labels[indices]))
            progress.update()
            progress.set_postfix(loss=f"{losses[-1]:.3f}", epoch=f"{number + 1}/{preset.epochs}", refresh=False)
            if not math.isfinite(losses[-1]):
                break
        return losses

    def step(self, batch: Tensor, labels: Tensor) -> float:
        """One step of gradient descent on crops ``(N, 3, crop, crop)``, 0..255; returns the loss before it."""
        x = self.net.preprocessing(batch.to(self.device)).contiguous(memory_format=torch.channels_last)
        with machine.autocast(self.device, self.dtype):
            loss = functional.cross_entropy(self.net(x), labels.to(self.device))
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        return loss.item()


def _error(net: VGG, photos: Photos, protocol: Protocol) -> float:
    return top_errors(posteriors(net, photos.images, protocol), photos.labels)["top1"]


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
        seconds=trained.seconds,
        memory=machine.peak_memory(),
        data=data,
        machine=machine.describe(device, run.preset.precision),
        date=datetime.now(UTC).date().isoformat(),
    )
