"""The command line: ``vgg-lib describe``, ``train``, ``evaluate``, ``predict``, ``doctor``, ``download``."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, cast

import torch
import typer

from vgg_lib import doctor as checks
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import data_folder
from vgg_lib.basics.processes import leads
from vgg_lib.book.scoreboard import effect, scoreboard
from vgg_lib.book.tables import of_study
from vgg_lib.data import imagenette
from vgg_lib.data.decoding import decode
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.claims import CLAIMS, claim
from vgg_lib.evidence.cluster import ClusterQueue
from vgg_lib.evidence.queue import Queue
from vgg_lib.evidence.store import Store, recorded
from vgg_lib.evidence.studies import STUDIES, study
from vgg_lib.evidence.testing import evaluate as evaluate_nets
from vgg_lib.evidence.testing import record_protocols
from vgg_lib.evidence.verdicts import as_json as verdicts_as_json
from vgg_lib.evidence.verdicts import status as status_of
from vgg_lib.evidence.verdicts import verdicts
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.networks.geometry import activation_bytes, cost_table, macs, parameters
from vgg_lib.networks.table import NETWORKS, resolve
from vgg_lib.training.photographs import photographs
from vgg_lib.training.presets import PRESETS, preset
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import carried, load_net, run_of

app = typer.Typer(
    help="Every claim of the VGG paper, as something that runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

NetworkName = Annotated[str, typer.Option(help=f"One of {', '.join(NETWORKS)}.")]
PresetName = Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")]
DataFolder = Annotated[
    Path | None, typer.Option(help="Folder that holds Imagenette; else VGG_LIB_DATA, the cache folder, a download.")
]
StudyStore = Annotated[
    Path | None, typer.Option(help="File of the study's records; else one in the user's data folder.")
]
WeightsFile = Annotated[Path | None, typer.Option(help="Weights to use; the newest trained here when left out.")]


def workshop() -> Workshop:
    """Where runs are worked on, and what they need to go on after a stop."""
    return Workshop(data_folder() / "runs")


def study_store(name: str, store: Path | None) -> Store:
    """Where the records of a study are kept."""
    return Store(store or data_folder() / f"{name}.jsonl")


def trained_weights() -> list[Path]:
    """The weights that ``vgg-lib train`` wrote, the newest last."""
    return sorted(data_folder().glob("*.safetensors"), key=lambda path: path.stat().st_mtime)


def newest_weights() -> Path:
    """The last weights that ``vgg-lib train`` wrote; raises :class:`InputError` where there are none."""
    found = trained_weights()
    if not found:
        raise InputError(
            f"there are no trained weights in {data_folder()}: run `vgg-lib train` first, or give --weights"
        )
    return found[-1]


def parse_scale(text: str) -> int | tuple[int, int]:
    """``73`` or ``73-146`` as a training scale; raises :class:`InputError` for anything else.

    >>> parse_scale("73-146")
    (73, 146)
    """
    numbers = text.split("-")
    if not all(n.isdigit() for n in numbers) or len(numbers) > 2:
        raise InputError(f"training scale {text!r} is not of the form 73 or 73-146")
    return int(text) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))


def bars(scores: list[tuple[str, float]], width: int = 30) -> str:
    """Lines of name, bar and percentage; scores are probabilities.

    >>> print(bars([("church", 0.75), ("tench", 0.25)], width=8))
    church  ██████    75.0 %
    tench   ██        25.0 %
    """
    longest = max(len(name) for name, _ in scores)
    return "\n".join(f"{name:<{longest}}  {'█' * round(p * width):<{width}}  {100 * p:4.1f} %" for name, p in scores)


@app.command()
def describe(
    network: Annotated[str, typer.Argument(help=f"One of {', '.join(NETWORKS)}.")],
    image_size: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    num_classes: Annotated[int, typer.Option(help="Number of classes.")] = 1000,
    width: Annotated[float, typer.Option(help="Factor on every channel count.")] = 1.0,
) -> None:
    """Show a network layer by layer: what it costs and what it sees."""
    table = cost_table(network, image_size=image_size, num_classes=num_classes, width=width)
    for column in ("parameters", "macs", "activations"):
        table[column] = table[column].map("{:,}".format)
    print(table.to_string())
    count = parameters(network, image_size=image_size, num_classes=num_classes, width=width)
    work = macs(network, image_size=image_size, num_classes=num_classes, width=width)
    memory = activation_bytes(network, image_size=image_size, num_classes=num_classes, width=width)
    print(
        f"\n{network}: {resolve(network).weight_layers} weight layers, {count:,} parameters, "
        f"{work / 1e9:.3f} G multiply-adds, {memory / 1e6:.1f} MB of activations in float32 for one image"
    )


@app.command()
def train(
    network: NetworkName = "A",
    preset_name: Annotated[str, typer.Option("--preset", help=f"One of {', '.join(PRESETS)}.")] = "quick",
    seed: Annotated[int, typer.Option(help="Decides weights, order, crops and dropout.")] = 0,
    scale: Annotated[str | None, typer.Option(help="Training scale S: 73, or 73-146 to sample it.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    width: Annotated[float | None, typer.Option(help="Instead of the preset's.")] = None,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Normalise after each convolution.")] = False,
    data: DataFolder = None,
    store: Annotated[Path | None, typer.Option(help="File to add the record to.")] = None,
    weights: Annotated[Path | None, typer.Option(help="File to write the trained weights to.")] = None,
) -> None:
    """Train a network, test it on the held-out tenth, write its weights and its record.

    Stopped and started again it goes on where it was, but for a minute at most.
    Several GPUs: torchrun … -m vgg_lib train …
    """
    recipe = {"epochs": epochs, "learning_rate": learning_rate, "width": width}
    chosen = {"scale": parse_scale(scale) if scale else None} | recipe
    run = make_run(
        network,
        preset_name,
        seed=seed,
        batch_norm=batch_norm,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    records = Store(store or data_folder() / "records.jsonl")
    path = weights or data_folder() / f"{run.key}.safetensors"
    try:
        if not leads():
            workshop().assist(run, root=data)
            return
        print(f"{run}  (run {run.key})")
        made = workshop().do(run, records, attended=True, weights=path, root=data)
    except KeyboardInterrupt:
        print("\nstopped: the same command goes on after the last epoch that was finished", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"record   {records.path}")
    if made.outcome == "diverged":
        print(f"diverged: {made.reason}. A smaller learning rate or another initialisation may train.")
        raise typer.Exit(3)
    print(f"top-1 error {made.error:.1f} % on the {run.test_set} images, after {made.seconds:.0f} s of training")
    print(f"weights  {path}")


@app.command()
def run(
    study_name: Annotated[str, typer.Argument(metavar="STUDY", help=f"One of {', '.join(STUDIES)}.")],
    seeds: Annotated[int | None, typer.Option(help="Runs of each arm; else as many as the study wants.")] = None,
    workers: Annotated[int, typer.Option(help="Runs at once; 0 for one a core, or one on a GPU.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Train failed runs again.")] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Train on the Dask cluster whose scheduler has this address.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where a cluster's workers keep checkpoints; else in their user's data folder.")
    ] = None,
    data: DataFolder = None,
    store: StudyStore = None,
) -> None:
    """Train what a study still needs. Stop it when you like: started again it goes on where it stopped."""
    agenda = Agenda(study(study_name), study_store(study_name, store), workshop(), seeds, again)
    if scheduler and workers:
        raise InputError(f"--workers {workers} is for this machine: a cluster has as many as you started, leave it out")
    if folder and not scheduler:
        raise InputError(f"--folder {folder} is for a cluster: name its --scheduler, or leave it out")
    queue = ClusterQueue(agenda, scheduler, folder, data) if scheduler else Queue(agenda, workers, data)
    with ending_on_signals("what was being trained goes on from its checkpoint next time"):
        queue.run()
    show_status(agenda, queue.workers)


@contextmanager
def ending_on_signals(how_to_go_on: str) -> Iterator[None]:
    """End on Ctrl-C or SIGTERM with the exit code that shells expect, once what is inside has cleaned up."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, _Terminated) as stopped:
        print(f"\nstopped: {how_to_go_on}", file=sys.stderr)
        number = signal.SIGINT if isinstance(stopped, KeyboardInterrupt) else signal.SIGTERM
        raise typer.Exit(128 + number) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """The process was told to end."""


@app.command()
def status(
    study_name: Annotated[str | None, typer.Argument(metavar="STUDY", help="Else every study.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs of each arm; else as many as the study wants.")] = None,
    workers: Annotated[int, typer.Option(help="Runs at once, for the hours left.")] = 0,
    store: StudyStore = None,
) -> None:
    """Say which runs of a study are done, running, failed, to do, and how many hours are left."""
    for name in [study_name] if study_name else STUDIES:
        agenda = Agenda(study(name), study_store(name, store), workshop(), seeds)
        show_status(agenda, Queue(agenda, workers).workers)


def show_status(agenda: Agenda, workers: int) -> None:
    """Print where a study stands."""
    s = agenda.status(workers)
    left = "unknown until a run is done" if s.hours_left is None else f"{s.hours_left:.1f}"
    print(
        f"{agenda.study.name}: {s.done} done ({s.diverged} diverged), {s.running} running, {s.failed} failed, "
        f"{s.to_do} to do; hours left on {workers} workers: {left}"
    )
    for failure in s.failures:
        print(f"  failed: {failure.run}: {failure.reason}")


@app.command()
def evaluate(
    weights: Annotated[
        list[Path] | None, typer.Option(help="Weights to test, several times to fuse them; else the newest trained.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="Refuse weights of any other network.")] = None,
    preset_name: Annotated[str, typer.Option("--preset", help="Whose photographs to test on.")] = "quick",
    scale: Annotated[
        list[int] | None, typer.Option(help="Test scale Q in pixels, several times for several; else the preset's S.")
    ] = None,
    dense: Annotated[bool, typer.Option(help="Apply the net to the whole image (§3.2).")] = True,
    grid: Annotated[int | None, typer.Option(help="Crops along each side, 5 in the paper (§4.3).")] = None,
    mirror: Annotated[bool, typer.Option(help="Average with the mirrored image.")] = True,
    data: DataFolder = None,
) -> None:
    """Test weights on the held-out tenth under a protocol."""
    loaded = [load_net(path, network) for path in weights or [newest_weights()]]
    nets = [net for net, _ in loaded]
    world = preset(preset_name)
    protocol = Protocol(tuple(scale or [cast(int, world.scales[0])]), dense=dense, grid=grid, mirror=mirror)
    photos = photographs(world, "train", data).held_out()
    for net, classes in loaded:
        if net.num_classes != len(photos.classes):
            told = f"tell {net.num_classes} classes apart, preset {world.name!r} has {len(photos.classes)}"
        elif classes and classes != photos.classes:
            told = f"know {', '.join(classes[:3])} …, the photographs of preset {world.name!r} are of other classes"
        else:
            continue
        raise InputError(f"the weights {told}: choose the preset that they were trained with")
    result = evaluate_nets(nets, photos, protocol, "held-out")
    print(
        f"network {' and '.join(net.name for net in nets)}, {len(photos)} held-out images of {world.name!r}, {protocol}"
    )
    print("  ".join(f"{name} error {error:.1f} %" for name, error in result.errors.items()))


@app.command()
def protocols(
    weights: Annotated[list[Path], typer.Option(help="Weights that `vgg-lib train` wrote; the others are fused in.")],
    store: Annotated[Path, typer.Option(help="File to add the record to.")],
    data: DataFolder = None,
) -> None:
    """Test weights in every way that the paper compares, and record it."""
    nets, runs = [load_net(path)[0] for path in weights], [run_of(path) for path in weights]
    made = record_protocols(nets, runs, root=data)
    Store(store).add(made)
    for e in made.evaluations:
        print(f"{e.errors['top1']:5.1f} %  {e.seconds:7.1f} s  {e.protocol}{' (fused)' if e.fused else ''}")


@app.command()
def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photographs of your own.")],
    weights: WeightsFile = None,
    top: Annotated[int, typer.Option(help="How many classes to show.")] = 5,
) -> None:
    """Say what a trained net sees in photographs, densely at its own scale.

    Without weights of your own it is the net that comes with the library, which knows ten embedded things.
    """
    trained = [weights] if weights else trained_weights()[-1:]
    net, classes = load_net(trained[0]) if trained else carried()
    names = classes or tuple(f"class {i}" for i in range(net.num_classes))
    images = [decode(path) for path in photos]
    scores = posteriors(net, images, Protocol(scales=(round(net.image_size * 256 / 224),)))
    for path, row in zip(photos, scores, strict=True):
        best = row.topk(min(top, len(names)))
        shown = [(names[i], float(p)) for p, i in zip(best.values, best.indices.tolist(), strict=True)]
        print(f"{path}\n{bars(shown)}")


@app.command()
def download(size: Annotated[str, typer.Option(help="160px, 320px or full.")] = "160px") -> None:
    """Download Imagenette into the cache folder."""
    print(imagenette.download(size))


@app.command()
def doctor(data: DataFolder = None) -> None:
    """Say what this machine has, and what a run of each preset would take on it."""
    for name, value in checks.examine(data):
        print(f"{name:<18}{value}")


@app.command(name="claim")
def show_claim(name: Annotated[str, typer.Argument(help=f"One of {', '.join(CLAIMS)}.")]) -> None:
    """Say what the paper claims, where, with which figures, and the verdict so far."""
    chosen = claim(name)
    print(f"{chosen.statement} ({chosen.where})\nthe paper: {chosen.numbers()}")
    if chosen.rule:
        print(f"rule: {chosen.rule}")
    print(f"verdict: {status_of(verdicts()[name])}")


@app.command(name="verdicts")
def show_verdicts(
    store: Annotated[Path | None, typer.Option(help="File of records; else those that come with the library.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list with one object a claim.")] = False,
) -> None:
    """Print the verdict on each claim, computed from its rule and the records."""
    judged = verdicts(Store(store).latest() if store else None)
    if as_json:
        print(json.dumps(verdicts_as_json(judged), indent=1))
        return
    width = max(map(len, judged))
    for name, judgement in judged.items():
        print(f"{name:<{width}}  {status_of(judgement):<30}  {effect(judgement)}")


@app.command(name="scoreboard")
def show_scoreboard() -> None:
    """Print the scoreboard as the book's Markdown."""
    print(scoreboard(), end="")


@app.command()
def table(
    study_name: Annotated[str, typer.Argument(metavar="STUDY", help=f"One of {', '.join(STUDIES)}.")],
    store: Annotated[Path | None, typer.Option(help="File of records; else those that come with the library.")] = None,
) -> None:
    """Print a study's records as the book's Markdown."""
    chosen = study(study_name)
    print(of_study(chosen, (Store(store) if store else recorded(study_name)).latest()), end="")


def main() -> None:
    """Run the command line: exit code 2 and one sentence for input that cannot be used."""
    torch.set_float32_matmul_precision("highest")
    try:
        app()
    except InputError as error:
        print(f"vgg-lib: {error}", file=sys.stderr)
        sys.exit(2)
