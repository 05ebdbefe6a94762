"""What several commands share: options, and where records and weights are."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import data_folder, expanded
from vgg_lib.basics.machine import best_device
from vgg_lib.book.export import best_carried
from vgg_lib.evidence.store import Known, Store
from vgg_lib.evidence.studies import STUDIES
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.networks.model import VGG
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.presets import PRESETS
from vgg_lib.training.weights import load_classifier, load_net, predicts_boxes

NetworkName = Annotated[str, typer.Option(help=f"One of {', '.join(NETWORKS)}.")]
PresetName = Annotated[str, typer.Option("--preset", help=f"One of {', '.join(PRESETS)}.")]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help=f"One of {', '.join(STUDIES)}.")]
Claims = Annotated[
    list[str] | None, typer.Option("--claim", help="Only what judges this claim; may be given several times.")
]
Seeds = Annotated[int | None, typer.Option(help="Runs of each arm at most; else as many as the study wants.")]
DataFolder = Annotated[
    Path | None, typer.Option(help="Folder that holds Imagenette; else VGG_LIB_DATA, the cache folder, a download.")
]
StudyStore = Annotated[
    Path | None, typer.Option(help="File of the study's records; else one in the user's data folder.")
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights to use; else the newest trained here, else the best that come with the library."),
]
Records = Annotated[Path | None, typer.Option(help="File of records; else those that come with the library.")]

#: What is said of a run that was stopped.
HOW_TO_GO_ON = "the same command goes on where it was, but for a minute at most"


def workshop() -> Workshop:
    """Where runs are trained, with what they need to go on after a stop."""
    return Workshop(data_folder() / "runs")


def study_store(name: str, store: Path | None) -> Store:
    """Where the records of a study are."""
    return Store(store or data_folder() / f"{name}.jsonl")


def records_in(store: Path) -> Known:
    """What is known of each run in a file that is only read; raises :class:`InputError` where it holds no records."""
    known = Store(store).latest()
    if not known:
        raise InputError(f"{store} holds no records: name a file that `vgg-lib train --store` or `vgg-lib run` wrote")
    return known


def check_apart(written: Iterable[Path], given: Iterable[Path] = ()) -> None:
    """Raise :class:`InputError` where a file would be written in place of one that was given, or of another one."""
    taken = {expanded(path).resolve() for path in given}
    for path in written:
        if (there := expanded(path).resolve()) in taken:
            raise InputError(f"{path} would be written in place of a file that is needed: name another one")
        taken.add(there)


def trained_weights() -> Iterator[Path]:
    """The classifiers' weights that ``vgg-lib train`` wrote, the newest first."""
    written = {}
    for path in data_folder().glob("*.safetensors"):
        with suppress(OSError):  # a link to nothing, or removed since
            written[path] = path.stat().st_mtime
    for path in sorted(written, key=written.__getitem__, reverse=True):
        boxes = False
        with suppress(InputError):  # who uses a damaged file is told so
            boxes = predicts_boxes(path)
        if not boxes:
            yield path


def weights_or_best(given: Path | None) -> Path:
    """The weights given, else the newest trained here, else those of the carried net that errs least."""
    return given or next(trained_weights(), None) or best_carried()


def net_in(path: Path, network: str | None = None, *, classifier: bool = False) -> tuple[VGG, tuple[str, ...]]:
    """What :func:`load_net` gives, or :func:`load_classifier`, with the net on the GPU where there is one."""
    net, classes = (load_classifier if classifier else load_net)(path, network)
    return net.to(best_device()), classes


def newest_weights() -> Path:
    """The last weights that ``vgg-lib train`` wrote; raises :class:`InputError` where there are none."""
    found = next(trained_weights(), None)
    if found is None:
        raise InputError(
            f"there are no trained weights in {data_folder()}: run `vgg-lib train` first, or give --weights"
        )
    return found


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
