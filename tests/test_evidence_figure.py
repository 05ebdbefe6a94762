"""The figure, the table and the sentence of a claim's recorded errors: one set of numbers, with records or without."""

import math
from dataclasses import replace

import pytest
from helpers.records import a_record
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from vgg_lib.basics.errors import InputError
from vgg_lib.book.figures import (
    COLOURS,
    a_beside_d,
    contrasts,
    endings,
    evidence,
    evidence_table,
    one_size_up,
    recorded_signals,
    so_far,
)
from vgg_lib.book.figures.evidence import rows
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.evidence import arms_beside, arms_of
from vgg_lib.evidence.recipes import at_the_papers_input_scale
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.rules import EveryRun, Exact
from vgg_lib.networks.initialisation import Initialisation

JUDGED_BY_RUNS = [name for name, one in CLAIMS.items() if one.rule and not isinstance(one.rule, Exact)]


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    yield
    plt.close("all")


def known(name, **errors):
    """Records of a claim's arms with one recipe, by network: the errors of seeds 0, 1, …"""
    arms = [arm for arm, _ in [*arms_of(name), *arms_beside(name)]]
    found = {}
    for arm in arms:
        for seed, error in enumerate(errors.get(arm.recipes[0].any_seed.network.replace("-", "_"), ())):
            run = arm.recipes[0].run(seed)
            test = Evaluation(arm.protocol, "validation", {"top1": error})
            found[run.key] = a_record(run, evaluations=(test,))
    return found


SOME = known("depth", A=(14.0, 15.0, 14.5), D=(12.0, 13.0), E=(12.5,))


def bands(axes):
    return [(band.get_x(), band.get_x() + band.get_width()) for band in axes.patches]


def dots(axes):
    return [sorted(dots.get_offsets()[:, 0].tolist()) for dots in axes.collections]


@pytest.mark.parametrize("name", JUDGED_BY_RUNS)
def test_every_claim_has_its_figure_without_any_record(name):
    found = rows(name, {})
    assert len({row.name for row in found}) == len(found) == len({arm for arm, _ in arms_of(name) + arms_beside(name)})
    [axes] = evidence(name, {}).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.name for row in found]
    assert [text.get_text() for text in axes.texts] == ["no run recorded yet"] * len(found)
    assert not len(axes.get_xticks())
    assert evidence_table(name, {})["mean (%)"].isna().all()
    assert so_far(name, {}).startswith("No run of this figure is recorded yet.")


def test_a_figure_and_its_table_have_the_same_numbers():
    table = evidence_table("depth", SOME)
    [axes] = evidence("depth", SOME).axes
    assert dots(axes) == [[14.0, 14.5, 15.0], [12.0, 13.0], [], [], [12.5]]
    assert table["mean (%)"].dropna().tolist() == [14.5, 12.5, 12.5]
    assert table["seeds"].tolist() == ["3 of 5", "2 of 5", "0 of 5", "0 of 5", "1 of 3"]
    assert table.loc["D", ["seed 0", "seed 1"]].tolist() == [12.0, 13.0] and math.isnan(table.loc["D", "seed 2"])
    [band] = bands(axes)
    assert [round(end, 2) for end in band] == table.loc["A", ["95 % from", "to"]].tolist() == [13.26, 15.74]
    assert so_far("depth", SOME) == "So far the figure has 6 of its 23 dots. It fills as runs are recorded."


def test_two_seeds_have_a_mean_and_no_interval():
    assert evidence_table("depth", SOME).loc[["D", "E"], ["95 % from", "to"]].isna().all(axis=None)
    [axes] = evidence("depth", SOME).axes
    assert [line.get_xdata()[0] for line in axes.lines[:2]] == [14.5, 12.5]


def test_an_interval_ends_where_errors_do():
    one_stalls = known("context", C=(14.0, 14.2, 90.0), D=(13.0,))
    assert evidence_table("context", one_stalls).loc["C", ["95 % from", "to"]].tolist() == [0.0, 100.0]
    [axes] = evidence("context", one_stalls).axes
    assert bands(axes) == [(0.0, 100.0)]


def test_dots_have_the_colour_of_their_network():
    [axes] = evidence("depth", SOME).axes
    assert [to_hex(arm.get_facecolor()[0]) for arm in axes.collections] == [COLOURS[n].lower() for n in "ADBCE"]


def test_what_stands_beside_a_verdict_is_below_a_line_or_left_out():
    assert [(row.name, row.judges) for row in rows("depth", {})] == [
        ("A", True), ("D", True), ("B", False), ("C", False), ("E", False),
    ]  # fmt: skip
    [with_line], [without] = evidence("depth", {}).axes, evidence("depth", {}, beside=False).axes
    assert [line.get_ydata()[0] for line in with_line.lines] == [1.5] and not without.lines
    assert list(evidence_table("depth", {}, beside=False).index) == ["A", "D"]


def test_all_dots_are_there_at_the_end():
    whole = known("context", C=range(5), D=range(5))
    assert so_far("context", whole) == "All 10 runs of this figure are recorded."


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("small-filters", ["B-5x5", "B", "D-7x7", "B-5x5-narrow"]),
        ("warm-start", ["D", "D, from A", "D, 80 epochs"]),
        ("jitter", ["D, S = 73, Q = 73", "D, S = 110, Q = 110", "D, S = [73;146], Q = 110"]),
        ("complementary", ["D, dense", "D, 5×5 crops", "D, dense and 5×5 crops"]),
        ("fusion", ["D", "E", "D and E"]),
        ("bad-start", ["D, Glorot's weights", "D, σ = 0.01 corrected for fan-in", "D, σ = 0.1 corrected for fan-in"]),
        ("class-boxes", ["D, S = 36, SCR", "D, S = 36, PCR", "D, S = 73, crop 64, SCR", "D, S = 73, crop 64, PCR"]),
        ("transfer", ["D, S = 73, untrained", "D, S = 73, transfer"]),
    ],
)
def test_an_arm_is_named_by_what_tells_it_from_the_others(name, names):
    assert [row.name for row in rows(name, {})][: len(names)] == names


def test_differences_that_judge_a_claim_are_drawn_seed_by_seed_with_the_intervals_of_its_rule():
    whole = known("small-filters", B_5x5=[17, 18, 19], B=[14, 14, 14.5, 14])
    judged = CLAIMS["small-filters"].rule.judge(whole)
    figure = contrasts("small-filters", "lrn", known=whole)
    [axes] = figure.axes
    of_filters, of_lrn = axes.collections[0], axes.collections[-1]
    assert of_filters.get_offsets().tolist() == [[3, 0], [4, 0], [4.5, 0]] and not len(of_lrn.get_offsets())
    interval, effect = (line.get_data() for line in axes.lines[:2])
    assert list(interval[0]) == pytest.approx([judged.low, judged.high]) and effect[0][0] == judged.effect
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["small-filters\nB-5x5 − B", "lrn\nA-LRN − A"]
    [margin] = [band for band in axes.collections if not isinstance(band, PathCollection)]
    assert margin.get_paths()[0].get_extents().intervalx.tolist() == [-1, 1]
    assert [text.get_text() for text in axes.texts] == ["no seed of both yet"]
    two_seeds = contrasts("small-filters", known=known("small-filters", B_5x5=[17, 18], B=[14, 14]))
    assert len(two_seeds.axes[0].lines) == 1, "two seeds have no interval"
    with pytest.raises(TypeError, match="compares no errors"):
        contrasts("bad-start", known={})


def boxes(**errors):
    """Records of the arms of claim ``tuned-boxes``: by S, for each seed the errors of PCR and PCR-all."""
    found = {}
    for arm, _ in [*arms_of("tuned-boxes"), *arms_beside("tuned-boxes")]:
        [recipe] = arm.recipes
        for seed, pair in enumerate(errors.get(f"S{recipe.any_seed.scale}", ())):
            measured = {net: {"error": error} for net, error in zip(("PCR", "PCR-all"), pair, strict=True)}
            found[recipe.run(seed).key] = a_record(recipe.run(seed), measurements=measured)
    return found


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ({}, "Seeds recorded one size up: 0 of 3."),
        ({"S36": [(40, 35)]}, "Seeds recorded one size up: 0 of 3."),
        (
            {"S73": [(40, 35)]},
            "Seeds recorded one size up: 1 of 3. On average the error of PCR minus that of PCR-all is +5.0 points; "
            "it is above 0 for 1 of them.",
        ),
        (
            {"S36": [(40, 36), (40, 38)], "S73": [(40, 35), (30, 31)]},
            "Seeds recorded one size up: 2 of 3. On average the error of PCR minus that of PCR-all is +2.0 points; "
            "it is above 0 for 1 of them. At the size of the rule it is +3.0 points: the same sign.",
        ),
        (
            {"S36": [(40, 36)], "S73": [(30, 31)] * 3},
            "Seeds recorded one size up: 3 of 3. On average the error of PCR minus that of PCR-all is −1.0 points; "
            "it is above 0 for 0 of them. At the size of the rule it is +4.0 points: not the same sign.",
        ),
    ],
)
def test_the_difference_one_size_up_is_told_with_its_seeds_and_its_sign(errors, says):
    assert one_size_up("tuned-boxes", boxes(**errors)) == says


@pytest.mark.parametrize(
    ("name", "says"), [("stacking", "no run judges claim 'stacking'"), ("magic", "unknown claim 'magic'")]
)
def test_there_is_no_figure_where_no_run_judges(name, says):
    with pytest.raises(InputError, match=says):
        evidence(name)


def from_starts(**ends):
    """Records of ``bad-start``: by network and start, for each seed its last loss and error, or None: it diverged."""
    starts = {
        "glorot": Initialisation("glorot"),
        "small": Initialisation("normal-fan-in", 0.01),
        "large": Initialisation("normal-fan-in", 0.1),
        "he": Initialisation("he"),
    }
    found = {}
    for name, seeds in ends.items():
        network, start = name.split("_")
        recipe = at_the_papers_input_scale(network, starts[start])
        for seed, end in enumerate(seeds):
            run = recipe.run(seed)
            if end is None:
                found[run.key] = a_record(run, outcome="diverged", evaluations=(), losses=(None,))
                continue
            test = Evaluation(run.protocol, "validation", {"top1": end[1]})
            found[run.key] = a_record(run, evaluations=(test,), losses=(2.3, end[0]))
    return found


GUESSES, TRAINED = (2.3026, 90.0), (1.2, 40.0)
STORY = {"A_small": [TRAINED] * 3, "D_small": [GUESSES] * 3}


def test_no_interval_is_computed_from_what_a_run_that_diverged_counts_as():
    some = from_starts(D_large=[None] * 3, D_glorot=[TRAINED, (1.3, 50.0), None], D_small=[(1.4, 41.0), *[TRAINED] * 2])
    table, arms = evidence_table("bad-start", some), ["D, σ = 0.1 corrected for fan-in", "D, Glorot's weights"]
    assert table.loc[arms, ["95 % from", "to"]].isna().all(axis=None)
    assert table.loc[arms, "mean (%)"].tolist() == [90.0, 60.0]
    assert table.loc["D, σ = 0.01 corrected for fan-in", ["95 % from", "to"]].notna().all()
    assert len(bands(evidence("bad-start", some).axes[0])) == 1


def test_a_usual_start_has_its_name_where_starts_are_compared():
    assert "D, He's weights" in [row.name for row in rows("bad-start", {})]


def test_how_runs_ended_is_counted_and_shown_with_the_loss_that_judges():
    some = from_starts(D_glorot=[TRAINED, (1.2, 75.0), GUESSES], D_large=[None], D_small=[(2.29, 90.0), GUESSES])
    table = endings("bad-start", some)
    assert list(table.index) == list(evidence_table("bad-start", some).index)
    assert table.loc["D, Glorot's weights"].tolist() == ["3 of 3", 1, 1, 0, "1.200", "1.200", "2.303"]
    assert table.loc["D, σ = 0.1 corrected for fan-in"].tolist() == ["1 of 3", 0, 0, 1, "nan", "–", "–"]
    assert table.loc["D, σ = 0.01 corrected for fan-in"].tolist() == ["2 of 3", 0, 1, 0, "2.290", "2.303", "–"]
    assert endings("bad-start", {})["runs"].tolist() == ["0 of 3"] * 8
    with pytest.raises(TypeError, match="show evidence_table"):
        endings("depth", {})


def test_a_run_that_diverged_at_once_is_told_from_one_that_is_not_recorded():
    b, _, d, _ = CLAIMS["no-normalisation"].rule.trains
    test = Evaluation(b.run(0).protocol, "validation", {"top1": 20.0})
    some = {
        b.run(0).key: a_record(b.run(0), evaluations=(test,), losses=(2.3, 0.25)),
        b.run(2).key: a_record(b.run(2), outcome="diverged", losses=(2.3, None), evaluations=()),
        d.run(1).key: a_record(d.run(1), outcome="diverged", losses=(), evaluations=()),
    }
    table = endings("no-normalisation", some)
    assert list(table.index) == ["B", "C", "D", "E"]
    assert table.loc["B"].tolist() == ["2 of 3", 1, 0, 1, "0.250", "–", "nan"]
    assert table.loc["D"].tolist() == ["1 of 3", 0, 0, 1, "–", "nan", "–"]
    assert table.loc["C"].tolist() == ["0 of 3", 0, 0, 0, "–", "–", "–"]


def test_recorded_signals_are_geometric_means_over_seeds_and_nan_where_one_is_not_finite():
    def at(*gradients):  # signals at steps 0, 1, …
        return {str(n): {"conv1_1": [3.0, 1.0, one], "fc8": [5.0, 1.0, 7.0]} for n, one in enumerate(gradients)}

    some = from_starts(D_glorot=[TRAINED] * 3, D_large=[None] * 2, A_small=[TRAINED])
    measured = iter((at(2.0, 1.0), at(8.0, 4.0), {}, at(10.0, None), at(1000.0), at(1.0)))
    some = {key: replace(one, measurements={"signals": next(measured)}) for key, one in some.items()}
    found = recorded_signals("bad-start", some)
    glorot, large = "D, Glorot's weights", "D, σ = 0.1 corrected for fan-in"
    assert list(found) == [f"{start}: {what}" for start in (glorot, large) for what in ("size", "gradient")]
    assert found[f"{glorot}: gradient"] == {
        "step 0": {"conv1_1": 4.0, "fc8": pytest.approx(7)},
        "step 1": {"conv1_1": 2.0, "fc8": pytest.approx(7)},
    }
    assert found[f"{glorot}: size"]["step 0"] == pytest.approx({"conv1_1": 3, "fc8": 5})
    assert found[f"{large}: gradient"]["step 0"]["conv1_1"] == pytest.approx(100)
    assert all(math.isnan(one) for one in found[f"{large}: gradient"]["step 1"].values())
    with pytest.raises(InputError, match="has recorded its signals yet"):
        recorded_signals("bad-start", from_starts(D_glorot=[TRAINED]))


@pytest.mark.parametrize("end", [None, GUESSES, (2.32, 89.0), (2.29, 90.0), TRAINED, (1.2, 75.0), (1.9, 60.0)])
def test_runs_end_as_the_rule_says(end):
    rule, recipe = CLAIMS["bad-start"].rule, at_the_papers_input_scale("D", Initialisation("normal-fan-in", 0.1))
    known = from_starts(D_large=[end])
    [record] = known.values()
    limits = {"seeds": 1, "loss": rule.loss, "error": rule.error, "within": rule.within}
    trains = EveryRun(trains=(recipe,), **limits).judge(known).verdict == "reproduced"
    stalls = EveryRun(trains=(), stalls=(recipe,), **limits).judge(known).verdict == "reproduced"
    assert (rule.ending(record) == "trains") == trains
    assert (rule.ending(record) in ("stalls", "diverges")) == stalls


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ({}, "No run from σ = 0.01 corrected for fan-in is recorded yet."),
        (
            {"A_small": [TRAINED]},
            "so far: of A, 1 of 1 train; of D, none is recorded yet. No run from",
        ),
        (
            STORY,
            "σ = 0.01 corrected for fan-in: of A, 3 of 3 train; of D, 0 of 3 train. That fits the paper's story",
        ),
        (STORY | {"D_small": [GUESSES, GUESSES, TRAINED]}, "of A, 3 of 3 train; of D, 1 of 3 train. That does not fit"),
        (STORY | {"A_small": [TRAINED, TRAINED, None]}, "of A, 2 of 3 train; of D, 0 of 3 train. That does not fit"),
    ],
)
def test_the_runs_of_a_and_of_d_from_the_bad_starts_are_told(ends, says):
    told = a_beside_d(from_starts(**ends))
    assert says in told and told.endswith("No run from σ = 0.1 corrected for fan-in is recorded yet.")
