"""Figures that chapters draw from numbers of their own: what is drawn is what was given, wide and narrow."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from vgg_lib.book import figures
from vgg_lib.book.figures import COLOURS, stage_ends, straight_pieces
from vgg_lib.book.figures.drawing import NARROW
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photos import Photos
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.table import NETWORKS, Network, conv

pytestmark = pytest.mark.usefixtures("chapter_style")


def test_a_unit_is_told_by_its_view_and_the_relus_on_its_way():
    assert stage_ends("A") == [(4, 1), (10, 2), (30, 4), (70, 6), (150, 8)]
    for name in "BCDE":
        sides, relus = zip(*stage_ends(name), strict=True)
        assert sides[-1] == receptive_field(NETWORKS[name].layers()) and relus[-1] == NETWORKS[name].weight_layers - 3
    assert [side for side, _ in stage_ends("B")] == [side for side, _ in stage_ends("C")]
    assert [relus for _, relus in stage_ends("C")] == [relus for _, relus in stage_ends("D")]


@pytest.mark.parametrize("narrow", [False, True])
def test_views_and_relus_are_drawn_as_they_are_in_the_colour_of_the_network(narrow):
    [axes] = figures.views_and_relus(("A", "E"), narrow=narrow).axes
    for line, name in zip(axes.lines, "AE", strict=False):
        assert list(zip(*line.get_data(), strict=True)) == stage_ends(name) and line.get_color() == COLOURS[name]
    assert [text.get_text() for text in axes.texts][:2] == ["A", "E"]


@pytest.mark.parametrize("draw", [figures.table_one, figures.field_growth, figures.views_and_relus])
@pytest.mark.parametrize("narrow", [False, True])
def test_networks_of_ones_own_are_drawn_too(monkeypatch, draw, narrow):
    monkeypatch.setitem(NETWORKS, "own", Network(*((conv(64),),) * 5))
    assert any("own" in text.get_text() for text in draw(("A", "own"), narrow=narrow).axes[0].texts)


@pytest.mark.parametrize("narrow", [False, True])
def test_costs_are_compared_of_networks_of_ones_own_too(monkeypatch, narrow):
    monkeypatch.setitem(NETWORKS, "own", Network(*((conv(64),),) * 5))
    figures.stage_costs("own", "B", narrow=narrow)


def test_a_net_without_mistakes_has_none_to_show():
    photos = Photos(
        ImageTensor(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)), torch.tensor([0, 1]), ("a", "b"), ("c", "d"), ""
    )
    for scores, shown in ((torch.eye(2), ["none"]), (torch.eye(2).flip(0), [])):
        page = figures.most_confident_mistakes(photos, scores)
        assert [text.get_text() for axes in page.axes for text in axes.texts] == shown


def test_pieces_end_where_the_slope_changes():
    assert straight_pieces(np.linspace(0, 1, 9)) == 1
    assert straight_pieces(np.array([0.0, 1.0, 2.0, 2.0, 2.0, 1.0])) == 3
    assert straight_pieces(np.abs(np.arange(-2.5, 3))) == 2  # the bend lies between two points
    assert straight_pieces(np.array([2.0, 0.0, 0.0, 0.0])) == 2


def test_a_fold_is_titled_by_its_name_and_its_pieces():
    zigzag = np.array([0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0])
    wide, narrow = (figures.folds({"one": zigzag, "two": zigzag[:2]}, narrow=n) for n in (False, True))
    assert [axes.get_title("left") for axes in wide.axes] == ["one:\n3 pieces", "two:\n1 piece"]
    assert list(wide.axes[0].lines[0].get_ydata()) == list(zigzag)
    assert narrow.get_figwidth() == NARROW and narrow.get_figheight() > wide.get_figheight()


def test_errors_over_epochs_have_a_dot_for_each_seed_and_a_line_through_their_means():
    errors = {"A plain": {40: [20.0], 80: [19.0, 21.0]}, "D normalised": {40: [15.0]}}
    networks = {"A plain": "A", "D normalised": "D"}
    [axes] = figures.over_epochs(errors, networks, ["A plain"]).axes
    plain, normalised = axes.lines
    assert list(zip(*plain.get_data(), strict=True)) == [(40, 20.0), (80, 20.0)]
    assert plain.get_linestyle() == "--" and normalised.get_linestyle() == "-"
    assert [dots.get_offsets().tolist() for dots in axes.collections] == [
        [[40, 20.0]], [[80, 19.0], [80, 21.0]], [[40, 15.0]],
    ]  # fmt: skip
    assert [to_hex(dots.get_facecolor()[0]) for dots in axes.collections] == ["#ffffff", "#ffffff", "#d55e00"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["40", "80"]


def test_trainings_are_running_means_below_the_loss_of_guessing():
    panels = {"one": {"A": [2.0, 1.0, 0.0]}, "two": {"A": [1.0], "mine": [3.0]}}
    wide = figures.trainings(panels, {"mine": "E"}, smooth=2)
    assert [axes.get_title("left") for axes in wide.axes] == ["one", "two"]
    falling, guessing = wide.axes[0].lines
    assert list(falling.get_ydata()) == [2.0, 1.5, 0.5] and list(falling.get_xdata()) == [1, 2, 3]
    assert guessing.get_ydata()[0] == math.log(10)
    assert [line.get_color() for line in wide.axes[1].lines[:2]] == [COLOURS["A"], COLOURS["E"]]
    [legend] = wide.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "mine"]
    assert figures.trainings(panels, narrow=True).get_figwidth() == NARROW


def test_versions_stand_below_each_other_and_a_phone_shows_fewer():
    pictures = list(torch.arange(8 * 3 * 4, dtype=torch.uint8).view(8, 3, 2, 2))
    wide = figures.versions({"one": pictures, "two": pictures[::-1]}, ["a"] * 8)
    assert len(wide.axes) == 16
    assert [wide.axes[i].get_ylabel() for i in (0, 8)] == ["one", "two"]
    for axes, picture in zip(wide.axes, pictures + pictures[::-1], strict=True):
        assert np.array_equal(axes.images[0].get_array(), picture.permute(1, 2, 0).numpy())
    assert [axes.get_title("center") for axes in wide.axes] == ["a"] * 8 + [""] * 8
    assert len(figures.versions({"one": pictures}, narrow=True).axes) == 4


def test_networks_side_by_side_have_a_box_for_each_layer_and_level_stages():
    own = Network((conv(8, kernel=5), conv(8, kernel=1)), (conv(16),))
    [axes] = figures.side_by_side({"mine": own, "other": Network((conv(8),), (conv(16),))}).axes
    words = [text.get_text() for text in axes.texts]
    assert words[:4] == ["5×5, 8\nsees 5", "1×1, 8\nsees 5", "3×3, 16\nsees 10", "mine"]
    assert words[4:] == ["3×3, 8\nsees 3", "3×3, 16\nsees 8", "other", "stage 1", "stage 2"]
    boxes = axes.patches
    assert boxes[3].get_height() > 2 * boxes[0].get_height() and boxes[2].get_y() == boxes[4].get_y()
    figures.side_by_side({"B": "B"}, narrow=True)


def test_a_stack_of_unlike_filters_is_named_after_all_of_them():
    one, two = figures.pyramids((3, 3), (3, 3, 1)).axes
    assert [axes.get_title("center") for axes in (one, two)] == ["two 3×3", "3×3, 3×3, 1×1"]


@pytest.mark.parametrize("narrow", [False, True])
def test_over_rates_a_loss_that_is_lost_is_a_cross_at_the_top(narrow):
    panels = {"D": {"plain": {0.1: 1.0, 1.0: math.nan, 10.0: 50.0}, "BN": {0.1: 0.5, 1.0: 0.2, 10.0: 2.0}}, "E": {}}
    figure = figures.over_rates(panels, narrow=narrow)
    left, right = figure.axes
    plain, plain_lost, norm, norm_lost, guessing = left.lines
    assert list(plain.get_xdata()) == [0.1] and list(plain.get_ydata()) == [1.0]
    assert list(plain_lost.get_ydata()) == [plain_lost.get_ydata()[0]] * 2 > [guessing.get_ydata()[0]] * 2
    assert list(norm.get_ydata()) == [0.5, 0.2, 2.0] and not len(norm_lost.get_xdata())
    assert guessing.get_ydata()[0] == pytest.approx(math.log(10)) and left.get_xscale() == "log"
    assert plain.get_linestyle() != norm.get_linestyle() and to_hex(norm.get_color()) == COLOURS["D"].lower()
    assert right.get_title("left") == "E" and (figure.get_figwidth() == NARROW) == narrow
    assert [text.get_text() for text in left.get_xticklabels()] == ["0.1", "1", "10"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain", "BN"]
