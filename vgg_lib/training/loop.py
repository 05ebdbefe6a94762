"""Training a run (§3.1): SGD with momentum on random crops, from photographs to a record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgg_lib.basics import machine, seeds
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.progress import bar
from vgg_lib.data.augmentation import ColourShift, as_drawn, draw
from vgg_lib.data.photos import Photos
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.initialisation import initialise, warm_start
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.training.checkpoints import load_state, save_state
from vgg_lib.training.parallel import Team, team
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.presets import Preset
from vgg_lib.training.runs import Run

#: Seconds after which a state is kept within an epoch; each epoch's end keeps one in any case.
KEEP_EVERY = 60.0

#: What a checkpoint holds of a :class:`Trained` besides the net.
_KEPT = ("steps", "seconds", "processor_seconds")

#: Told of each step: steps done, steps in all, the loss.
Watch = Callable[[int, int, float], None]


@dataclass
class Trained:
    """A net after its training, and what is known of it.

    ``losses`` are the mean training loss of each epoch; ``steps`` the loss of each step; ``seconds`` the wall
    clock of the training alone, ``processor_seconds`` what this process's threads computed in it. ``outcome`` is
    ``diverged``, with the ``reason``, when the loss became nan.
    """

    run: Run
    net: VGG
    classes: tuple[str, ...]
    outcome: Literal["finished", "diverged"] = "finished"
    reason: str | None = None
    losses: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    data: dict[str, str] = field(default_factory=dict)

    def spend(self, since: Clocks) -> Clocks:
        """Add the time since ``since`` to what the training took; returns what the clocks say now."""
        now = Clocks.read()
        self.seconds += now.wall - since.wall
        self.processor_seconds += now.processor - since.processor
        return now


class Clocks(NamedTuple):
    """What the clocks say, in seconds: pauses and other programs' work count on the wall, not on the processor."""

    wall: float
    processor: float

    @classmethod
    def read(cls) -> Clocks:
        """What they say now."""
        return cls(time.perf_counter(), time.process_time())


def build(run: Run, num_classes: int, start_from: VGG | None = None) -> VGG:
    """The net of a run with its starting weights.

    Raises :class:`InputError` when the run starts from a trained net A and none is given, or the other way round.
    """
    if (run.warm_start is None) != (start_from is None):
        wants = f"run {run.warm_start} of net A" if run.warm_start else "no trained net"
        raise InputError(f"the run starts from {wants}; {'none' if start_from is None else 'one'} was given")
    net = vgg(
        run.layers,
        num_classes=num_classes,
        image_size=run.preset.crop,
        width=run.preset.width,
        batch_norm=run.batch_norm,
        dropout=run.preset.dropout,
    )
    net.name = run.network
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
    checkpoint: Path | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> Trained:
    """Train a run to its end and return the net with what is known of it.

    Each epoch's order, and each step's crops, depend on the seed alone: runs of different networks with one
    seed see the same batches. ``max_steps`` stops early, for a rehearsal. The caller's random numbers are left
    as they were.

    With ``checkpoint`` the whole state is kept in that file after each epoch, and each minute within one; where the
    file is there the training goes on from it, and ends with the same weights as one that was never interrupted.
    ``watch`` is told of each step. Under ``torchrun`` the processes share each batch
    (:mod:`vgg_lib.training.parallel`); all return the same net, and the one of rank 0 alone writes.

    A loss that is not finite ends the run as *diverged*. Raises :class:`InputError` for data that is not there
    or cannot be read, for fewer than 1 step, and for a checkpoint that is damaged or of another run.
    """
    if max_steps is not None and max_steps < 1:
        raise InputError(f"max_steps is {max_steps}: choose 1 or more, or None to train to the end")
    together = team(device or machine.best_device())
    with _repeatable(together.device):
        with together.leader_first():
            training = _Training.prepare(run, together, root, start_from)
        training.join()
        if checkpoint is not None:
            training.resume(checkpoint)
        total = min(training.total, max_steps or training.total)
        shown = progress and together.leads
        with bar(total, f"training {run.network}", "step", shown=shown, done=len(training.trained.steps)) as steps:

            def report(done: int, loss: float) -> None:
                steps.update()
                steps.set_postfix(loss=f"{loss:.3f}", epoch=f"{training.epoch + 1}/{run.preset.epochs}", refresh=False)
                if watch is not None:
                    watch(done, total, loss)

            return training.to_the_end(total, report)


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Leave the caller's random numbers alone, and let a GPU choose its algorithms the same way each time."""
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield


@dataclass
class _Training:
    """What changes while a run trains, how it changes in a step, and how it is kept."""

    run: Run
    net: VGG
    photos: Photos
    watched: Photos | None  #: what the plateau schedule watches
    colour: ColourShift | None
    optimiser: torch.optim.Optimizer
    schedule: _Schedule
    together: Team
    trained: Trained
    checkpoint: Path | None = None
    epoch: int = 0
    place: int = 0  #: steps done in this epoch

    @classmethod
    def prepare(cls, run: Run, together: Team, root: str | Path | None, start_from: VGG | None) -> _Training:
        """A run before its first step."""
        preset = run.preset
        photos = photos_to_train(run, root)
        statistics = photos.statistics()
        photos = photos.prepared(run.scale)  # once, instead of once an epoch
        net = build(run, len(photos.classes), start_from)
        net.preprocessing = statistics.preprocessing(preset.input_scale)
        net.to(together.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.SGD(
            net.parameters(), preset.learning_rate, momentum=preset.momentum, weight_decay=preset.weight_decay
        )
        total = len(photos) // min(preset.batch_size, len(photos)) * preset.epochs
        torch.manual_seed(run.seed + together.rank)  # dropout's numbers
        return cls(
            run,
            net,
            photos,
            photos_to_test(run, root) if preset.schedule == "plateau" else None,
            ColourShift.from_covariance(statistics.covariance) if preset.colour_shift else None,
            optimiser,
            _Schedule(optimiser, preset, total),
            together,
            Trained(run, net, photos.classes, data={"train": photos.fingerprint}),
        )

    def __post_init__(self) -> None:
        self.batch_size = min(self.run.preset.batch_size, len(self.photos))
        self.per_epoch = len(self.photos) // self.batch_size
        self.total = self.per_epoch * self.run.preset.epochs
        self.dtype = machine.autocast_dtype(self.together.device, self.run.preset.precision)
        # float16 underflows where bfloat16 does not; disabled, the scaler does nothing.
        self.scaler = torch.amp.GradScaler(self.together.device.type, enabled=self.dtype == torch.float16)
        self.mine = self.together.share(self.batch_size)
        self.model: nn.Module = self.net

    def join(self) -> None:
        """Train together with the other processes from now on: each of them comes here."""
        self.model = self.together.wrap(self.net)

    def to_the_end(self, total: int, report: Callable[[int, float], None]) -> Trained:
        """Train until ``total`` steps are done or the loss is not finite."""
        trained = self.trained
        clocks = kept = Clocks.read()
        while self._goes_on(total):
            for batch, labels in self._rest_of_epoch():
                trained.steps.append(self.step(batch, labels))
                self.place += 1
                clocks = trained.spend(clocks)
                report(len(trained.steps), trained.steps[-1])
                if not self._goes_on(total):
                    break
                if self.place < self.per_epoch and self.together.told(clocks.wall - kept.wall > KEEP_EVERY):
                    self.keep()
                    kept = clocks
            if self.place == self.per_epoch:
                self.schedule.epoch(self._held_out_error())
                self.epoch, self.place = self.epoch + 1, 0
            self.keep()
        if not math.isfinite(trained.steps[-1]):
            trained.outcome = "diverged"
            trained.reason = (
                f"the loss became {trained.steps[-1]} at step {len(trained.steps)} (epoch {self.epoch + 1})"
            )
        elif not all(bool(w.isfinite().all()) for w in self.net.parameters()):
            trained.outcome, trained.reason = "diverged", "the last step made weights that are not finite"
        trained.spend(clocks)
        epochs = (trained.steps[i : i + self.per_epoch] for i in range(0, len(trained.steps), self.per_epoch))
        trained.losses = [round(sum(losses) / len(losses), 5) for losses in epochs]
        return trained

    def _held_out_error(self) -> float | None:
        """What the plateau schedule watches, in percent: one process looks, so that all divide their rates alike."""
        if self.watched is None:
            return None
        leads = self.together.leads
        return self.together.told(_error(self.net, self.watched, self.run.protocol) if leads else None)

    def _goes_on(self, total: int) -> bool:
        steps = self.trained.steps
        return len(steps) < total and (not steps or math.isfinite(steps[-1]))

    def _rest_of_epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of this epoch that are not done yet, of each this process's part: crops and labels.

        Every process draws for all batches and for the whole of each, so that what is drawn depends neither on where
        the training went on nor on how many processes there are; it cuts its part alone.
        """
        preset, photos, scale = self.run.preset, self.photos, self.run.scale
        random = seeds.generator(self.run.seed, f"epoch {self.epoch}")
        order = torch.randperm(len(photos), generator=random)[: self.per_epoch * self.batch_size]
        self.net.train()
        resampled_in = machine.autocast_dtype(torch.device("cpu"), preset.precision)  # the processor makes the crops
        for place, indices in enumerate(order.view(-1, self.batch_size), start=-self.place):
            drawn = draw(photos.images.take(indices), scale, preset.crop, random, self.colour).part(self.mine)
            if place >= 0:
                mine = indices[self.mine]
                yield as_drawn(photos.images.take(mine), drawn, scale, preset.crop, resampled_in), photos.labels[mine]

    def step(self, batch: Tensor, labels: Tensor) -> float:
        """One step of gradient descent on crops ``(N, 3, crop, crop)``, 0..255; returns the loss before it.

        ``batch`` is used up.
        """
        device = self.together.device
        x = self.net.preprocessing.in_place(batch.to(device)).contiguous(memory_format=torch.channels_last)
        with machine.autocast(device, self.dtype):
            loss = functional.cross_entropy(self.model(x), labels.to(device))
        # The mean of the processes' gradients is then that of the batch, whatever the sizes of its parts.
        loss = loss * (len(labels) * self.together.size / self.batch_size)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        return self.together.sum(loss.detach() / self.together.size).item()

    def keep(self) -> None:
        """Write the whole state to the checkpoint's file, where there is one."""
        if self.checkpoint is None:
            return
        numbers = self.together.all(_random_state(self.together.device))
        if self.together.leads:
            state = {name: part.state_dict() for name, part in self._parts().items()}
            trained = {name: getattr(self.trained, name) for name in _KEPT}
            place = {"run": self.run.key, "epoch": self.epoch, "place": self.place, "random": numbers}
            save_state(self.checkpoint, state | trained | place)

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint, where there is one, and keep the state there from now on."""
        self.checkpoint = checkpoint
        with self.together.leader_first():
            state = load_state(checkpoint) if self.together.leads else None
        state = self.together.told(state)
        if state is None:
            return
        if state["run"] != self.run.key:
            raise InputError(f"checkpoint {checkpoint} is of run {state['run']}, not of {self.run.key}: choose another")
        if len(state["random"]) != self.together.size:
            raise InputError(
                f"checkpoint {checkpoint} was written by {len(state['random'])} processes, and there are "
                f"{self.together.size} now: start as many, or choose another file"
            )
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.epoch, self.place = state["epoch"], state["place"]
        for name in _KEPT:
            setattr(self.trained, name, state[name])
        _set_random_state(self.together.device, state["random"][self.together.rank])

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own."""
        schedule = self.schedule.cycle or self.schedule.plateau
        return {"net": self.net, "optimiser": self.optimiser, "schedule": schedule, "scaler": self.scaler}


def _random_state(device: torch.device) -> list[Tensor]:
    """The states of PyTorch's generators that dropout draws from: the processor's, and the device's own."""
    return [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])


def _set_random_state(device: torch.device, states: Sequence[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def _error(net: VGG, photos: Photos, protocol: Protocol) -> float:
    return top_errors(posteriors(net, photos.images, protocol), photos.labels)["top1"]
