"""What chapters say of the records: with none of them, some or all, and whatever they say."""

import pytest
from helpers.records import a_record

from vgg_lib.book.sentences import (
    beside_the_margin,
    beside_the_papers,
    chosen_costs,
    constant_and_neighbours,
    each_contrast,
    seven_percent,
    step,
    warm_beside_longer,
    where_worse,
)
from vgg_lib.evidence.arms import arm
from vgg_lib.evidence.claims import JITTER, S_LARGE, S_SMALL
from vgg_lib.evidence.evidence import arms_beside, arms_of
from vgg_lib.evidence.measures import SHARES
from vgg_lib.evidence.recipes import normalised, plain
from vgg_lib.evidence.records import Evaluation


def known(**errors):
    """Records of normalised networks at S = 73, tested at Q = 73: by network, the errors of seeds 0, 1, …"""
    found = {}
    for network, of_seeds in errors.items():
        one = arm(normalised(network.replace("_", "-")))
        for seed, error in enumerate(of_seeds):
            run = one.recipes[0].run(seed)
            found[run.key] = a_record(run, evaluations=(Evaluation(one.protocol, "validation", {"top1": error}),))
    return found


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ({}, "From C to D nothing can be said yet: no seed is recorded for both networks."),
        ({"C": [14.0]}, "From C to D nothing can be said yet: no seed is recorded for both networks."),
        ({"C": [14.0], "D": [13.8, 9.0]}, "From C to D the error changes by −0.20 points (1 seed that both have)."),
        (
            {"C": [14.0, 13.0], "D": [14.5, 13.1]},
            "From C to D the error changes by +0.30 points (2 seeds that both have).",
        ),
        (
            {"C": [14.0, 13.0, 13.5], "D": [13.8, 13.0, 13.4]},
            "From C to D the error changes by −0.10 points (95 %: −0.35 to +0.15; 3 seeds that both have).",
        ),
        (
            {"C": [14.003, 13.0], "D": [14.0, 13.0]},
            "From C to D the error changes by −0.00 points (2 seeds that both have).",
        ),
    ],
)
def test_a_step_from_one_network_to_another_is_told_with_its_sign_and_its_seeds(errors, says):
    assert step("C", "D", known(**errors)) == says


def test_a_step_between_plain_networks_is_of_their_own_records():
    some = known(B=[14.0], C=[20.0])
    for network, error in (("B", 21.0), ("C", 23.5)):
        one = arm(plain(network))
        run = one.recipes[0].run(0)
        some[run.key] = a_record(run, evaluations=(Evaluation(one.protocol, "validation", {"top1": error}),))
    assert "changes by +2.50 points (1 seed" in step("B", "C", some, make=plain)
    assert "changes by +6.00 points" in step("B", "C", some)


PAPER = (
    "The paper's 7 % is 7 points, or about 2 points if it is a part of B's error (taking the 28.7 % of dense testing; "
    "that on a centre crop is not given)."
)


@pytest.mark.parametrize(
    ("large", "small", "says"),
    [
        ([], [], "Here it is not known yet: fewer than two seeds of both are recorded."),
        ([18.0], [14.0, 14.0], "Here it is not known yet: fewer than two seeds of both are recorded."),
        (
            [17.4, 18.0, 18.5],
            [14.0, 14.0],
            "Here the error of B-5x5 is 3.7 points higher, which is 26 % of B's error, by 2 of 5 seeds so far.",
        ),
        ([17.5] * 5, [14.0] * 5, "Here the error of B-5x5 is 3.5 points higher, which is 25 % of B's error."),
        ([13.3] * 5, [14.0] * 5, "Here the error of B-5x5 is 0.7 points lower, which is 5 % of B's error."),
    ],
)
def test_seven_percent_is_told_in_both_units_beside_the_effect_of_the_verdict(large, small, says):
    assert seven_percent(known(B_5x5=large, B=small)) == f"{PAPER} {says}"


@pytest.mark.parametrize(
    ("of_c", "says"),
    [
        ([14.0], "There is no interval yet to set beside the paper's 1.1 points."),
        ([13.9, 14.0, 14.1, 14.2, 14.0], "The interval of the effect lies below the paper's 1.1 points."),
        ([15.0, 14.9, 15.3, 15.0, 15.3], "The interval of the effect holds the paper's 1.1 points."),
        ([17.0, 16.9, 17.3, 17.0, 17.3], "The interval of the effect lies above the paper's 1.1 points."),
    ],
)
def test_an_interval_is_set_beside_the_papers_difference(of_c, says):
    assert beside_the_papers("context", known(C=of_c, D=[14.0] * 5)) == says


def of_scales(**errors):
    """Records of D, normalised, by the name of the training scale: the errors of seeds 0, 1, …"""
    scales, found = {"small": S_SMALL, "large": S_LARGE, "jitter": JITTER}, {}
    for name, of_seeds in errors.items():
        one = arm(normalised("D", scales[name]))
        for seed, error in enumerate(of_seeds):
            run = one.recipes[0].run(seed)
            found[run.key] = a_record(run, evaluations=(Evaluation(one.protocol, "validation", {"top1": error}),))
    return found


def test_both_contrasts_of_the_jitter_claim_are_told_with_their_intervals():
    none = "No effect is known yet: fewer than two seeds have all the trainings that are compared."
    assert each_contrast("jitter", {}) == none
    assert each_contrast("jitter", of_scales(small=[14.0] * 5, jitter=[11.0] * 5)) == none
    found = each_contrast("jitter", of_scales(small=[14.0, 14.2], large=[11.0, 11.2], jitter=[11.5, 11.7]))
    assert found == (
        "The effect, with its interval and its p by itself: against D, S = 73, Q = 73 it is +2.50 (+2.50 to +2.50) "
        "points, p < 0.001; against D, S = 110, Q = 110 it is −0.50 (−0.50 to −0.50) points, p < 0.001."
    )
    with pytest.raises(TypeError, match="compares nothing with baselines"):
        each_contrast("lrn")


@pytest.mark.parametrize(
    ("fixed", "jittered", "says"),
    [
        (
            {64: [], 73: []},
            {64: [14.0], 73: [12.0]},
            "Beside S = 73 nothing can be said yet: one of the two is not recorded.",
        ),
        (
            {64: [13.0, 14.0], 73: [13.0, 14.0]},
            {64: [14.0], 73: [12.0]},
            "The mean error for jitter is above that for S = 73 at Q = 64 and at no other Q (seeds: 1 and 2).",
        ),
        (
            {64: [13.0]},
            {64: [12.0]},
            "The mean error for jitter is not above that for S = 73 at any Q (1 seed of each).",
        ),
        ({64: [13.0]}, {64: [14.0]}, "The mean error for jitter is above that for S = 73 at every Q (1 seed of each)."),
    ],
)
def test_it_is_told_where_jitter_is_worse(fixed, jittered, says):
    assert where_worse({"S = 73": fixed, "jitter": jittered}, "jitter") == says


@pytest.mark.parametrize(
    ("differences", "says"),
    [
        ((), "There is no interval yet to set beside the margin."),
        ((0.1, -0.1, 0.2, -0.2), "A-LRN errs less than A with 2 of 4 seeds, and more with 2. By itself,"),
        ((-0.9, -1.1, 0.0, 0.8), "A-LRN errs less than A with 2 of 4 seeds, and more with 1. By itself,"),
        ((0.1, -0.1, 0.2, -0.2), "covers 0 and lies within the margin of 1 point,"),
        ((0.5, 0.6, 0.4, 0.5), "leaves out 0 and lies within the margin of 1 point,"),
        ((-0.9, -1.1, -1.0, -0.8), "leaves out 0 and reaches beyond the margin of 1 point,"),
        ((1.8, 2.2, 2.0, 1.9), "leaves out 0 and reaches beyond the margin of 1 point,"),
        ((3.0, -3.0, 2.0, -2.5), "covers 0 and reaches beyond the margin of 1 point,"),
    ],
)
def test_an_equivalence_is_told_beside_0_and_beside_its_margin(differences, says):
    a = [22.0, 21.0, 23.0, 22.5][: len(differences)]
    with_lrn = [one + apart for one, apart in zip(a, differences, strict=True)]
    assert says in beside_the_margin("lrn", response_normalised(lrn=with_lrn, a=a))


def test_only_an_equivalence_has_a_margin():
    with pytest.raises(TypeError, match="has no margin"):
        beside_the_margin("depth", {})


@pytest.mark.parametrize(
    ("warm", "longer", "says"),
    [
        ([22.0], [], "is not recorded yet for any seed of a warm one."),
        ([22.0, 22.4, 9.0], [20.0, 20.0], "is +2.20 points (2 seeds that both have)."),
        ([22.0], [22.5], "is −0.50 points (1 seed that both have)."),
    ],
)
def test_a_warm_start_is_told_beside_longer_training(warm, longer, says):
    found = {}
    [(_, _), (of_warm, _)], [(of_longer, _)] = arms_of("warm-start"), arms_beside("warm-start")
    for one, errors in ((of_warm, warm), (of_longer, longer)):
        for seed, error in enumerate(errors):
            run = one.recipes[0].run(seed)
            found[run.key] = a_record(run, evaluations=(Evaluation(one.protocol, "validation", {"top1": error}),))
    assert warm_beside_longer(found).endswith(says)


def test_the_chosen_c_are_counted():
    measured = [{"transfer": {"cost": 100.0}, "untrained": {"cost": 10.0}}, {"transfer": {"cost": 100.0}}, {}]
    some = {str(n): a_record(measurements=one) for n, one in enumerate(measured)}
    tried = "Of the C that were tried, 0.1, 1, 10, 100, cross-validation chose"
    assert chosen_costs(some) == f"{tried} for trained networks 100 (2×); for untrained networks 10 (1×)."
    assert chosen_costs({}) == f"{tried} none yet."


def response_normalised(**errors):
    """Records of A-LRN, A and both controls: errors of seeds 0, 1, …, and what layers took."""
    left = {"lrn": {"0.001": 0.998, "0.1": 1.0}, "strong": {"0.001": 0.3, "0.1": 0.6}}
    found = {}
    arms = [one for one, _ in (*arms_of("lrn"), *arms_beside("lrn"))]
    for name, one in zip(("lrn", "a", "constant", "strong"), arms, strict=True):
        told = {str(share): 1.0 for share in SHARES} | left.get(name, {})
        measured = {"neighbours": {"start": dict.fromkeys(told, 0.5), "end": told}} if name in left else {}
        for seed, error in enumerate(errors.get(name, ())):
            run = one.recipes[0].run(seed)
            test = Evaluation(one.protocol, "validation", {"top1": error})
            found[run.key] = a_record(run, evaluations=(test,), measurements=measured)
    return found


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (
            {"lrn": [21.0]},
            "The layer of A-LRN takes about 0.2 % or more from one number in 1000 after training. What the layer of "
            "A-LRN-strong takes is not recorded yet. The error of A-LRN minus that of A is not known yet. The error of "
            "A-constant minus that of A is not known yet. The error of A-LRN minus that of A-constant is not known "
            "yet. The error of A-LRN-strong minus that of A-constant is not known yet.",
        ),
        (
            {"lrn": [21, 21.2, 9], "a": [22, 22], "constant": [21, 21, 9], "strong": [22]},
            "The layer of A-LRN takes about 0.2 % or more from one number in 1000 after training. The layer of "
            "A-LRN-strong takes about 40.0 % or more from one number in 10 after training. The error of A-LRN minus "
            "that of A is −0.90 points (2 seeds that both have). The error of A-constant minus that of A is −1.00 "
            "points (2 seeds that both have). The error of A-LRN minus that of A-constant is +0.07 points (95 %: −0.22 "
            "to +0.35; 3 seeds that both have). The error of A-LRN-strong minus that of A-constant is +1.00 points (1 "
            "seed that both have).",
        ),
    ],
)
def test_response_normalisation_is_told_beside_its_constant(errors, says):
    items = constant_and_neighbours(response_normalised(**errors)).splitlines()
    assert all(one.startswith("- ") for one in items)
    assert " ".join(one.removeprefix("- ") for one in items) == says
