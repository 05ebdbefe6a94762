"""The networks of Table 1, and that they are torchvision's where torchvision has them."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from vgg_lib.basics.errors import InputError
from vgg_lib.networks.initialisation import Initialisation, initialise
from vgg_lib.networks.model import vgg
from vgg_lib.networks.table import LRN, NETWORKS, Network, conv

TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}


def torchvisions(name, batch_norm=False):
    return torchvision.models.get_model(TORCHVISION[name] + "_bn" * batch_norm)


def names_and_shapes(net):
    return [(name, tuple(tensor.shape)) for name, tensor in net.state_dict().items()]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", TORCHVISION)
def test_weights_are_named_and_shaped_as_in_torchvision(name, batch_norm):
    with torch.device("meta"):
        assert names_and_shapes(vgg(name, batch_norm=batch_norm)) == names_and_shapes(torchvisions(name, batch_norm))


@pytest.mark.parametrize(("name", "batch_norm"), [*((name, False) for name in TORCHVISION), ("A", True)])
@torch.inference_mode()
def test_torchvision_gives_the_same_logits_with_our_weights(name, batch_norm):
    with torch.device("meta"):
        ours, theirs = vgg(name, batch_norm=batch_norm), torchvisions(name, batch_norm)
    initialise(ours.to_empty(device="cpu"), Initialisation("he"), seed=0).eval()
    theirs.load_state_dict(ours.state_dict(), assign=True)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    logits = ours(x)
    assert logits.std() > 0.1
    torch.testing.assert_close(logits, theirs.eval()(x), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_gives_the_same_logits_with_torchvisions_weights():
    theirs = torchvisions("A").eval()
    with torch.device("meta"):
        ours = vgg("A").eval()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", ["A", "A-LRN", "D"])
def test_pooled_before_the_relu_each_bit_of_each_gradient_is_as_behind_it(name, batch_norm):
    net = vgg(name, num_classes=10, image_size=64, width=1 / 8, batch_norm=batch_norm, dropout=0.0)
    initialise(net, Initialisation("he"), seed=0)
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 3, 64, 64, generator=random), torch.randint(0, 10, (4,), generator=random)

    def gradients():
        loss = functional.cross_entropy(net(x), y)
        return torch.autograd.grad(loss, list(net.parameters()))

    ours, layers = gradients(), list(net.features)
    kinds = [type(layer) for layer in layers]
    for i in range(len(layers) - 1):
        if kinds[i : i + 2] == [nn.MaxPool2d, nn.ReLU]:
            layers[i : i + 2] = reversed(layers[i : i + 2])
    net.features = nn.Sequential(*layers)
    assert [type(layer) for layer in net.features] != kinds
    assert all(torch.equal(*pair) for pair in zip(ours, gradients(), strict=True))


def test_d_maps_an_image_to_1000_logits():
    with torch.device("meta"):
        assert vgg("D")(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


def test_d_has_138357544_parameters():  # torchvision's vgg16
    with torch.device("meta"):
        assert sum(p.numel() for p in vgg("D").parameters()) == 138_357_544


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_leaves_maps_of_7_by_7(name):
    """Padding keeps the maps' size, also around C's 1×1 layers; only the five pools halve it."""
    maps = NETWORKS[name].stages[-1][-1].channels
    assert maps == (476 if name == "B-5x5-narrow" else 512)
    with torch.device("meta"):
        assert vgg(name).features(torch.zeros(1, 3, 224, 224)).shape == (1, maps, 7, 7)


def test_the_narrow_net_of_large_filters_has_as_many_convolution_weights_as_b():
    def weights(name, width):
        net = vgg(name, num_classes=10, image_size=64, width=width)
        return sum(layer.weight.numel() for conv, layer in net.weight_layers().items() if conv.startswith("conv"))

    for width in (1 / 4, 1):
        assert weights("B-5x5-narrow", width) == pytest.approx(weights("B", width), rel=0.005)


@pytest.mark.parametrize(
    ("name", "layers"),  # Table 1; the controls of large filters have a layer for each stage
    [
        *((name, 11) for name in ("A", "A-LRN", "A-constant", "A-LRN-strong")),
        *(("B", 13), ("C", 16), ("D", 16), ("E", 19)),
        *((name, 8) for name in ("B-5x5", "B-5x5-narrow", "D-7x7")),
    ],
)
def test_depth_in_weight_layers(name, layers):
    assert NETWORKS[name].weight_layers == len(vgg(name, image_size=32, width=1 / 60).weight_layers()) == layers


def test_one_line_makes_a_network(monkeypatch):
    monkeypatch.setitem(NETWORKS, "F", Network((conv(64), LRN), (conv(128, kernel=5), conv(128, kernel=1))))
    net = vgg("F", num_classes=7, image_size=32, width=1 / 16)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_width_scales_every_channel_count_and_both_hidden_fc_layers():
    with torch.device("meta"):
        full, quarter = vgg("C").weight_layers(), vgg("C", width=1 / 4).weight_layers()
    ratios = {name: quarter[name].weight.shape[0] / full[name].weight.shape[0] for name in full}
    assert ratios == dict.fromkeys(full, 1 / 4) | {"fc8": 1}


def test_posteriors_are_the_softmax_of_the_logits():
    net = vgg("A", num_classes=4, image_size=32, width=1 / 16).eval()
    x = torch.randn(3, 3, 32, 32)
    logits = net(x)
    torch.testing.assert_close(net.posteriors(x), logits.exp() / logits.exp().sum(1, keepdim=True))


def test_there_is_no_adaptive_pooling():
    modules = vgg("D", image_size=32, width=1 / 64).modules()
    assert not [module for module in modules if "Adaptive" in type(module).__name__]


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 32, 64), (1, 1, 32, 32), (3, 32, 32)])
def test_an_input_of_another_shape_is_refused_with_both_shapes(shape):
    with pytest.raises(InputError) as error:
        vgg("A", image_size=32, width=1 / 16)(torch.zeros(shape))
    assert str(shape) in str(error.value)
    assert "expects (N, 3, 32, 32)" in str(error.value)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"name": "F"}, "unknown network 'F': choose from A, A-LRN, B, C, D, E"),
        ({"width": 1 / 65}, "conv1_1 without channels: choose 1/64 or more"),
        ({"width": -1}, "width -1 "),
        ({"width": float("nan")}, "width nan gives conv1_1 more than 1,048,576 channels: choose a smaller"),
        ({"width": float("inf")}, "width inf gives conv1_1 more than"),
        ({"width": 1e300}, r"width 1e\+300 gives conv1_1 more than"),
        ({"image_size": 31}, "image size 31 is too small: 5 pools of 2×2 need 32 pixels or more"),
        ({"num_classes": 1}, "num_classes is 1: .* at least 2"),
        ({"num_classes": 10.0}, "num_classes is 10.0: choose a whole number"),
        ({"num_classes": "10"}, "num_classes is '10': choose a whole number"),
        ({"image_size": 64.0}, "image_size is 64.0: choose a whole number"),
        ({"width": "1/4"}, "width is '1/4': choose a number"),
        ({"dropout": 1.0}, "dropout is 1.0: choose"),
        (
            {"name": Network(*((conv(64),),) * 6), "image_size": 32},
            "image size 32 is too small: 6 pools of 2×2 need 64 pixels or more",
        ),
        (
            {"name": Network((conv(64, kernel=5, padding=0),), (conv(64),)), "image_size": 7},
            "image size 7 is used up at pool2",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_by_name_and_value(choices, says):
    with pytest.raises(InputError, match=says):
        vgg(**{"name": "A", "image_size": 32} | choices)


def test_a_network_of_two_stages_takes_images_of_28_pixels():
    net = vgg(Network((conv(32),), (conv(64),)), num_classes=10, image_size=28, width=1 / 8)
    assert net(torch.zeros(1, 3, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("stages", [(), ((conv(64),), ()), (conv(64),)])
def test_a_network_without_layers_is_refused(stages):
    with pytest.raises(InputError, match="each a tuple of one layer or more"):
        Network(*stages)


@pytest.mark.parametrize(
    ("batch_norm", "name", "way_out"),
    [
        (False, "conv1_1", "build it with batch_norm=True"),
        (True, "fc8", "name a convolution"),
        (True, "conv9_9", "name a convolution"),
    ],
)
def test_a_normalisation_that_is_not_there_is_refused(batch_norm, name, way_out):
    net = vgg("A", num_classes=10, image_size=32, width=1 / 16, batch_norm=batch_norm)
    with pytest.raises(InputError, match=f"network A has no batch normalisation behind '{name}': {way_out}"):
        net.normalisation(name)
