"""What arithmetic a training takes, and how long that is on hardware that is not here.

Times on a GPU are *computed* from its peak rate and two assumptions, :data:`SHARE` and :data:`STEP`; times from a
record are scaled from what was *measured*. Say which, wherever one is shown. Not counted is what is not training:
decoding the photographs, testing, and what the plateau schedule watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from vgg_lib.basics.errors import InputError
from vgg_lib.data import archive, embedded
from vgg_lib.evidence.records import Record
from vgg_lib.networks.geometry import Size, macs
from vgg_lib.networks.table import Network
from vgg_lib.training.runs import Run

#: The share of its peak that a GPU is assumed to reach in the products of a training.
SHARE = 0.35

#: Seconds that a step is assumed to take beside its products: starting kernels, cutting crops, reading the loss.
STEP = 0.010

#: What a backward pass costs more than a forward pass: a product for the inputs' gradient, one for the weights'.
_FORWARD_AND_BACKWARD = 3

#: Photographs to train on, the held-out tenth included, and how many are in it.
PHOTOGRAPHS = {
    "embedded": (embedded.COUNTS["train"], embedded.HELD_OUT),
    "marked": (embedded.COUNTS["train"], embedded.HELD_OUT),
    "imagenette": (sum(archive.COUNTS["train"]), archive.HELD_OUT),
}

#: Bytes a second, each way, of 16 lanes of PCI Express 3.0: 8e9 bits a lane, 128 of 130 data.
PCIE_3 = 16 * 8e9 * 128 / 130 / 8


@dataclass(frozen=True, slots=True)
class GPU:
    """A GPU as its maker describes it.

    ``peak`` is in operations a second, a product and a sum counted as two, without the doubling that is claimed for
    sparse matrices; ``link`` in bytes a second to other GPUs, each way; ``source`` the key in the bibliography.
    """

    name: str
    peak: float
    number_format: str
    link: float
    source: str

    def rate(self, share: float = SHARE) -> float:
        """Multiply-adds a second at that share of the peak; raises :class:`InputError` for a share outside 0..1.

        >>> GPUS["A100"].rate(share=1) / 1e12
        156.0
        """
        if not 0 < share <= 1:
            raise InputError(f"share of the peak is {share}: choose one above 0, up to 1")
        return share * self.peak / 2


#: By name. A number format is the one that the library trains in on that GPU; the first is the paper's (§3.3).
GPUS: dict[str, GPU] = {
    gpu.name: gpu
    for gpu in (
        GPU("Titan Black", 2 * 2880 * 889e6, "float32", PCIE_3, "nvidia2014titanblack"),  # cores, their base clock
        GPU("T4", 65e12, "float16", PCIE_3, "nvidia2019t4"),
        GPU("A100", 312e12, "bfloat16", 300e9, "nvidia2020a100"),
        GPU("H100", 989e12, "bfloat16", 450e9, "nvidia2022h100"),
    )
}


def step_macs(network: str | Network, batch_size: int, **size: Unpack[Size]) -> int:
    """Multiply-adds of one training step, forward and backward.

    Takes the keywords of :func:`~vgg_lib.networks.geometry.macs`.

    >>> round(step_macs("D", 256) / 1e12, 1)
    11.9
    """
    return _FORWARD_AND_BACKWARD * batch_size * macs(network, **size)


def steps(run: Run) -> int:
    """Steps of gradient descent in a run.

    >>> from vgg_lib.training.runs import make_run
    >>> steps(make_run("A", "laptop"))
    5320
    """
    images, held_out = PHOTOGRAPHS[run.preset.data]
    trained_on = images if run.train_on == "all" else images - held_out
    return max(1, trained_on // run.preset.batch_size) * run.preset.epochs  # a batch is no larger than the set


def training_macs(run: Run) -> int:
    """Multiply-adds of a whole run, forward and backward.

    >>> from vgg_lib.training.runs import make_run
    >>> f"{training_macs(make_run('A', 'laptop')):.1e}"
    '4.2e+13'
    """
    return steps(run) * _macs_of_a_step(run)


def seconds(run: Run, on: GPU | Record, share: float = SHARE) -> float:
    """How long a run takes: on a GPU as computed, or where a record was made, at the pace of that record.

    Raises :class:`InputError` for a share outside 0..1, and for a record whose training did not finish.

    >>> from vgg_lib.training.runs import make_run
    >>> round(seconds(make_run("D", "paper"), GPUS["H100"]) / 60)
    3
    """
    if isinstance(on, Record):
        if on.outcome != "finished":
            raise InputError(f"the training of run {on.key} {on.outcome}: its seconds tell no pace, choose another")
        return on.seconds * training_macs(run) / training_macs(on.run)
    return steps(run) * (_macs_of_a_step(run) / on.rate(share) + STEP)


def duration(seconds: float) -> str:
    """Seconds as people say them, in the largest unit of which there is one.

    >>> duration(268), duration(14.6)
    ('4.5 minutes', '15 seconds')
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _macs_of_a_step(run: Run) -> int:
    p = run.preset
    return step_macs(run.layers, p.batch_size, num_classes=10, image_size=p.crop, width=p.width)
