"""What is left of a signal behind each layer: against arithmetic, and along the first steps of a run."""

import math

import pytest
import torch
from helpers.tiny import DIVERGING, tiny
from torch.nn import functional

from vgg_lib.basics.errors import InputError
from vgg_lib.book import figures
from vgg_lib.book.figures.drawing import NARROW
from vgg_lib.book.figures.style import OTHERS
from vgg_lib.networks.initialisation import Initialisation, deviations, initialise
from vgg_lib.networks.model import vgg
from vgg_lib.networks.signals import Signal, by_layer, signals
from vgg_lib.training.runs import make_run
from vgg_lib.training.signals import signals_at

pytestmark = pytest.mark.usefixtures("chapter_style")

HE = Initialisation("he")


def net_of(name="A", how=HE, **choices):
    net = vgg(name, num_classes=10, image_size=32, width=1 / 8, **choices)
    return initialise(net, how, seed=0)


X = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % 10


def test_the_last_layers_signal_is_that_of_the_logits():
    net = net_of(dropout=0.0)
    logits = net.train()(X).detach()
    gradient = (logits.softmax(1) - functional.one_hot(LABELS, 10)) / len(X)
    last = signals(net, X, LABELS)["fc8"]
    assert last.size == pytest.approx(float(logits.square().mean().sqrt()), rel=1e-5)
    assert last.variation == pytest.approx(float(logits.var(0, unbiased=False).mean().sqrt()), rel=1e-5)
    assert last.gradient == pytest.approx(float(gradient.square().mean().sqrt()), rel=1e-5)


def test_the_first_layers_outputs_are_measured_before_the_relu():
    net = net_of()
    outputs = functional.conv2d(X, net.features[0].weight, padding=1).detach()
    first = signals(net, X, LABELS)["conv1_1"]
    assert first.size == pytest.approx(float(outputs.square().mean().sqrt()), rel=1e-5)
    assert outputs.min() < 0


def test_twice_the_weights_are_twice_the_signal_from_layer_to_layer():
    small, large = (signals(net_of("D", Initialisation("normal", s)), X, LABELS) for s in (0.02, 0.04))
    for depth, name in enumerate(small, start=1):
        assert large[name].size == pytest.approx(2**depth * small[name].size, rel=1e-4)
        assert large[name].variation == pytest.approx(2**depth * small[name].variation, rel=1e-4)


def test_pictures_that_are_the_same_have_size_and_no_variation():
    found = signals(net_of(), X[:1].expand(4, -1, -1, -1), LABELS[:4])
    assert all(signal.size > 0.01 and signal.variation < 1e-5 for signal in found.values())


def test_a_measured_net_is_as_it_was():
    net = net_of(batch_norm=True).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.inference_mode():
        one, other = (signals(net, X, LABELS) for _ in range(2))
    assert one == other  # dropout takes no part
    assert not net.training and all(w.grad is None for w in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_one_picture_does_not_vary():
    with pytest.raises(InputError, match="give two or more"):
        signals(net_of(), X[:1], LABELS[:1])


def test_by_layer_is_one_number_of_each():
    found = {"conv1_1": Signal(1.0, 2.0, 3.0), "fc8": Signal(4.0, 5.0, 6.0)}
    assert by_layer(found, "variation") == {"conv1_1": 2.0, "fc8": 5.0}


def test_a_run_is_measured_where_it_starts_and_as_it_goes_on():
    state = torch.get_rng_state()
    found = signals_at(tiny(), (0, 1, 3))
    assert torch.equal(torch.get_rng_state(), state)
    assert list(found) == [0, 1, 3]
    deviation = deviations(vgg("A", num_classes=10, image_size=32, width=1 / 16), tiny().initialisation)["conv1_1"]
    unit = math.sqrt(27) * deviation  # inputs are around 0 with deviation 1
    assert found[0]["conv1_1"].size == pytest.approx(unit, rel=0.5)
    assert found[0] != found[1] != found[3]
    assert signals_at(tiny(), (3,)) == {3: found[3]}


def test_a_run_that_diverges_has_no_signals_from_there_on():
    assert set(signals_at(DIVERGING, (0, 1, 100))) <= {0, 1}


def test_a_run_has_no_signals_behind_its_last_step():
    run = make_run("A", "quick", width=1 / 16, batch_size=1000, epochs=1)  # two steps
    assert set(signals_at(run, (0, 2, 3, 100))) == {0, 2}


@pytest.mark.parametrize("steps", [(), (-1, 2), (10, 1), (1, 1)])
def test_steps_must_rise(steps):
    if not steps:
        assert signals_at(tiny(), steps) == {}
        return
    with pytest.raises(InputError, match="give numbers that rise"):
        signals_at(tiny(), steps)


@pytest.mark.parametrize("narrow", [False, True])
def test_layers_are_drawn_in_powers_of_ten_and_what_has_none_is_left_out(narrow):
    lines = {"one": {"conv1_1": 10.0, "fc8": 0.0}, "two": {"conv1_1": math.inf, "fc8": 1.0}}
    panels = {"forwards": lines, "backwards": {"two": lines["two"]}}
    figure = figures.over_layers(panels, label="size", narrow=narrow)
    left, right = figure.axes
    assert [axes.get_title("left") for axes in figure.axes] == ["forwards", "backwards"]
    assert left.get_yscale() == right.get_yscale() == "log"
    one, two = left.lines
    assert one.get_ydata()[0] == 10 and math.isnan(one.get_ydata()[1]) and math.isnan(two.get_ydata()[0])
    assert right.lines[0].get_color() == two.get_color() != one.get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert (figure.get_figwidth() == NARROW) == narrow
    assert figure.get_supylabel() == "size" and {"1", "10"} <= {text.get_text() for text in left.get_yticklabels()}


@pytest.mark.parametrize("narrow", [False, True])
def test_curves_are_running_means_that_end_in_a_cross_where_the_loss_does(narrow):
    panels = {"one": {"bad": [4.0, 2.0, math.nan], "good": [3.0, 1.0]}, "two": {"bad": [1.0]}}
    figure = figures.curves(panels, {"one": {"ln 10": 2.3}}, smooth=2, narrow=narrow)
    one, two = (axes for axes in figure.axes if axes.get_visible())
    bad, cross, good, level = one.lines
    assert list(bad.get_xdata()) == [1, 2] and list(bad.get_ydata()) == [4, 3]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (3, 2)
    assert list(good.get_ydata()) == [3, 2] and level.get_ydata()[0] == 2.3
    assert [text.get_text() for text in one.texts] == ["nan", "ln 10"]
    assert two.get_title("left") == "two" and two.lines[0].get_color() == bad.get_color() != good.get_color()


def test_the_names_of_curves_cover_no_curve():
    figure = figures.curves({"one": {"high": [9.0] * 20, "low": [0.1] * 20}, "two": {"high": [9.0] * 20}})
    figure.canvas.draw()
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        title = next(text for text in axes.get_children() if getattr(text, "get_text", str)() in ("one", "two"))
        names = axes.get_legend().get_window_extent()
        assert axes.bbox.y1 <= names.y0 and names.y1 <= title.get_window_extent().y0


def test_losses_stand_at_their_steps():
    [axes] = figures.curves({"one": {"late": [3.0, 2.0, math.nan]}}, first=11).axes
    late, cross = axes.lines
    assert list(late.get_xdata()) == [11, 12] and cross.get_xdata()[0] == 13 and axes.get_xlim()[0] == 10


def test_nets_outside_table_1_have_no_networks_colour():
    [axes] = figures.curves({"one": {"this": [2.0], "that": [1.0], "third": [3.0]}}, looks=OTHERS).axes
    assert [(line.get_color(), line.get_linestyle()) for line in axes.lines] == list(OTHERS)
    assert not {colour for colour, _ in OTHERS} & set(figures.COLOURS.values())


def test_a_loss_on_its_way_to_infinity_does_not_hide_the_others():
    [axes] = figures.curves({"one": {"bad": [3.0, 1e9, math.nan], "good": [2.0]}}).axes
    assert axes.get_ylim() == (0, 10) and axes.lines[1].get_ydata()[0] == 9


def test_a_loss_that_was_never_finite_is_a_cross_alone():
    [axes] = figures.curves({"one": {"bad": [math.inf]}}).axes
    line, cross = axes.lines
    assert not len(line.get_xdata()) and cross.get_xdata()[0] == 1
    assert [text.get_text() for text in axes.texts] == ["inf"]


def test_panels_may_share_their_scale():
    panels = {"one": {"line": {"conv1_1": 1e-6, "fc8": 1.0}}, "two": {"line": {"conv1_1": 1.0, "fc8": 2.0}}}
    shared, own = (
        [axes.get_ylim() for axes in figures.over_layers(panels, share=share).axes] for share in (True, False)
    )
    assert shared[0] == shared[1] and own[0] != own[1]
