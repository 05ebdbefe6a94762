"""The explorers in a real browser, opened from disk: their formulas are the library's, and they can all be worked."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from browser.conftest import STATIC
from vgg_lib.book import explorers as explore
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.networks import geometry
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.networks.table import NETWORKS

KINDS = ("receptive-field", "network", "neighbours", "evidence", "verdict")

#: Where the text after the figures begins, with the explorer in its place and with the picture that it took it from.
PLACES = """() => {
  const after = document.querySelector("main > p"), figure = document.querySelector("figure");
  const places = [after.getBoundingClientRect().top];
  const still = Object.assign(document.createElement("img"), { src: "STATIC/network.png", width: 800, height: 560 });
  figure.querySelector(".explorer-body").replaceWith(still);
  delete figure.dataset.ready;
  return [...places, after.getBoundingClientRect().top];
}""".replace("STATIC", STATIC)


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_are_those_of_the_library(visit, name):
    page = visit("network")
    for width in (1, 1 / 2, 1 / 4, 1 / 8, 0.3):
        for size in (32, 64, 100, 224, 288):
            for classes, norm in ((10, True), (1000, False)):
                counted = page.evaluate(
                    "([name, options]) => explore.networkCosts(name, options)",
                    [name, {"width": width, "size": size, "classes": classes, "norm": norm}],
                )
                expected = geometry.layer_costs(
                    name, width=width, image_size=size, num_classes=classes, batch_norm=norm
                )
                columns = ("layer", "channels", "side", "parameters", "macs", "activations", "field")
                assert [tuple(row[column] for column in columns) for row in counted] == [
                    (c.layer, c.channels, c.size, c.parameters, c.macs, c.activations, c.receptive_field)
                    for c in expected
                ]


@pytest.mark.parametrize("mean", (False, True), ids=("AlexNet's", "PyTorch's"))
@pytest.mark.parametrize(
    ("k", "alpha", "beta", "n"), [(2, 1e-4, 0.75, 5), (1, 0.3, 0.5, 1), (20, 1e-7, 2, 9), (1.5, 1e-3, 0, 31)]
)
def test_channels_are_normalised_as_in_the_library_and_in_pytorch(visit, k, alpha, beta, n, mean):
    page, channels = visit("neighbours"), explore.neighbours()["channels"]
    settings = {"k": k, "alpha": alpha, "beta": beta, "n": n, "mean": mean}
    found = page.evaluate("([channels, settings]) => explore.normalised(channels, settings)", [channels, settings])
    layer = nn.LocalResponseNorm(n, alpha, beta, k) if mean else LocalResponseNorm(k=k, alpha=alpha, beta=beta, n=n)
    expected = layer(torch.tensor(channels, dtype=torch.float64)[None, :, None, None]).flatten().tolist()
    assert found == pytest.approx(expected, rel=1e-6)


def test_neighbours_compete_where_they_are_large(visit):
    page = visit("neighbours")
    says, shares = page.locator("output"), page.locator(".channel div")
    usual = says.inner_text()
    left = "(bars) => bars.map((bar) => Number(bar.style.getPropertyValue('--after')))"
    assert max(shares.evaluate_all(left)) < 2**-0.75
    page.locator("input[name=by]").fill("70")
    assert "next to nothing of it" in says.inner_text() and "loses next to nothing" in says.inner_text()
    page.locator("input[name=alpha]").fill("-0.25")  # some 70² times as large
    assert "next to nothing" not in says.inner_text()
    page.get_by_role("button", name="Back").click()
    assert says.inner_text() == usual
    page.locator("select[name=n]").select_option("1")
    assert "Its own square takes" in says.inner_text()


def test_a_channel_is_chosen_and_changed(visit):
    page = visit("neighbours")
    channels = explore.neighbours()["channels"]
    page.locator(".channel").nth(9).click()
    assert page.locator("select[name=channel]").input_value() == "9"
    assert page.locator("input[name=value]").input_value() == str(channels[9])
    page.locator("input[name=value]").fill("600")
    assert "Channel 10 is the strongest" in page.locator("output").inner_text()
    for i in range(len(channels)):
        page.locator("select[name=channel]").select_option(str(i))
        page.locator("input[name=value]").fill("0")
    assert "All channels are 0" in page.locator("output").inner_text()


def test_intervals_are_those_of_the_library(visit):
    page = visit("evidence")
    for errors in ([20.1, 20.9], [19.0, 21.5, 20.0, 18.7, 19.9], [float(i % 7) for i in range(30)]):
        assert page.evaluate("(errors) => explore.interval(errors)", errors) == pytest.approx(
            paired_difference(errors), abs=1e-3
        )


@pytest.mark.parametrize("study", ("pilot", "evidence"))
def test_an_address_chooses_what_is_shown_as_verdicts_boxes_do(visit, study):
    page = visit("evidence", address=f"?study={study}&seeds=all&strange=1#explore-evidence")
    assert page.locator("select[name=study]").input_value() == study
    assert page.locator("select[name=seeds]").input_value() == "all"
    for photographs in re.findall(r"one photograph of the (\d+)", page.locator("output").inner_text()):
        assert f"is {float(f'{100 / int(photographs):.1g}')} points" in page.locator("output").inner_text()


@pytest.mark.parametrize("place", (32, 13))
def test_views_are_drawn_where_the_library_puts_them(visit, place):
    page = visit("receptive-field", reduced_motion="reduce")
    for axis in "xy":
        page.locator(f"input[name={axis}]").fill(str(place))
    for name, layers in explore.stacks().items():
        page.locator("select[name=stack]").select_option(name)
        boxes = page.eval_on_selector_all(
            "svg .over", "nodes => nodes.map((n) => ['x', 'y', 'width', 'height'].map((p) => parseFloat(n.style[p])))"
        )
        expected = []
        for end in range(1, len(layers) + 1):
            start, stop = explore._view(layers[:end], place).span
            expected.append([start, start, stop - start, stop - start])
        assert boxes == expected, name


def test_a_stack_grows_and_is_compared_with_one_filter(visit):
    page = visit("receptive-field", attributes='data-stack="two 3×3"')
    says = page.locator("output")
    assert "5×5" in says.inner_text() and "39\u00a0% more" in says.inner_text()
    page.get_by_role("button", name="+ 3×3").click()
    assert "7×7" in says.inner_text() and "27 C²" in says.inner_text()
    assert says.inner_text().count("81\u00a0% more") == 2, "of weights and of multiply-adds"
    assert page.locator("select[name=stack]").input_value() == "three 3×3"
    page.get_by_role("button", name="+ 2×2 pool").click()
    assert page.locator("select[name=stack]").input_value() == ""
    assert page.locator("tbody tr").count() == 4
    for _ in range(4):
        page.get_by_role("button", name="Remove last").click()
    assert "No layer yet" in says.inner_text()
    assert page.get_by_role("button", name="Remove last").is_disabled()
    for _ in range(10):
        page.get_by_role("button", name="+ 7×7").click()
    assert page.get_by_role("button", name="+ 7×7").is_disabled()


def test_a_stack_that_doubles_its_channels_costs_more(visit):
    """§2.3 compares equal channels; with twice as many out as in, 50 c² of one 5×5 are fewer than 54 c² of two 3×3."""
    page = visit("receptive-field", attributes='data-stack="two 3×3"')
    page.locator("select[name=out]").select_option("128")
    assert page.locator("output").inner_text().count(f"{100 * (1 - 50 / 54):.1f}\u00a0% fewer") == 2


@pytest.mark.parametrize("name", ["three 3×3", "one 7×7", "A’s first two stages"])
def test_pixels_are_shaded_by_their_paths(visit, name):
    page = visit("receptive-field")
    layers = [["", layer.kind, 1, layer.kernel, layer.stride, layer.padding] for layer in explore.stacks()[name]]
    counts = np.ones(1, dtype=int)
    for layer in reversed(explore.stacks()[name]):
        spread = np.zeros((len(counts) - 1) * layer.stride + 1, dtype=int)
        spread[:: layer.stride] = counts
        counts = np.convolve(spread, np.ones(layer.kernel, dtype=int))
    assert page.evaluate("(layers) => explore.paths(layers)", layers) == pytest.approx(counts / counts.max())
    assert page.locator(".paths").get_attribute("href").startswith("data:image/png")
    page.get_by_label("by the number of paths").uncheck()
    assert page.locator(".paths").is_hidden()


def test_the_place_moves_by_key_and_by_pointer(visit):
    page = visit("receptive-field")
    picture = page.get_by_role("application")
    picture.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert [page.locator(f"input[name={axis}]").input_value() for axis in "xy"] == [
        str(explore.SIDE // 2 + by) for by in (2, 7)
    ]
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + box["height"] * 0.51)
    page.mouse.down()
    page.mouse.up()
    assert [page.locator(f"input[name={axis}]").input_value() for axis in "xy"] == [
        str(int(explore.SIDE * share)) for share in (0.26, 0.51)
    ]


def test_a_network_can_be_chosen_and_counted_for_a_batch(visit):
    page = visit("network", attributes='data-network="E"')
    layers, totals, says = (page.locator(where) for where in (".three", ".totals", "output"))
    assert page.locator("select[name=network]").input_value() == "E"
    assert "144\u00a0M" in totals.inner_text() and layers.locator("tbody td").count() == 3 * len(
        explore.data()["networks"]["E"]["layers"] + [None] * 3
    )
    page.locator("select[name=network]").select_option("D")
    page.locator("select[name=batch]").select_option("256")
    assert "0.55" in says.inner_text() or "553\u00a0MB" in says.inner_text()
    assert f"{256 * geometry.activation_bytes('D') / 1e9:.1f}\u00a0GB of activations" in says.inner_text()
    page.locator("input[name=size]").fill("32")
    page.locator("select[name=width]").select_option("0.25")
    page.locator("select[name=classes]").select_option("10")
    page.get_by_label("after each convolution").check()
    count = geometry.parameters("D", image_size=32, width=1 / 4, num_classes=10, batch_norm=True)
    assert totals.locator("td").first.get_attribute("title") == f"{count:,}"


def test_the_fully_connected_layers_hold_most_parameters_at_32_pixels_too(visit):
    page = visit("network", attributes='data-network="D" data-size="32"')
    costs = geometry.layer_costs("D", image_size=32)
    share = sum(c.parameters for c in costs if c.layer.startswith("fc")) / sum(c.parameters for c in costs)
    assert share > 0.5 and f"FC {100 * share:.0f}\u00a0%" in page.locator("output").inner_text()


def test_equal_parts_are_all_named(visit):
    page = visit("network", attributes='data-network="D"')
    assert "stage 3 and stage 4, each" in page.locator(".totals").inner_text()


def test_two_networks_stand_beside_each_other(visit):
    page = visit("network", attributes='data-network="B" data-beside="B-5x5"')
    ratio = geometry.macs("B") / geometry.macs("B-5x5")
    assert f"{ratio:.2f} times the multiply-adds" in page.locator("output").inner_text()
    assert page.locator(".three tbody tr").count() == 6
    assert page.locator(".three .bar").count() == 6 * 3 * 2


def test_the_slider_answers_to_the_keyboard(visit):
    page = visit("network")
    page.locator("input[name=size]").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("label b").inner_text() == "216"
    assert "216²" in page.locator(".three").inner_text()


def test_evidence_can_be_chosen_and_each_dot_read_by_keyboard(visit):
    page = visit("evidence", attributes='data-study="testing" data-protocol="all" data-seeds="all"')
    dots, tip = page.locator(".dot"), page.locator(".tip")
    assert dots.count() == len(next(iter(explore.recorded("testing"))).evaluations)
    page.locator(".dot[tabindex='0']").focus()
    assert tip.is_visible() and "seed 0" in tip.inner_text()
    before = tip.inner_text()
    page.keyboard.press("ArrowDown")
    assert tip.is_visible() and tip.inner_text() != before
    page.keyboard.press("End")
    assert dots.last.evaluate("dot => dot === document.activeElement")
    assert page.locator(".dot[tabindex='0']").count() == 1
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert "0.1 points" in page.locator("output").inner_text()
    page.locator("select[name=protocol]").select_option("own")
    assert dots.count() == 1
    page.locator("input[value=A]").uncheck()
    assert dots.count() == 0 and "No record fits" in page.locator("output").inner_text()


def test_it_opens_on_what_has_several_seeds_the_best_on_top(visit):
    page = visit("evidence")
    rows = page.locator(".chart li").all()
    assert rows and all(row.locator(".dot").count() > 1 for row in rows)
    means = {"validation": [], "held-out": []}
    for row in rows:
        way, mean = row.locator("small").all_inner_texts()
        means[way.rpartition(", ")[2]].append(float(mean.partition("\u00a0")[0]))
    assert all(of_set and of_set == sorted(of_set) for of_set in means.values())
    assert ["validation" in row.inner_text() for row in rows] == [True] * len(means["validation"]) + [False] * len(
        means["held-out"]
    )
    for row in rows:
        sure = row.locator(".dot").count() > 2 and "no interval: diverged" not in row.inner_text()
        assert row.locator(".interval").count() == sure


def test_a_dot_leads_to_its_record_and_its_page(visit):
    page = visit("evidence", attributes='data-study="pilot"')
    page.locator(".dot").first.click()
    card = page.locator(".told")
    assert "vgg_lib/records/pilot.jsonl" in card.inner_text()
    assert card.locator("a").get_attribute("href").endswith("/book/pilot.html")


#: Two recipes of five seeds each, one with a run that diverged, or that stalls in all of them, and a run that failed;
#: shaped as data.js has them.
MORE = """(stalls) => {
  const { evidence } = explore.data;
  ['D', 'E'].forEach((network) => {
    const like = evidence.recipes.find((recipe) => recipe.own === 0);
    const recipe = evidence.recipes.push({ ...like, network, text: network }) - 1;
    for (let seed = 0; seed < 5; seed++) {
      const lost = network === 'E' && seed === 4;
      evidence.runs.push(['more', recipe, seed, lost ? 'diverged' : 'finished', `${network}${seed}`,
        [[0, 'held-out', lost ? 0 : 935, lost || (stalls && network === 'E') ? 90 : 18 + seed / 2, 1, 0]]]);
    }
  });
  evidence.runs.push(['more', evidence.recipes.length - 1, 5, 'failed', 'E5', []]);
  evidence.studies.more = '';
  const figure = document.querySelector('figure');
  figure.querySelector('.explorer-body').replaceWith(document.createElement('img'));
  figure.dataset.study = 'more';
  explore.begin(figure);
}"""


def test_seeds_have_a_mean_and_an_interval_and_lost_runs_are_told(visit):
    page = visit("evidence")
    page.evaluate(MORE)
    d, e = page.locator(".chart ul").first.locator("li").all()
    mean, low, high = paired_difference([18, 18.5, 19, 19.5, 20])
    assert f"{mean:.1f}\u00a0%, 5 seeds ({low:.1f} to {high:.1f})" in d.inner_text()
    assert d.locator(".interval, .mean").count() == 2
    assert "no interval" in e.inner_text() and e.locator(".interval").count() == 0
    assert e.locator(".dot.diverged").count() == 1
    colours = [row.locator(".dot").first.evaluate("dot => getComputedStyle(dot).backgroundColor") for row in (d, e)]
    hexes = [explore.COLOURS[name] for name in "DE"]
    assert colours == [f"rgb({', '.join(str(int(c[i : i + 2], 16)) for i in (1, 3, 5))})" for c in hexes]
    assert "1 diverged" in page.locator("output").inner_text()
    assert "1 failed" in page.locator("output").inner_text()


def test_a_run_that_diverged_does_not_stretch_the_axis(visit):
    page = visit("evidence")
    page.evaluate(MORE)
    ticks = [float(tick) for tick in page.locator(".axis span").all_inner_texts()]
    assert max(ticks) < 25
    box, track = (page.locator(where).first.bounding_box() for where in (".dot.diverged", ".axis .track"))
    assert abs(box["x"] + box["width"] / 2 - (track["x"] + track["width"])) < 3


def test_runs_that_hardly_learn_do_not_press_the_others_together(visit):
    page = visit("evidence")
    page.evaluate(MORE, True)
    assert max(float(tick) for tick in page.locator(".axis span").all_inner_texts()) < 25
    track = page.locator(".axis .track").first.bounding_box()
    [_, stalled] = page.locator(".chart ul").first.locator("li").all()
    assert "90.0\u00a0%" in stalled.inner_text()
    for mark in stalled.locator(".dot, .mean").all():
        box = mark.bounding_box()
        assert abs(box["x"] + box["width"] / 2 - (track["x"] + track["width"])) < 3
    assert "4 err on more than the axis shows" in page.locator("output").inner_text()
    assert stalled.locator(".dot.beyond").count() == 4  # the fifth diverged, which has a mark of its own
    assert page.locator(".dot.beyond").count() == 4


def test_two_rows_are_compared_seed_by_seed(visit):
    page = visit("evidence")
    page.evaluate(MORE)
    minuend, subtrahend = (page.locator(f"select[name={name}]") for name in ("minuend", "subtrahend"))
    minuend.select_option(index=2)  # E, of which seed 4 diverged at 90
    subtrahend.select_option(index=0)
    differences = [0.0, 0.0, 0.0, 0.0, 70.0]
    mean, low, high = paired_difference(differences)
    told = f"{mean:.1f} points, 5 pairs ({low:.1f} to {high:.1f})".replace("-", "−")
    assert told in page.locator(".chart").inner_text()
    assert page.locator(".zero").count() == 1


def test_a_dot_of_a_difference_says_what_was_subtracted(visit):
    page = visit("evidence")
    page.evaluate(MORE)
    for name, i in (("minuend", 1), ("subtrahend", 1)):  # D minus E
        page.locator(f"select[name={name}]").select_option(index=i)
    dots, tip = page.locator(".chart ul").last.locator(".dot"), page.locator(".tip")
    labels = [dot.get_attribute("aria-label") for dot in dots.all()]
    assert labels == [
        *(f"seed {i}: 0.0 points: {18 + i / 2:.1f}\u00a0% minus {18 + i / 2:.1f}\u00a0%" for i in range(4)),
        "seed 4: −70.0 points: 20.0\u00a0% minus 90.0\u00a0% (diverged: counted as guessing)",
    ]
    dots.last.focus()
    assert tip.inner_text() == labels[-1], "who sees it and who hears it are told the same"


def test_only_errors_on_the_same_photographs_are_compared(visit):
    page = visit("evidence")
    minuend, subtrahend = (page.locator(f"select[name={name}] option") for name in ("minuend", "subtrahend"))
    names = minuend.all_inner_texts()[1:]
    assert len(set(names)) == len(names)
    for i in (1, len(names)):
        page.locator("select[name=minuend]").select_option(index=i)
        of_set = names[i - 1].rpartition(", ")[2]
        assert subtrahend.all_inner_texts() == [name for name in names if name.endswith(of_set)]


@pytest.mark.parametrize("kind", ("receptive-field", "network"))  # how much there is to show of records nobody knows
@pytest.mark.parametrize("width", (360, 1280))
def test_nothing_moves_when_the_script_takes_over_and_nothing_is_too_wide(visit, kind, width):
    page = visit(kind, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with_explorer, with_picture = page.evaluate(PLACES)
    assert with_explorer == pytest.approx(with_picture, abs=8)


@pytest.mark.parametrize("width", (360, 1280))
def test_no_record_hides_in_a_box_that_scrolls(visit, width):
    page = visit("evidence", viewport={"width": width, "height": 900})
    page.evaluate(MORE)
    page.locator("select[name=study]").select_option("all")
    page.locator("select[name=seeds]").select_option("all")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    chart = page.locator(".chart")
    assert chart.evaluate("chart => chart.scrollHeight <= chart.clientHeight + 1")
    assert page.locator(".chart li").last.bounding_box()["y"] > 900


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_is_a_native_one_with_a_label(visit, kind):
    page = visit(kind)
    for control in page.locator("form :is(input, select)").all():
        assert control.evaluate("node => node.labels[0].innerText.trim()")
    names = page.eval_on_selector_all("form button", "nodes => nodes.map((node) => node.innerText.trim())")
    assert all(names)


def test_movement_is_reduced_where_the_reader_asks_for_it(visit):
    for motion, duration in (("reduce", "0s"), ("no-preference", "0.15s")):
        page = visit("receptive-field", reduced_motion=motion)
        found = page.locator("svg rect").first.evaluate("node => getComputedStyle(node).transitionDuration")
        assert set(found.split(", ")) == {duration}


def test_without_scripts_the_still_pictures_are_there(visit):
    page = visit(*KINDS, java_script_enabled=False, wait=False)
    for picture in page.locator("figure.explorer > img").all():
        assert picture.is_visible() and picture.bounding_box()["width"] > 100
    assert page.locator("form").count() == 0


def test_a_page_without_explorers_loads_no_more_than_the_first_script(visit):
    page = visit()
    assert page.evaluate("document.scripts.length") == 1
