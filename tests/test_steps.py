"""What each step of a training is given, and what it does, computed here a second time from the paper's words."""

import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_pre_hook

from vgg_lib.basics import progress, seeds
from vgg_lib.data.embedded import embedded
from vgg_lib.data.rescaling import rescale
from vgg_lib.networks.model import VGG
from vgg_lib.training import loop
from vgg_lib.training.loop import build, train
from vgg_lib.training.parallel import Team
from vgg_lib.training.presets import PRESETS
from vgg_lib.training.runs import make_run

#: Few enough to compute everything twice: two steps an epoch, and some photographs left over in each.
COUNT, BATCH = 130, 60


def tiny(network="A", **choices):
    return make_run(
        network, "quick", **{"width": 1 / 16, "epochs": 2, "batch_size": BATCH, "precision": "float32"} | choices
    )


@dataclass
class Seen:
    """What could be seen of a training from outside, a list entry each step."""

    trained: loop.Trained
    inputs: list = field(default_factory=list)
    logits: list = field(default_factory=list)
    groups: list = field(default_factory=list)


def watched(run, **how):
    """A training, its steps looked at through PyTorch's own hooks."""
    seen = Seen(None)

    def look(module, given, logits):
        if isinstance(module, VGG) and module.training:
            seen.inputs.append(given[0].detach().clone())
            seen.logits.append(logits.detach().clone())

    hooks = [
        nn.modules.module.register_module_forward_hook(look),
        register_optimizer_step_pre_hook(
            lambda optimiser, *_: seen.groups.append([dict(group) for group in optimiser.param_groups])
        ),
    ]
    try:
        seen.trained = train(run, progress=False, **how)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@pytest.fixture(autouse=True)
def photos(monkeypatch):
    """What is trained on: a few of the embedded pictures."""
    few = embedded("train").take(torch.arange(COUNT))
    monkeypatch.setattr(loop, "photos_to_train", lambda run, root: few)
    return few


def mean_and_covariance(photos):
    """Of all RGB values."""
    pixels = photos.images.pixels.transpose(0, 1).reshape(3, -1).double()
    return pixels.mean(1), torch.cov(pixels, correction=0)


def given(run, photos):
    """What the net of ``run`` is given in each step, and the labels: the order, then for each batch S, place, mirror
    and colour, drawn from the generator of the epoch and of nothing else."""
    mean, covariance = mean_and_covariance(photos)
    deviation = covariance.diagonal().mean().sqrt() if run.preset.input_scale == "unit" else 1.0
    variances, components = torch.linalg.eigh(covariance)
    low, high = run.scale if isinstance(run.scale, tuple) else (run.scale, run.scale)
    crop, size = run.preset.crop, run.preset.batch_size
    for epoch in range(run.preset.epochs):
        random = seeds.generator(run.seed, f"epoch {epoch}")
        order = torch.randperm(len(photos), generator=random)
        for start in range(0, len(photos) - size + 1, size):
            chosen = order[start : start + size]
            u = torch.rand(4, size, generator=random)
            batch = []
            for i, (of_scale, down, right, mirror) in zip(chosen.tolist(), u.T, strict=True):
                s = min(low + int(of_scale * (high - low + 1)), high)
                image = rescale(photos.images[i], s).double()
                top, left = (int(where * (s - crop + 1)) for where in (down, right))
                image = image[:, top : top + crop, left : left + crop]
                batch.append(image.flip(2) if mirror < 0.5 else image)
            batch = torch.stack(batch)
            if run.preset.colour_shift:
                alpha = 0.1 * torch.randn(size, 3, generator=random).double()
                batch += ((alpha * variances.sqrt()) @ components.T)[:, :, None, None]
            yield (batch - mean[:, None, None]) / deviation, photos.labels[chosen]


@pytest.mark.parametrize(
    ("choices", "within"),
    [
        ({}, 1e-4),
        ({"seed": 3, "colour_shift": True, "input_scale": "paper"}, 1e-2),
        ({"scale": (36, 40), "colour_shift": True}, 1.5 / 60),  # pixels are rounded to whole values here, and not there
    ],
)
def test_the_net_is_given_what_was_drawn_for_each_step(photos, choices, within):
    run = tiny(**choices)
    seen = watched(run)
    expected = list(given(run, photos))
    assert len(seen.inputs) == len(expected) == 4
    for inputs, logits, loss, (crops, labels) in zip(
        seen.inputs, seen.logits, seen.trained.steps, expected, strict=True
    ):
        torch.testing.assert_close(inputs.double(), crops, rtol=0, atol=within)
        assert loss == pytest.approx(float(functional.cross_entropy(logits, labels)), abs=1e-5)


@pytest.mark.parametrize("choices", [{"dropout": 0.5, "seed": 2}, {"batch_norm": True, "learning_rate": 2e-3}])
def test_a_step_follows_the_gradient_of_the_mean_loss_with_momentum_and_decay(photos, choices):
    run = tiny(momentum=0.7, weight_decay=0.03, **choices)
    seen = watched(run, max_steps=3)
    torch.manual_seed(run.seed)  # what dropout draws
    net = build(run, 10).train()
    assert {module.p for module in net.modules() if isinstance(module, nn.Dropout)} == {run.preset.dropout}
    assert any(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == run.batch_norm
    torch.manual_seed(run.seed)
    velocities = [torch.zeros_like(weight) for weight in net.parameters()]
    labels = [labels for _, labels in given(run, photos)]
    for step, inputs in enumerate(seen.inputs):
        logits = net(inputs.contiguous())
        torch.testing.assert_close(logits, seen.logits[step], rtol=1e-2, atol=2e-3)
        gradients = torch.autograd.grad(functional.cross_entropy(logits, labels[step]), list(net.parameters()))
        rate = seen.groups[step][0]["lr"]
        with torch.no_grad():
            for weight, velocity, gradient in zip(net.parameters(), velocities, gradients, strict=True):
                velocity.mul_(0.7).add_(gradient + 0.03 * weight)
                weight.sub_(rate * velocity)
    for (name, ours), theirs in zip(net.named_parameters(), seen.trained.net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)
    ours, theirs = (dict(one.named_buffers()) for one in (net, seen.trained.net))
    assert all(torch.allclose(ours[name].float(), theirs[name].float(), atol=1e-3) for name in ours)


@pytest.mark.parametrize("schedule", ["one-cycle", "plateau"])
def test_the_optimiser_has_all_weights_and_what_the_run_says(schedule):
    run = tiny(momentum=0.7, weight_decay=0.03, learning_rate=0.05, schedule=schedule, batch_norm=True)
    seen = watched(run, max_steps=3)
    for [group] in seen.groups:  # one group for all
        assert [id(weight) for weight in group["params"]] == [id(weight) for weight in seen.trained.net.parameters()]
        has = {name: group[name] for name in ("momentum", "weight_decay", "dampening", "nesterov", "maximize")}
        assert has == {"momentum": 0.7, "weight_decay": 0.03, "dampening": 0, "nesterov": False, "maximize": False}


def test_losses_are_scaled_for_float16_alone():
    learner, _ = loop.prepare(tiny(), Team(torch.device("cpu")), None, None)
    assert not learner.scaler.is_enabled()


def cosine(first, last, share):
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def test_the_one_cycle_rate_rises_for_three_tenths_of_the_steps_and_falls_for_the_rest():
    run = tiny(batch_size=13, learning_rate=0.05)
    seen, steps = watched(run), 2 * 10
    top = 0.3 * steps - 1
    expected = [
        cosine(0.05 / 25, 0.05, step / top)
        if step <= top
        else cosine(0.05, 0.05 / 25 / 1e4, (step - top) / (steps - 1 - top))
        for step in range(steps)
    ]
    assert [group["lr"] for [group] in seen.groups] == pytest.approx(expected, rel=1e-6)


def test_the_plateau_schedule_watches_the_held_out_tenth_after_each_epoch(monkeypatch):
    looked, errors = [], iter([50.0] * 7 + [40.0])

    def posteriors(net, images, protocol):
        looked.append((images, protocol))
        return torch.zeros(len(images), 10)

    monkeypatch.setattr(loop, "posteriors", posteriors)
    monkeypatch.setattr(loop, "top_errors", lambda scores, labels: {"top1": next(errors)})
    run = tiny(schedule="plateau", epochs=8, learning_rate=0.01, width=1 / 64)
    seen = watched(run)
    held_out = embedded("train").held_out().images.pixels
    assert [protocol for _, protocol in looked] == [run.protocol] * 8
    assert all(torch.equal(images.pixels, held_out) for images, _ in looked)
    rates = [group["lr"] for [group] in seen.groups]
    assert rates == pytest.approx([0.01] * 14 + [0.001] * 2)  # seven epochs as bad as the first, and then a tenth


def test_the_papers_preset_is_the_papers_recipe():
    paper = PRESETS["paper"]  # §3.1
    assert (paper.batch_size, paper.momentum, paper.weight_decay, paper.dropout) == (256, 0.9, 5e-4, 0.5)
    assert (paper.learning_rate, paper.schedule, paper.epochs) == (1e-2, "plateau", 74)
    assert (paper.crop, paper.scales, paper.input_scale, paper.colour_shift) == (
        224,
        (256, 384, (256, 512)),
        "paper",
        True,
    )


def test_the_bar_moves_with_each_step_and_tells_its_loss_and_epoch(monkeypatch):
    told = []
    monkeypatch.setattr(progress.tqdm, "update", lambda bar: told.append("step"))
    monkeypatch.setattr(progress.tqdm, "set_postfix", lambda bar, loss, epoch, **_: told.append((epoch, loss)))
    losses = [f"{loss:.3f}" for loss in train(tiny()).steps]
    assert told[::2] == ["step"] * 4
    assert told[1::2] == list(zip(["1/2", "1/2", "2/2", "2/2"], losses, strict=True))
