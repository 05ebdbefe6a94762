"""Local response normalisation: AlexNet's formula, its gradient, and what half precision leaves of it."""

import pytest
import torch
from torch.nn.functional import local_response_norm

from vgg_lib.networks.model import vgg
from vgg_lib.networks.response_norm import _AT_ONCE, LocalResponseNorm


def alexnets_formula(a, n=5, k=2.0, alpha=1e-4, beta=0.75):
    """b_i = a_i / (k + α Σ_j a_j²)^β over the n maps j around i (Krizhevsky et al. 2012, §3.3)."""
    channels = a.shape[1]
    out = torch.empty_like(a)
    for i in range(channels):
        window = a[:, max(0, i - n // 2) : min(channels, i + n // 2 + 1)]
        out[:, i] = a[:, i] / (k + alpha * window.square().sum(1)) ** beta
    return out


def test_it_is_alexnets_formula():
    a = 100 * torch.randn(2, 9, 4, 5)  # large, so that the sum is felt
    before = a.clone()
    torch.testing.assert_close(LocalResponseNorm()(a), alexnets_formula(a))
    assert torch.equal(a, before)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 30])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_it_is_pytorchs_layer_with_alpha_told_per_channel(n, beta):
    a = 100 * torch.randn(3, 9, 4, 5)
    theirs = local_response_norm(a, n, 1e-3 * n, beta, 2.0)
    torch.testing.assert_close(LocalResponseNorm(n, 1e-3, beta)(a), theirs)


@pytest.mark.parametrize(("n", "beta"), [(5, 0.75), (4, 0.75), (5, 0.5)])
def test_its_gradient_is_that_of_the_formula(n, beta):
    a = torch.randn(2, 7, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LocalResponseNorm(n, alpha=0.3, beta=beta), a)


def test_a_batch_of_several_pieces_is_normalised_like_one():
    a = (100 * torch.randn(3, 16, _AT_ONCE // 16 // 200, 200)).requires_grad_()
    together = LocalResponseNorm()(a)
    together.square().sum().backward()
    one = a.detach()[1:2].requires_grad_()
    alone = LocalResponseNorm()(one)
    alone.square().sum().backward()
    torch.testing.assert_close(together[1:2], alone)
    torch.testing.assert_close(a.grad[1:2], one.grad)


def test_in_bfloat16_its_effect_is_not_rounded_away():
    a = torch.randn(16, 16, 8, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    strong = a.clone()
    strong[:, 3] = 8  # k + α Σ a² is 2.006: the same bfloat16 as 2
    with torch.autocast("cpu", torch.bfloat16):
        out = LocalResponseNorm()(strong)
    assert out.dtype == torch.bfloat16
    exact = alexnets_formula(strong.double())
    signed = ((out.double() - exact) / exact)[:, [1, 2, 4, 5]].mean()  # of many values, so that their rounding cancels
    assert abs(signed) < 2e-4  # rounded away, it would be off by 0.75 · 0.003


def test_autocast_rounds_neither_its_output_nor_its_gradient():
    a = 10 * torch.randn(2, 16, 4, 4)  # so large that products of bfloat16 numbers would be far off
    outputs, gradients = [], []
    for autocast in (False, True):
        x = a.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = LocalResponseNorm(alpha=0.1)(x)
            out.sin().sum().backward()
        outputs.append(out.detach())
        gradients.append(x.grad)
    assert torch.equal(*outputs)
    assert torch.equal(*gradients)


@pytest.mark.parametrize(("n", "beta", "k"), [(5, 0.75, 2.0), (4, 0.5, 1.0)])
def test_the_share_left_is_what_is_left_of_k_alone(n, beta, k):
    a = 100 * torch.randn(2, 9, 4, 5)
    layer = LocalResponseNorm(n, beta=beta, k=k)
    torch.testing.assert_close(layer.share_left(a), layer(a) / (a * k**-beta))
    assert torch.equal(layer.share_left(torch.zeros(1, 3, 2, 2)), torch.ones(1, 3, 2, 2))


def test_shapes_are_told_without_values():
    assert LocalResponseNorm()(torch.empty(2, 8, 6, 6, device="meta")).shape == (2, 8, 6, 6)


def test_maps_stay_channels_last():
    a = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    assert LocalResponseNorm()(a).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(0, 8, 6, 6), (1, 1, 6, 6), (2, 8, 1, 1), (1, 8, 1, 6)])
def test_maps_without_a_layout_of_their_own_are_normalised_too(shape):
    a = (100 * torch.randn(shape)).requires_grad_()
    expected = alexnets_formula(a.detach())
    torch.testing.assert_close(LocalResponseNorm()(a), expected)
    LocalResponseNorm()(a).sum().backward()
    assert a.grad.shape == shape


@pytest.mark.parametrize(("network", "alpha"), [("A-constant", 0), ("A-LRN-strong", 0.49)])
def test_the_controls_of_a_lrn_have_its_layer_with_another_alpha(network, alpha):
    net, a_lrn = (vgg(name, image_size=32, width=1 / 8) for name in (network, "A-LRN"))
    net.load_state_dict(a_lrn.state_dict())
    x = torch.randn(1, 3, 32, 32)
    a = net.features[:2](x)
    torch.testing.assert_close(net.features[:3](x), alexnets_formula(a, alpha=alpha))
    share = (net.features[:3](x) / (a * 2**-0.75))[a > 0]
    if alpha == 0:
        torch.testing.assert_close(share, torch.ones_like(share))
    else:  # what AlexNet's takes of inputs 70 times as large
        assert share.min() < 0.9
        torch.testing.assert_close(70 * net.features[:3](x), a_lrn.features[2](70 * a))


def test_a_lrn_normalises_behind_the_first_relu():
    net = vgg("A-LRN", image_size=32, width=1 / 8)
    x = 100 * torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(net.features[:3](x), alexnets_formula(net.features[:2](x)))
