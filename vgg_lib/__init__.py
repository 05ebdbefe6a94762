"""Every claim of the VGG paper (Simonyan & Zisserman, arXiv:1409.1556) as something that runs.

The names below are the ones that notebooks and users rely on; each module's own docstring says what else
it holds.
"""

from vgg_lib._version import __version__
from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store, recorded
from vgg_lib.evidence.testing import record
from vgg_lib.networks.geometry import activation_bytes, cost_table, macs, parameters, receptive_field
from vgg_lib.networks.initialisation import Initialisation, initialise, warm_start
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.table import LRN, NETWORKS, Network, conv
from vgg_lib.training.loop import train
from vgg_lib.training.presets import PRESETS, Preset
from vgg_lib.training.runs import Run, make_run
from vgg_lib.training.weights import load_net, save_net

__all__ = [
    "LRN",
    "NETWORKS",
    "PRESETS",
    "VGG",
    "Initialisation",
    "InputError",
    "Network",
    "Preset",
    "Protocol",
    "Record",
    "Run",
    "Store",
    "__version__",
    "activation_bytes",
    "conv",
    "cost_table",
    "initialise",
    "load_net",
    "macs",
    "make_run",
    "parameters",
    "posteriors",
    "receptive_field",
    "record",
    "recorded",
    "save_net",
    "train",
    "vgg",
    "warm_start",
]
