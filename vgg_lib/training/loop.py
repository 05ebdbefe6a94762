"""Training a run (§3.1): SGD with momentum on random crops, from photographs to a record."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import expanded
from vgg_lib.basics.progress import bar, say
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.networks.initialisation import copy_weights, initialise, warm_start
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.training.batches import Batches
from vgg_lib.training.checkpoints import Checkpoint, Stateful
from vgg_lib.training.parallel import Team, join_team
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.runs import Run
from vgg_lib.training.schedules import OneCycle, Plateau, Schedule
from vgg_lib.training.trained import Clocks, Trained

#: What to say when trainings have more threads than there are cores.
_CROWDED = (
    "Other trainings compute on the {cores} cores of this machine, and this one has {threads} threads: together they "
    "take many times as long. One thread each is fast: torch.set_num_threads(1), or OMP_NUM_THREADS=1."
)

#: Called after each step: steps done, steps in all, the loss.
Watch = Callable[[int, int, float], None]


def build(run: Run, num_classes: int, start_from: VGG | None = None) -> VGG:
    """The net of a run with its starting weights.

    Raises :class:`InputError` when the run starts from a trained net and none is given, or the other way round, and
    when that net does not fit.
    """
    if (run.warm_start is None) != (start_from is None):
        wants = f"the net of run {run.warm_start}" if run.warm_start else "no trained net"
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
    if start_from is None:
        return net
    return (copy_weights if run.warm_layers == "all" else warm_start)(net, start_from)


def untrained(run: Run, net: VGG) -> VGG:
    """A net like ``net``, which ``run`` made, with the random weights of the run's seed: before any training.

    Of a run that starts from a trained net too, which is left out.
    """
    cold = build(dataclasses.replace(run, warm_start=None, warm_layers="paper"), net.num_classes)
    cold.preprocessing = net.preprocessing
    return cold


@dataclass
class Learner:
    """A net and what changes its weights in a step."""

    net: VGG
    model: nn.Module  #: the net as the team trains it
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    scaler: torch.amp.GradScaler
    dtype: torch.dtype  #: of the products
    batch_size: int  #: over all processes
    team: Team

    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint holds of it."""
        return {"net": self.net, "optimiser": self.optimiser, "schedule": self.schedule.rule, "scaler": self.scaler}

    def step(self, crops: Tensor, labels: Tensor) -> float:
        """One step of gradient descent on crops ``(n, 3, crop, crop)``, 0..255; returns the batch's loss before it.

        ``crops`` are used up.
        """
        device = self.team.device
        x = self.net.preprocessing.in_place(crops.to(device)).contiguous(memory_format=torch.channels_last)
        with machine.autocast(device, self.dtype):
            loss = functional.cross_entropy(self.model(x), labels.to(device))
        # The mean of the processes' gradients is then that of the batch, whatever the sizes of its parts.
        loss = loss * (len(labels) * self.team.size / self.batch_size)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.after_step()
        return self.team.all_reduce(loss.detach() / self.team.size).item()


def prepare(run: Run, team: Team, root: str | Path | None, start_from: VGG | None) -> tuple[Learner, Batches]:
    """What a run is before its first step. Raises what :func:`train` raises."""
    preset, device = run.preset, team.device
    photos = photos_to_train(run, root)
    statistics = photos.statistics()
    batches = Batches.of(run, photos, statistics, team)
    net = build(run, len(photos.classes), start_from)
    net.preprocessing = statistics.preprocessing(preset.input_scale)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(
        net.parameters(), preset.learning_rate, momentum=preset.momentum, weight_decay=preset.weight_decay
    )
    schedule: Schedule
    if preset.schedule == "one-cycle":
        schedule = OneCycle(optimiser, preset.learning_rate, batches.total)
    else:
        schedule = Plateau(optimiser, preset.learning_rate, _held_out_error(net, run, root, team))
    dtype = machine.autocast_dtype(device, preset.precision)
    # float16 underflows where bfloat16 does not; disabled, the scaler does nothing.
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    return Learner(net, net, optimiser, schedule, scaler, dtype, batches.size, team), batches


def _held_out_error(net: VGG, run: Run, root: str | Path | None, team: Team) -> Callable[[], float]:
    """The error in percent that the plateau schedule watches.

    One process computes it, so that all divide their rates at the same time.
    """
    photos = photos_to_test(run, root)

    def error() -> float:
        return top_errors(posteriors(net, photos.images, run.protocol), photos.labels)["top1"]

    return lambda: team.broadcast(error() if team.leads else None)


def train(
    run: Run,
    *,
    root: str | Path | None = None,
    start_from: VGG | None = None,
    device: str | torch.device | None = None,
    max_steps: int | None = None,
    checkpoint: str | Path | None = None,
    engine: str | None = None,
    watch: Watch | None = None,
    progress: bool = True,
) -> Trained:
    """Train a run to its end and return the net with what is known of it.

    Each epoch's order, and each step's crops, depend on the seed alone: runs of different networks with one
    seed see the same batches. ``max_steps`` stops early, for a rehearsal. The caller's random numbers are left
    as they were.

    With ``checkpoint`` the whole state is saved to that file after each epoch, and each minute within one; where the
    file is there the training goes on from it, and ends with the same weights as one that was never interrupted; on a
    GPU after a processor, or the other way round, it draws other numbers for dropout and rounds otherwise from there
    on. One that is further on than ``max_steps`` is returned as it is.
    ``engine`` is a name for the code that trains: the state keeps the names of all that had part in it.
    ``watch`` is called after each step. Under ``torchrun`` the processes share each batch
    (:mod:`vgg_lib.training.parallel`); all return the same net, and the one of rank 0 alone writes.

    A loss that is not finite ends the run as *diverged*. Raises :class:`InputError` for data that is not there
    or cannot be read, for fewer than 1 step, for a device that is not there, another default dtype than float32, a
    checkpoint that is damaged or of another run, and while another thread trains.
    """
    if max_steps is not None and (not isinstance(max_steps, Integral) or max_steps < 1):
        raise InputError(f"max_steps is {max_steps}: choose a whole number of 1 or more, or None to train to the end")
    if torch.get_default_dtype() != torch.float32:
        raise InputError(
            f"PyTorch's default dtype is {torch.get_default_dtype()}: training computes in float32, so call "
            "torch.set_default_dtype(torch.float32) first"
        )
    team = join_team(machine.device_named(device))
    with _alone(), _repeatable(team.device), machine.cores_for(team.device) as free:
        if progress and team.leads and not free:  # said first: what comes next takes many times as long too
            say(_CROWDED.format(cores=machine.cores(), threads=torch.get_num_threads()))
        with team.leader_first():
            learner, batches = prepare(run, team, root, start_from)
        machine.seed(team.device, run.seed + team.rank)  # dropout's numbers
        learner.model = team.wrap(learner.net)  # every process comes here
        trained = Trained(run, learner.net, batches.photos.classes, data=batches.photos.identity("train"))
        trained.engines = [engine] if engine else []
        total = min(batches.total, max_steps or batches.total)
        path = None if checkpoint is None else expanded(checkpoint)
        saved = Checkpoint(path, run.key, team, {"trained": trained} | learner.parts())
        saved.resume()
        with _shown(trained, total, batches, watch, progress and team.leads) as report:
            _loop(learner, batches, trained, saved, total, report)
        return trained.conclude(batches.per_epoch)


def _loop(
    learner: Learner, batches: Batches, trained: Trained, saved: Checkpoint, total: int, report: Callable[[], None]
) -> None:
    """Train until ``total`` steps are done or the loss is not finite."""
    clocks = Clocks.read()
    while trained.goes_on(total):
        epoch, done = divmod(len(trained.steps), batches.per_epoch)
        learner.net.train()
        for crops, labels in batches.epoch(epoch, done):
            trained.steps.append(learner.step(crops, labels))
            clocks = trained.spend(clocks)
            report()
            ended = len(trained.steps) % batches.per_epoch == 0
            if ended or not trained.goes_on(total):
                break
            saved.save_now_and_then()
        if ended:
            learner.schedule.after_epoch()
        saved.save()
    trained.spend(clocks)


@contextmanager
def _shown(
    trained: Trained, total: int, batches: Batches, watch: Watch | None, shown: bool
) -> Iterator[Callable[[], None]]:
    """What is to be called after each step: it moves a progress bar and calls ``watch``."""
    done, epochs = len(trained.steps), trained.run.preset.epochs
    with bar(total, f"training {trained.run.network}", "step", shown=shown, done=done) as steps:

        def report() -> None:
            done, loss = len(trained.steps), trained.steps[-1]
            steps.update()
            epoch = (done - 1) // batches.per_epoch + 1
            steps.set_postfix(loss=f"{loss:.3f}", epoch=f"{epoch}/{epochs}", refresh=False)
            if watch is not None:
                watch(done, total, loss)

        yield report


#: Dropout draws from PyTorch's own generator, of which a process has one: two trainings at a time would share it.
_TRAINING = threading.RLock()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the process's random numbers; raises :class:`InputError` while another thread does."""
    if not _TRAINING.acquire(blocking=False):
        raise InputError(
            "another training runs in this process, and the two would draw from the same random numbers: "
            "start a process for each, or wait for the other one"
        )
    try:
        yield
    finally:
        _TRAINING.release()


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Leave the caller's random numbers alone, and let a GPU choose its algorithms the same way each time.

    Gradients are computed even where the caller has turned them off. What a record calls float32 is no TensorFloat-32.
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        machine.full_float32(),
        machine.random_numbers_of(device),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield
