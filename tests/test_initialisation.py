"""Starting weights, drawn and copied."""

import math

import pytest
import torch

from vgg_lib.basics.errors import InputError
from vgg_lib.networks.initialisation import Initialisation, copy_weights, deviations, initialise, warm_start
from vgg_lib.networks.model import vgg

KINDS = [
    Initialisation("normal", 0.01),
    Initialisation("normal-fan-in", 0.01),
    Initialisation("glorot"),
    Initialisation("he"),
]

# Fan-ins of net A at full width and 224 pixels (Table 1): 9 times the channels below, 7·7·512 for fc6.
PAPER_FAN_IN = {
    "conv1_1": 27,
    "conv2_1": 576,
    "conv3_1": 1152,
    "conv3_2": 2304,
    "conv4_1": 2304,
    "conv4_2": 4608,
    "conv5_1": 4608,
    "conv5_2": 4608,
    "fc6": 25088,
    "fc7": 4096,
    "fc8": 4096,
}


def small(name="A", **choices):
    return vgg(name, **{"num_classes": 10, "image_size": 32, "width": 1 / 4} | choices)


def weights(net):
    return {name: layer.weight.detach() for name, layer in net.weight_layers().items()}


def formula(how, name, weight):
    """The deviation that the literature gives, from the shape of the weights."""
    fan_in, fan_out = weight[0].numel(), weight[:, 0].numel()
    return {
        "normal": how.sigma,
        "normal-fan-in": how.sigma and how.sigma * math.sqrt(PAPER_FAN_IN[name] / fan_in),
        "glorot": math.sqrt(2 / (fan_in + fan_out)),
        "he": math.sqrt(2 / fan_in),
    }[how.kind]


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.kind)
def test_drawn_weights_have_the_deviation_of_their_kind(how):
    for name, drawn in weights(initialise(small(), how, seed=0)).items():
        standard_errors = 5 / math.sqrt(2 * drawn.numel())
        assert float(drawn.std()) == pytest.approx(formula(how, name, drawn), rel=standard_errors), name
        assert abs(float(drawn.mean())) < 5 * float(drawn.std()) / math.sqrt(drawn.numel()), name


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.kind)
def test_biases_start_at_zero(how):
    layers = initialise(small(), how, seed=0).weight_layers().values()
    assert not any(layer.bias.any() for layer in layers)


def test_glorots_weights_are_uniform():
    drawn = weights(initialise(small(), Initialisation("glorot"), seed=0))["fc7"]  # 1024 × 1024
    assert float(drawn.abs().max()) == pytest.approx(math.sqrt(6 / 2048), rel=1e-3)


def test_sigma_corrected_for_fan_in_keeps_the_gain_of_every_layer():
    net = small()
    corrected = deviations(net, Initialisation("normal-fan-in", 0.01))
    gains = {name: corrected[name] * math.sqrt(weight[0].numel()) for name, weight in weights(net).items()}
    assert gains == pytest.approx({name: 0.01 * math.sqrt(fan_in) for name, fan_in in PAPER_FAN_IN.items()})


def test_sigma_corrected_for_fan_in_stays_at_conv1_1():
    assert deviations(small(), Initialisation("normal-fan-in", 0.01))["conv1_1"] == 0.01


def test_sigma_corrected_for_fan_in_is_sigma_in_the_papers_net():
    with torch.device("meta"):
        net = vgg("D")
    assert set(deviations(net, Initialisation("normal-fan-in", 0.01)).values()) == {0.01}


def test_the_same_seed_draws_the_same_weights():
    one, other = (weights(initialise(small(), Initialisation(), seed=3)) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_seed_draws_other_weights_in_every_layer():
    one, other = (weights(initialise(small(), Initialisation(), seed=seed)) for seed in (3, 4))
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_layers_that_a_and_d_share_start_equal():
    a, d = (weights(initialise(small(name), Initialisation(), seed=0)) for name in ("A", "D"))
    assert all(torch.equal(a[name], d[name]) for name in a)


def test_batch_normalisation_starts_at_scale_1_and_shift_0():
    net = small(batch_norm=True)
    for name in ("conv1_1", "conv3_2"):
        torch.nn.init.constant_(net.normalisation(name).weight, 5.0)
    initialise(net, Initialisation(), seed=0)
    norms = [net.normalisation(name) for name in net.weight_layers() if name.startswith("conv")]
    assert all(norm.weight.eq(1).all() for norm in norms)
    assert not any(norm.bias.any() for norm in norms)


def test_warm_start_copies_four_convolutions_and_the_fc_layers_and_nothing_else():
    """A reading of §3.1, which names no layers; A's other convolutions have namesakes in D too, and stay out."""
    trained, net = (initialise(small(name), Initialisation(), seed) for seed, name in enumerate("AD"))
    for layer in trained.weight_layers().values():
        torch.nn.init.normal_(layer.bias)
    before = {name: weight.clone() for name, weight in weights(net).items()}
    warm_start(net, trained)
    after, source = net.weight_layers(), trained.weight_layers()
    copied = {name for name in source if torch.equal(after[name].weight, source[name].weight)}
    assert copied == {"conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8"}
    assert all(torch.equal(after[name].bias, source[name].bias) for name in copied)
    assert {name for name in after if torch.equal(after[name].weight, before[name])} == set(after) - copied


def test_warm_start_leaves_the_trained_net_its_own_weights():
    trained, net = initialise(small(), Initialisation(), 0), small("D")
    warm_start(net, trained).weight_layers()["fc8"].weight.data.zero_()
    assert trained.weight_layers()["fc8"].weight.any()


def test_warm_start_copies_the_batch_normalisation_behind_a_copied_convolution():
    trained, net = small(batch_norm=True), small("D", batch_norm=True)
    for name in ("conv3_2", "conv4_1"):
        trained.normalisation(name).running_mean.fill_(7.0)
    warm_start(net, trained)
    assert net.normalisation("conv3_2").running_mean.eq(7).all()
    assert net.normalisation("conv4_1").running_mean.eq(0).all()


@pytest.mark.parametrize("normalised", [False, True])
def test_a_warm_start_is_from_a_net_with_normalisation_where_the_net_has_it(normalised):
    net, trained = small("D", batch_norm=normalised), small(batch_norm=not normalised)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(InputError, match="one of the two nets has batch normalisation and the other has none"):
        warm_start(net, trained)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_all_weights_are_copied_with_the_statistics_of_normalisation():
    trained, net = small("D", batch_norm=True), small("D", batch_norm=True)
    trained.normalisation("conv4_1").running_mean.fill_(7.0)
    copied = copy_weights(net, initialise(trained, Initialisation(), 1)).state_dict()
    assert all(torch.equal(tensor, copied[name]) for name, tensor in trained.state_dict().items())
    net.weight_layers()["fc8"].weight.data.zero_()
    assert trained.weight_layers()["fc8"].weight.any()


@pytest.mark.parametrize("other", [small("A"), small("D", width=1 / 8), small("D", batch_norm=True), small("D-7x7")])
def test_all_weights_of_another_net_are_not_copied(other):
    net = small("D")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(InputError, match=f"the weights of {other.name} cannot all be copied into D"):
        copy_weights(net, other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("net", "names"),
    [
        (small("D", width=1 / 8), "conv1_1"),
        (small("D", image_size=64), "fc6"),
        (small("D", num_classes=11), "fc8"),
        (small("B-5x5"), "conv1_1"),
    ],
)
def test_a_warm_start_that_does_not_fit_names_the_layer_and_touches_nothing(net, names):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(InputError, match=f"copies {names}"):
        warm_start(net, small())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "sigma", "says"),
    [
        ("gaussian", None, "unknown initialisation 'gaussian': choose from normal"),
        ("normal", None, "'normal' needs a sigma above 0"),
        ("normal-fan-in", -1.0, "sigma is -1.0: choose a number above 0, or None"),
        ("normal", float("nan"), "sigma is nan: choose"),
        ("he", 0.1, "leave sigma out"),
    ],
)
def test_an_initialisation_that_cannot_be_is_refused(kind, sigma, says):
    with pytest.raises(InputError, match=says):
        Initialisation(kind, sigma)
