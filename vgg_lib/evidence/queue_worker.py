"""What a process of the queue does with a run: it trains and tests it, and reports on it through a pipe."""

from __future__ import annotations

import signal
import sys
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import torch

from vgg_lib.basics.errors import InputError, InputWarning
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.reporting import Abandoned, reporter
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import BusyError, Workshop
from vgg_lib.training.runs import Run

#: How a run ended for its worker.
Answer = Literal["done", "failed", "trained elsewhere", "died"]


@dataclass(frozen=True)
class Order:
    """What a worker is to do: train a run, unless that is done.

    It is done when the store has a record of its training: one of a failure unless it is to be trained ``again``, one
    of a result unless it is trained ``for_weights`` that are not there, one of ``other_photographs`` than the published
    ones only where they are meant. ``wanted`` is what to measure of its net.
    """

    run: Run
    workshop: Workshop
    store: Store
    root: Path | None
    threads: int
    again: bool
    other_photographs: bool
    for_weights: bool
    wanted: Wanted

    def is_done(self, record: Record) -> bool:
        """Whether that record of the run is enough."""
        if record.of_tests_alone or (record.of_other_photographs and not self.other_photographs):
            return False
        if record.outcome == "failed":
            return not self.again
        return not self.for_weights or self.workshop.weights(self.run.key).exists()


def work(order: Order, queue: Connection) -> None:
    """The worker's process: train one run, report on it, and say how it ended. Ends with the queue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the queue too, which ends its workers
    torch.set_num_threads(order.threads)
    warnings.simplefilter("ignore", InputWarning)  # the queue has warned
    try:
        record = order.workshop.do(
            order.run,
            order.store,
            enough=order.is_done,
            root=order.root,
            watch=reporter(queue.send),
            progress=False,
            wanted=order.wanted,
        )
        queue.send("failed" if record.outcome == "failed" else "done")
    except BusyError:
        queue.send("trained elsewhere")
    except InputError as error:
        queue.send(InputError(str(error)))
    except (Abandoned, BrokenPipeError):  # the queue was killed: the checkpoint waits for the next one
        sys.exit(1)
