"""The front page's findings: their words follow their numbers."""

import dataclasses
import re
from statistics import fmean

import pytest
from helpers.records import a_record
from torch import nn

from vgg_lib.book import findings
from vgg_lib.book.fusing import errors_of_pairs
from vgg_lib.evidence.measures import SHARES
from vgg_lib.evidence.recipes import normalised, plain
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.store import recorded
from vgg_lib.evidence.verdicts import evidence, verdicts
from vgg_lib.networks.geometry import activation_bytes, macs
from vgg_lib.networks.model import vgg
from vgg_lib.training.runs import make_run

POINTS = r"by ([\d.]+) points \*(\w+)\*"
LAYERS = ("pool1", "pool2", "pool3", "fc7")


def record_of(run, error, transfer=None):
    """A record with an error, and errors of the features of layers on other pictures, from the first pool on."""
    evaluation = Evaluation(run.protocol, run.test_set, {"top1": error})
    return a_record(
        run,
        evaluations=(evaluation,),
        measurements={} if transfer is None else {"transfer": {"layers": dict(zip(LAYERS, transfer, strict=True))}},
    )


def test_deeper_was_no_better_until_the_layers_were_normalised():
    said = findings.normalisation_and_depth(recorded("pilot").latest(), evidence())
    told = [float(size) * (1 if way == "more" else -1) for size, way in re.findall(POINTS, said)]
    assert min(told[:3]) > -0.5 and told[3] < -1, "its headline says so: no better, until"
    assert told[4] > -0.5 and told[5] < -1 and said.count("(5 seeds)") == 2, "and the runs that judge agree"


def test_a_difference_is_one_of_means_over_the_seeds_that_both_networks_have():
    def pilot(network, epochs, norm, seed, error, **more):
        rate = 0.05 if norm else 0.02
        recipe = {"epochs": epochs, "learning_rate": rate, "batch_norm": norm, "seed": seed}
        return record_of(make_run(network, "laptop", **recipe | more), error)

    runs = [
        pilot("A", 40, False, 0, 20.0), pilot("D", 40, False, 0, 21.0), pilot("D", 40, False, 1, 60.0),
        pilot("A", 80, False, 0, 20.0), pilot("D", 80, False, 0, 20.5),
        pilot("A", 160, False, 0, 18.0), pilot("D", 160, False, 0, 17.0),
        pilot("A", 160, False, 1, 18.0), pilot("D", 160, False, 1, 16.0),
        pilot("A", 80, True, 0, 14.0), pilot("D", 80, True, 0, 12.8),
        pilot("D", 80, True, 0, 80.0, learning_rate=0.1), pilot("D", 40, False, 0, 80.0, input_scale="paper"),
    ]  # fmt: skip
    known = {record.key: record for record in runs}
    judging = [
        record_of(recipe(name).run(seed), error)
        for recipe, errors in ((plain, {"A": (20, 21, 90), "D": (20, 22)}), (normalised, {"A": (14,), "D": (13,)}))
        for name, of_seeds in errors.items()
        for seed, error in enumerate(of_seeds)
    ]
    judging = {record.key: record for record in judging}
    said = findings.normalisation_and_depth(known, judging)
    told = [("1.0", "more"), ("0.5", "more"), ("1.5", "less"), ("1.2", "less"), ("0.5", "more"), ("1.0", "less")]
    assert re.findall(POINTS, said) == told and said.count("(one seed)") == 3 and said.count("(two seeds)") == 1
    assert "(2 seeds)" in said and "(1 seed)" in said
    failed = pilot("A", 40, False, 1, 50.0)
    failed = dataclasses.replace(failed, outcome="failed", reason="for a test")
    assert findings.normalisation_and_depth(known | {failed.key: failed}, judging) == said


def test_what_depth_gained_came_with_the_first_two_layers():
    said = findings.first_two_layers(evidence())
    a, b, c, d = map(float, re.findall(r"layers\) ([\d.]+) %", said))
    assert a - b > 1 and max(b, c, d) - min(b, c, d) < 0.5, "its headline says so"
    assert said.count("(16 layers)") == 2 and "29.6, 28.7, 28.1 and 27.0 %" in said


def test_errors_are_means_over_the_seeds_that_are_there():
    runs = [normalised(name).run(seed) for name in "ABCD" for seed in (0, 1)]
    records = [record_of(run, error) for run, error in zip(runs, (16, 15, 14, 13, 14, 13, 13, 12), strict=True)]
    said = findings.first_two_layers({record.key: record for record in records})
    assert "A (11 layers) 15.5 %" in said and "D (16 layers) 12.5 %" in said and "over 2 seeds" in said
    assert "E, with" not in said
    of_e = record_of(normalised("E").run(0), 12.0)
    said = findings.first_two_layers({record.key: record for record in [*records, of_e]})
    assert "over 2 seeds" in said and "E, with 19 layers, errs on 12.0 % here (1 seed)" in said


def with_lrn(apart):
    """Records of A and A-LRN, ten seeds each: an error that differs by about so much, and what LRN left."""
    left = {"start": dict.fromkeys(map(str, SHARES), 0.5), "end": dict.fromkeys(map(str, SHARES), 0.996)}
    records = []
    for seed in range(10):
        small = (seed % 2) / 10
        records.append(record_of(plain("A").run(seed), 22.0 + small))
        of_lrn = record_of(plain("A-LRN").run(seed), 22.0 + apart)
        records.append(dataclasses.replace(of_lrn, measurements={"neighbours": left}))
    return {record.key: record for record in records}


@pytest.mark.parametrize(("apart", "erred", "verdict"), [(-0.8, "less", "reproduced"), (2.0, "more", "contradicted")])
def test_a_layer_that_does_next_to_nothing_is_told_with_its_sign_and_its_verdict(apart, erred, verdict):
    said = findings.idle_layer(with_lrn(apart))
    assert said.startswith(f"**With a layer that does next to nothing, the network erred {erred}.**")
    assert "no more than about 0.4 % from 999 in 1000" in said and f"less than a point: {verdict}." in said
    assert f"is {apart - 0.05:+.2f} (".replace("-", "−") in said and "differ by 0.6 points" in said


def test_the_constant_by_itself_is_told_once_it_is_recorded():
    known = with_lrn(-0.8)
    assert "which no run has by itself yet" in findings.idle_layer(known)
    alone = [record_of(plain("A-constant").run(seed), 21.5 + (seed % 2) / 10) for seed in range(3)]
    said = findings.idle_layer(known | {record.key: record for record in alone})
    assert "with the constant alone minus that of A is −0.50 points (95 %: −0.50 to −0.50; 3 seeds" in said
    assert "likely cause" not in said


def test_a_layer_that_does_next_to_nothing_made_a_difference():
    found = verdicts(evidence())["lrn"]
    assert found.high < 0, "the headline on the front page says that the network erred less"
    assert float(re.search(r"about ([\d.]+) % from 999", findings.idle_layer(evidence())).group(1)) < 1


def jittered(small, large, sampled):
    """Records of D at both fixed scales and at sampled ones: a mean error each, and two seeds that lie around it."""
    scales = {73: small, 110: large, (73, 146): sampled}
    records = [
        record_of(normalised("D", scale).run(seed), error + (seed - 0.5) / (10 if scale == 110 else 5))
        for scale, error in scales.items()
        for seed in (0, 1)
    ]
    return {record.key: record for record in records}


def test_what_sampled_scales_gain_is_told_beside_one_larger_scale():
    said = findings.one_larger_scale(jittered(14.0, 12.0, 11.5))
    assert re.findall(POINTS, said) == [("2.5", "less"), ("2.0", "less")] and "over 2 seeds" in said
    assert "adds to that is +0.50 (" in said and "rule committed, 2 of 5 seeds" in said
    assert "gains 0.2 of the 1.4 points" in said
    said = findings.one_larger_scale(jittered(14.0, 15.0, 14.5))
    assert re.findall(POINTS, said) == [("0.5", "more"), ("1.0", "more")]


def test_most_of_what_sampled_scales_gained_one_larger_scale_gained_as_well():
    small, large = (float(points) for points, _ in re.findall(POINTS, findings.one_larger_scale(evidence())))
    assert large > small / 2 > 1, "the headline on the front page says so"


def test_to_average_with_another_seed_is_as_good_as_another_network():
    d, with_e, with_d = map(float, re.findall(r"on ([\d.]+) %", findings.another_seed(evidence())))
    assert with_d <= with_e < d, "the headline on the front page says so"
    means = {name: fmean(errors) for name, errors in errors_of_pairs(evidence()).items()}
    assert means["D and another D"] < means["D and E, two seeds"] < means["D and E, one seed"], "and chapter 11"


def test_the_order_on_other_pictures_is_that_of_means_over_seeds():
    errors = {
        "A": [(16, 50), (16, 58)],
        "D": [(14, 52), (14, 52)],
        "E": [(13, 54)],
    }  # by seed 0 alone the order is A, D, E
    records = [
        record_of(normalised(name).run(seed), own, (own, own, own, other))
        for name, of_seeds in errors.items()
        for seed, (own, other) in enumerate(of_seeds)
    ]
    assert "it takes place 2." in findings.other_pictures({record.key: record for record in records})


def test_small_filters_err_less_and_cost_what_the_layers_say():
    filters = {"B": 0, "B-5x5": 0}
    for name in filters:
        filters[name] = sum(p.numel() for m in vgg(name).modules() if isinstance(m, nn.Conv2d) for p in m.parameters())
    numbers = [100 * (1 - filters["B"] / filters["B-5x5"])]
    numbers += [100 * (cost("B") / cost("B-5x5") - 1) for cost in (macs, activation_bytes)]
    known = evidence()
    said = findings.small_filters(known)
    assert re.findall(r"(\d+) % (?:fewer|more)", said) == [f"{number:.0f}" for number in numbers]
    errors = {
        name: [known[normalised(name).run(seed).key].error for seed in range(3)] for name in ("B", "B-5x5-narrow")
    }
    narrow = fmean(errors["B-5x5-narrow"]) - fmean(errors["B"])
    assert f"still errs on more than B: {narrow:+.2f} points (" in said
    assert narrow > 1 and "points: reproduced." in said, "the headline on the front page says so"


@pytest.mark.parametrize(
    ("others", "says", "place", "alike", "as_far"),
    [
        ((50, 52, 54), "does not have", 3, "−1.00", 33),
        ((54, 52, 50), "has", 1, "+1.00", 33),
        ((54, 50, 52), "does not have", 2, "+0.50", 100),
    ],
)
def test_the_order_on_other_pictures_is_told_as_it_is(others, says, place, alike, as_far):
    runs = [normalised(name).run(0) for name in "ADE"]
    early = [(60, 50, 42), (61, 49, 40), (62, 51, 41)]  # rank correlations of −1, −0.5 and +0.5
    records = [
        record_of(run, own, (*first, other))
        for run, own, first, other in zip(runs, (16, 14, 13), early, others, strict=True)
    ]
    said = findings.other_pictures({record.key: record for record in records})
    assert f"The best network on its own pictures {says} the best last layers for others" in said
    assert "Of the 3 networks, E (1 seed) errs least" in said
    assert f"it takes place {place}." in said
    assert f"correlation of {alike}; {as_far} % of all orders have one as far from 0" in said
    assert "between −1.00 and +0.50 (" in said
