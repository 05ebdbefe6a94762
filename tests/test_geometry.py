"""Costs and receptive fields: exactly the paper's, and exactly those of the module that is built."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vgg_lib.networks.geometry import (
    activation_bytes,
    cost_table,
    layer_costs,
    macs,
    measured_receptive_field,
    parameters,
    receptive_field,
)
from vgg_lib.networks.model import vgg
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.networks.table import NETWORKS, POOL, Network, conv

# Counted from Table 1 by hand; A, B, D and E are torchvision's to the parameter.
EXACT = {
    # name: (parameters, giga-MACs, receptive field after pool5)
    "A": (132_863_336, 7.609, 150),
    "A-LRN": (132_863_336, 7.609, 150),
    "B": (133_047_848, 11.308, 156),
    "C": (133_638_952, 11.771, 156),
    "D": (138_357_544, 15.470, 212),
    "E": (143_667_240, 19.632, 268),
    "B-5x5": (None, 9.356, 156),
    "D-7x7": (144_727_144, 15.522, 212),
}
# Table 2 of the paper, in millions.
TABLE_2 = {"A": 133, "A-LRN": 133, "B": 133, "C": 134, "D": 138, "E": 144}


@pytest.mark.parametrize("name", [name for name, (count, _, _) in EXACT.items() if count])
def test_parameters(name):
    assert parameters(name) == EXACT[name][0]


@pytest.mark.parametrize("name", TABLE_2)
def test_parameters_in_millions_are_those_of_table_2(name):
    assert round(parameters(name) / 1e6) == TABLE_2[name]


@pytest.mark.parametrize("name", EXACT)
def test_giga_multiply_adds(name):
    assert round(macs(name) / 1e9, 3) == EXACT[name][1]


@pytest.mark.parametrize("name", EXACT)
def test_receptive_field_after_pool5(name):
    assert receptive_field(NETWORKS[name].layers()) == EXACT[name][2]


@pytest.mark.parametrize(("name", "count"), [("B", 9_404_992), ("B-5x5", 10_860_672)])
def test_parameters_of_the_convolutions(name, count):
    assert sum(cost.parameters for cost in layer_costs(name) if cost.kind == "conv") == count


def test_a_7_by_7_layer_has_81_percent_more_weights_than_three_3_by_3():  # §2.3
    stacked, single = (conv(512),) * 3, (conv(512, kernel=7),)
    work = [sum(c.macs for c in layer_costs(Network((conv(512),), s)) if "conv2" in c.layer) for s in (stacked, single)]
    assert round(100 * (work[1] / work[0] - 1)) == 81  # every weight is used once a place, so work counts weights
    assert receptive_field(stacked) == receptive_field(single) == 7


any_size = st.fixed_dictionaries(
    {
        "network": st.sampled_from(sorted(NETWORKS)),
        "width": st.sampled_from([1 / 60, 0.1, 1 / 4, 1]),
        "image_size": st.integers(32, 100),
        "num_classes": st.integers(2, 30),
        "batch_norm": st.booleans(),
    }
)


def built(size):
    with torch.device("meta"):  # shapes without numbers
        return vgg(size["network"], **{k: v for k, v in size.items() if k != "network"}).eval()


def image(size):
    return torch.zeros(1, 3, size["image_size"], size["image_size"], device="meta")


@given(any_size)
def test_parameters_are_those_of_the_built_net(size):
    assert parameters(**size) == sum(p.numel() for p in built(size).parameters())


@given(any_size)
def test_multiply_adds_are_those_that_pytorch_counts(size):
    net = built(size)
    # A normalisation is no layer of multiply-adds; that this library sums by a convolution is its own affair.
    net.features = nn.Sequential(*(m for m in net.features if not isinstance(m, LocalResponseNorm)))
    with FlopCounterMode(display=False) as counter:
        net(image(size))
    assert 2 * macs(**size) == counter.get_total_flops()


@given(any_size)
def test_activations_are_the_outputs_of_all_layers_that_work_out_of_place(size):
    net, outputs = built(size), []
    for module in net.modules():
        if not isinstance(module, nn.ReLU | nn.Dropout | nn.Sequential | type(net)):
            module.register_forward_hook(lambda module, inputs, output: outputs.append(output.numel()))
    net(image(size))
    assert activation_bytes(**size) == 4 * sum(outputs)


def test_the_cost_table_adds_up():
    table = cost_table("D")
    assert table["parameters"].sum() == parameters("D")
    assert table["macs"].sum() == macs("D")


def side(mask):
    rows, columns = mask.any(1).sum(), mask.any(0).sum()
    assert rows == columns
    return int(rows)


@given(st.lists(st.sampled_from([conv(1, 1), conv(1), conv(1, 5), conv(1, 7), POOL]), min_size=1, max_size=5))
def test_the_measured_receptive_field_of_a_stack_is_the_theoretical_one(layers):
    modules = [
        nn.MaxPool2d(2) if layer is POOL else nn.Conv2d(1, 1, layer.kernel, padding=layer.padding) for layer in layers
    ]
    mask = measured_receptive_field(nn.Sequential(*modules), image_size=256, channels=1)
    assert side(mask) == receptive_field(layers)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_measured_receptive_field_of_a_network_is_the_theoretical_one(name):
    net = vgg(name, image_size=288, width=1 / 60, num_classes=2)
    assert side(measured_receptive_field(net.features, 288)) == receptive_field(NETWORKS[name].layers())
