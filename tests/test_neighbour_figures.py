"""Figures of the chapter on response normalisation: bars, shares, costs, and intervals on a margin."""

import pytest
import torch
from helpers.records import a_record
from matplotlib.colors import to_hex

from vgg_lib.book import figures
from vgg_lib.book.figures.drawing import NARROW
from vgg_lib.book.figures.neighbours import normalised, where
from vgg_lib.book.figures.style import COLOURS, GREEN, ORANGE, VERMILION
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.measures import SHARES
from vgg_lib.networks.response_norm import LocalResponseNorm

pytestmark = pytest.mark.usefixtures("chapter_style")


def test_a_frame_is_what_is_left_without_neighbours():
    channels = torch.tensor([100.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    after, alone = normalised(channels, LocalResponseNorm())
    torch.testing.assert_close(alone, channels / 2**0.75)
    assert after[0] < 0.8 * alone[0] and after[1] < 0.8 * alone[1]
    torch.testing.assert_close(after[6], alone[6], rtol=1e-3, atol=0)


@pytest.mark.parametrize("narrow", [False, True])
def test_bars_and_frames_are_what_the_layer_makes(narrow):
    channels = torch.tensor([100.0, 1.0, 0.0, 0.0])
    layers = {"weak": LocalResponseNorm(alpha=1e-6), "strong": LocalResponseNorm()}
    figure = figures.responses({name: (channels, layer) for name, layer in layers.items()}, narrow=narrow)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == list(layers)
    for axes, layer in zip(shown, layers.values(), strict=True):
        drawn = torch.tensor([float(bar.get_height()) for bar in axes.patches])
        torch.testing.assert_close(drawn, torch.cat(normalised(channels, layer)))


def test_a_single_panel_has_the_whole_width():
    figure = figures.responses({"one": (torch.tensor([100.0, 1.0]), LocalResponseNorm())})
    assert len(figure.axes) == 1


def test_shares_are_ranked():
    [axes] = figures.shares({"one": torch.tensor([1.0, 0.5, 0.75])}).axes
    ranked = axes.lines[0].get_ydata()
    assert ranked[0] == 0.5 and ranked[100] == 0.75 and ranked[-1] == 1


def test_what_neighbours_left_is_told_before_and_after_training_as_means_over_seeds():
    rule = arms_of("lrn")[0][0].recipes[0]
    known = {}
    for seed, end in enumerate((0.9, 0.8)):
        left = {"start": {"0.001": 0.98, "0.01": 0.99, "0.1": 1.0, "0.5": 1.0}, "end": {str(q): end for q in SHARES}}
        known[rule.run(seed).key] = a_record(rule.run(seed), measurements={"neighbours": left})
    known[rule.run(2).key] = a_record(rule.run(2))  # measured before there was anything to measure it by
    table = figures.neighbours_left(known)
    assert list(table.columns) == ["seeds", "1 in 1000", "1 in 100", "1 in 10", "1 in 2"]
    assert list(table.index) == [
        f"{network}: {when} training" for network in ("A-LRN", "A-LRN-strong") for when in ("before", "after")
    ]
    assert table.iloc[0].tolist() == ["2 of 10", 98, 99, 100, 100]
    assert table.iloc[1].tolist() == ["2 of 10", 85, 85, 85, 85]
    assert table.iloc[2:]["seeds"].tolist() == ["0 of 10"] * 2 and table.iloc[2:, 1:].isna().all(axis=None)


@pytest.mark.parametrize("narrow", [False, True])
def test_costs_are_multiples_of_the_first(narrow):
    figure = figures.costs({"time": {"A": 2.0, "A-LRN": 3.0}, "memory": {"A": 5.0, "A-LRN": 20.0}}, narrow=narrow)
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [[1, 1.5], [1, 4]]
    assert to_hex(figure.axes[0].patches[1].get_facecolor()) == COLOURS["A-LRN"].lower()
    assert (figure.get_figwidth() == NARROW) == narrow


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [(-0.9, 0.9, "within"), (0.2, 1.0, "across"), (-1.0, 0.5, "across"), (1.1, 2.0, "outside"),
     (-2.0, -1.1, "outside"), (-2.0, 2.0, "across")],
)  # fmt: skip
def test_an_interval_lies_within_a_margin_outside_or_across_its_edge(low, high, place):
    assert where(low, high, 1.0) == place


def test_an_intervals_colour_says_where_it_lies():
    cases = {"in": (0.0, -0.5, 0.5), "over": (0.5, -0.5, 1.5), "out, far": (2.0, 1.5, 2.5)}
    [axes] = figures.within_margin(cases, 1.0).axes
    assert [line.get_color() for line in axes.lines[:3]] == [GREEN, ORANGE, VERMILION]
    assert [list(line.get_xdata()) for line in axes.lines[:3]] == [[-0.5, 0.5], [-0.5, 1.5], [1.5, 2.5]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["in", "over", "out,\nfar"]
