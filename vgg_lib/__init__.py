"""Every claim of the VGG paper (Simonyan & Zisserman, arXiv:1409.1556) as something that runs.

The names below are the ones that notebooks and users rely on; each module's own docstring says what else
it holds.
"""

from vgg_lib._version import __version__
from vgg_lib.errors import InputError
from vgg_lib.evaluation import Protocol, posteriors
from vgg_lib.geometry import activation_bytes, cost_table, macs, parameters, receptive_field
from vgg_lib.initialisation import Initialisation, initialise, warm_start
from vgg_lib.networks import LRN, NETWORKS, VGG, Network, conv, vgg
from vgg_lib.presets import PRESETS, Preset
from vgg_lib.recording import record
from vgg_lib.runs import Record, Run, Store, make_run, recorded
from vgg_lib.training import train
from vgg_lib.weights import load_net, save_net

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
