"""Figures of the appendices' chapters: boxes from many places, features layer by layer and class by class."""

import pandas as pd
import torch
from helpers.records import a_record
from matplotlib import pyplot as plt

from vgg_lib.book import figures
from vgg_lib.evidence.recipes import normalised, recipe
from vgg_lib.tasks.carried_photographs import carried_photographs

LAYERS = {"pool1": 60.0, "fc7": 50.0}


def measured(of, seed, **layers):
    """A record of a net whose features were tested."""
    classes = {"truck": 30.0, "dog": 40.0, "cat": 60.0, "bird": 70.0}
    run = of.run(seed)
    return a_record(run, measurements={"transfer": {"error": 50.0, "layers": LAYERS | layers, "classes": classes}})


def known(*records):
    return {record.key: record for record in records}


def test_layers_and_classes_are_means_of_the_seeds_of_each_net_of_the_claim():
    jittered = normalised("D", (73, 146))
    records = known(
        measured(normalised("D"), 0),
        measured(normalised("D"), 1, fc7=40.0),
        measured(jittered, 0),
        measured(recipe("B", "plain"), 0),  # no net of the claim
        a_record(normalised("A").run(0)),  # nothing measured
    )
    by_layer = figures.transfer_by_layer(records)
    assert by_layer.to_dict() == {"D": {"pool1": 60.0, "fc7": 45.0}, "D, S = [73;146]": LAYERS}
    by_class = figures.transfer_by_class(records)
    assert by_class.loc["D"].to_dict() == {"truck": 30.0, "dog": 40.0, "the other 2": 65.0}


def test_pixels_are_a_level_where_they_are_recorded():
    assert figures.transfer_of_pixels(known(a_record(normalised("A").run(0)))) == {}
    classes = {"truck": 60.0, "dog": 70.0, "cat": 50.0, "ship": 70.0}
    of_pixels = a_record(normalised("D").run(0), measurements={"pixels": {"error": 62.5, "classes": classes}})
    assert figures.transfer_of_pixels(known(of_pixels)) == {"pixels": 62.5}
    by_class = figures.transfer_by_class(known(of_pixels))
    assert by_class.loc["pixels"].to_dict() == {"truck": 60.0, "dog": 70.0, "the other 2": 60.0}


def test_without_a_record_there_is_nothing_and_the_figure_says_so():
    assert figures.transfer_by_layer({}).empty and figures.transfer_by_class({}).empty
    figure = figures.errors_by_layer({})
    assert [text.get_text() for text in figure.axes[0].texts] == ["no run recorded yet"]
    plt.close(figure)


def test_each_net_is_a_line_over_its_layers_in_its_networks_colour():
    figure = figures.errors_by_layer({"D": LAYERS, "D, S = [73;146]": LAYERS}, {"pixels": 5.0})
    net, jittered, level = figure.axes[0].lines
    assert list(net.get_xdata()) == list(LAYERS) and list(net.get_ydata()) == list(LAYERS.values())
    assert net.get_color() == jittered.get_color() == figures.COLOURS["D"]
    assert net.get_linestyle() != jittered.get_linestyle()
    assert list(level.get_ydata()) == [5.0, 5.0]
    assert figure.axes[0].get_ylim()[0] == 0, "nothing that is drawn lies below the axis"
    plt.close(figure)
    high = figures.errors_by_layer({"D": {"pool1": 61.0, "fc7": 45.0}}, {"pixels": 62.0})
    assert high.axes[0].get_ylim()[0] == 40
    plt.close(high)


def test_boxes_are_as_strong_as_their_scores_and_the_weakest_are_left_out():
    boxes = torch.tensor([[0.0, 0, 4, 4], [2, 2, 8, 8], [0, 0, 2, 2]])
    figure = figures.boxes_from_places(
        torch.zeros(3, 8, 8, dtype=torch.uint8), ("all", boxes, torch.tensor([0.4, 0.2, 0.001]))
    )
    outlines = figure.axes[0].patches  # two for each box: a dark one below
    assert [patch.get_alpha() for patch in outlines] == [1.0, 1.0, 0.5, 0.5]
    assert outlines[-1].get_bbox().bounds == (2.0, 2.0, 6.0, 6.0)
    plt.close(figure)


def test_the_evidences_figure_says_what_an_error_is_of():
    figure = figures.evidence("transfer", {}, label="wrong boxes, %")
    assert figure.axes[0].get_xlabel() == "wrong boxes, %"
    assert isinstance(figures.evidence_table("class-boxes", {}), pd.DataFrame)
    plt.close(figure)


def test_a_mean_box_is_drawn_and_told_beside_the_predicted_one():
    shown = carried_photographs()
    largest = shown.photos.boxes.float()
    half = largest.clone()
    half[:, 2] = (largest[:, 0] + largest[:, 2]) / 2
    figure = figures.boxes_on_pictures(shown, largest, half, columns=2)
    church, fish = figure.axes
    assert [axes.get_title() for axes in (church, fish)] == ["predicted 100 %\nmean box 50 %"] * 2
    outlines = [{(*box.get_xy(), box.get_width(), box.get_height()) for box in axes.patches} for axes in (church, fish)]
    assert [len(some) for some in outlines] == [2, 3]  # of the two fish one is predicted
    for some, box in zip(outlines, half, strict=True):
        left, top, right, bottom = box.tolist()
        assert (left, top, right - left, bottom - top) in some
    plt.close(figure)
