"""The scoreboard: the paper's differences, what verdicts cost, one set of numbers for figure and table."""

import dataclasses
import json
import math

import pytest
from helpers.imagined import imagine
from helpers.records import a_record
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from vgg_lib.basics.errors import InputError
from vgg_lib.book.figures import false_findings, papers_differences, standings
from vgg_lib.book.figures.standings import ENDS, VERDICTS
from vgg_lib.book.moving import movable_rules
from vgg_lib.book.scoreboard import price_table, standings_table
from vgg_lib.book.scoreboard import standings as where_claims_stand
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.differences import Difference, error_of, the_papers, wrong_together
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.price import hours, pace, runs_of, seeds_to_see, still_to_train
from vgg_lib.evidence.recipes import normalised, plain
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.rules import Equivalence
from vgg_lib.evidence.statistics import power_of
from vgg_lib.evidence.verdicts import evidence, verdicts
from vgg_lib.evidence.verdicts import tested_claims as the_family


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    yield
    plt.close("all")


def test_the_papers_differences_are_those_of_its_tables():
    points = {name: round(one.points, 1) for name, one in the_papers().items()}
    assert points == {
        "depth": 2.6, "depth-plain": 2.6, "lrn": 0.1, "small-filters": 2.0, "context": 1.1, "jitter": 1.2,
        "multi-scale": 0.8, "dense-vs-crops": 0.2, "complementary": 0.2, "fusion": 0.8,
        "class-boxes": 2.1, "tuned-boxes": 1.2,
    }  # fmt: skip
    assert set(the_family()) - set(points) == {"warm-start", "transfer"}


def test_a_row_of_the_papers_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="0 rows"):
        error_of(3, network="D", S="512")
    with pytest.raises(InputError, match="3 rows"):
        error_of(3, network="D")
    with pytest.raises(InputError, match="unknown column of table 3 'nope': choose from network"):
        error_of(3, nope="D")
    with pytest.raises(InputError, match="unknown column of table 3 'top2': choose from network"):
        error_of(3, "top2", network="D", S="[256;512]")


def test_a_difference_of_two_errors_is_the_sharper_the_more_they_have_in_common():
    alike = Difference("A − A", 25.0, 25.0)
    assert alike.standard_error(0) == pytest.approx(100 * math.sqrt(2 * 0.25 * 0.75 / 50_000))
    assert alike.standard_error(1) == pytest.approx(0)
    assert alike.standard_error(0.5, photographs=200_000) == pytest.approx(alike.standard_error(0.5) / 2)
    with pytest.raises(InputError, match=r"correlation is 1\.5"):
        alike.standard_error(1.5)


def test_two_tests_are_wrong_together_where_both_are_wrong():
    def tested(said, truth="0011"):
        return Evaluation(normalised("A").any_seed.protocol, "validation", {}, truth, said)

    assert wrong_together(tested("1011"), tested("1011")) == pytest.approx(1)
    assert wrong_together(tested("1111"), tested("0000")) == pytest.approx(-1)
    assert wrong_together(tested("1001"), tested("1010")) == pytest.approx(0)
    with pytest.raises(InputError, match="other photographs"):
        wrong_together(tested("1011"), tested("1011", truth="0111"))


def test_a_claim_wants_each_training_once_and_what_it_starts_from():
    assert len(runs_of("context")) == 10 and len(runs_of("transfer")) == 5 and runs_of("stacking") == []
    warm = runs_of("warm-start", seeds=2)
    assert len(warm) == 6 and plain("A").run(1) in warm
    assert warm.index(plain("A").run(1)) < [run.warm_start == plain("A").run(1).key for run in warm].index(True)


def test_hours_are_those_of_records_scaled_by_arithmetic():
    a, d = (normalised(net).run(0) for net in "AD")
    machine = {"device": "cpu"}
    known = a_record(a, processor_seconds=7200.0, machine=machine)
    unknown = [
        a_record(d, machine=machine),
        a_record(d, processor_seconds=9.0, machine={"device": "cuda"}),
        a_record(d, processor_seconds=9.0, machine=machine, outcome="diverged"),
    ]
    at = pace([known, *unknown])
    assert set(at) == {True} and hours([a, a], at) == pytest.approx(4)
    assert hours([d], at) > 2
    with pytest.raises(InputError, match="no record tells the pace"):
        hours([plain("A").run(0)], at)


def test_what_is_recorded_is_not_to_be_trained_again():
    runs = runs_of("context")
    assert still_to_train("context", {runs[0].key: a_record(runs[0])}) == runs[1:]
    assert still_to_train("context", {runs[0].key: a_record(runs[0], losses=())}) == runs  # tests of its weights alone


def test_the_seeds_that_see_a_difference_are_the_fewest():
    n = seeds_to_see(1.1, 0.4, level=0.05 / 12)
    assert [power_of(1.1, 0.4 * (2 / m) ** 0.5, m - 1, 0.05 / 12) >= 0.8 for m in (n - 1, n)] == [False, True]
    assert seeds_to_see(0.1, 0.9) is None
    with pytest.raises(InputError, match="above 0"):
        seeds_to_see(0.0, 0.9)


def test_the_table_of_prices_is_that_of_the_rules():
    table = price_table({})
    assert list(table.index) == [name for name in CLAIMS if arms_of(name)]
    assert (table["hours"] == table["still to do"]).all() and (table["hours"] > 0).all()
    assert table.loc["lrn", "seeds to see the paper's"].startswith("over ")
    assert math.isnan(table.loc["lrn", "hours of those"]) and table.loc["bad-start", "seeds to see the paper's"] == "–"
    at = pace([record for record in evidence().values() if record.run.batch_norm])
    recorded_hours = sum(r.processor_seconds for r in evidence().values() if r.run.batch_norm) / 3600
    assert hours([r.run for r in evidence().values() if r.run.batch_norm], at) == pytest.approx(recorded_hours)


@pytest.mark.parametrize("seeds", (0, 1, 2, 4, 10))
def test_figure_table_and_verdicts_say_the_same(monkeypatch, seeds):
    imagine(monkeypatch, seeds=seeds)
    found, table, judged = where_claims_stand({}), standings_table({}), verdicts({})
    assert table.index.tolist() == the_family() and len(found) == len(the_papers())
    [axes] = standings(found).axes
    assert [label.get_text().split("\n")[0] for label in axes.get_yticklabels()] == [one.claim for one in found]
    drawn = [dots for dots in axes.collections if len(dots.get_offsets()) == 1]
    ours = [dots for dots in drawn if dots.get_offsets()[0][1] % 1]
    assert len(ours) == (len(found) if seeds > 1 else 0)
    assert len(axes.texts) == (0 if seeds > 1 else len(found))
    for one, dot in zip([one for one in found if one.ours], ours, strict=True):
        row, judgement = table.loc[one.claim], judged[one.claim]
        assert [row["effect"], row["95 % from"], row["to"]] == [
            round(n, 2) for n in (judgement.effect, judgement.low, judgement.high)
        ]
        p = judgement.p_holm
        assert row["corrected p"] == ("–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}")
        assert one.ours[0] * one.unit == pytest.approx(judgement.effect)
        assert dot.get_offsets()[0][0] == pytest.approx(min(max(one.ours[0], ENDS[0]), ENDS[1]))
        assert to_hex(dot.get_facecolor()[0]) == VERDICTS[judgement.verdict].lower()
        verdict = judgement.verdict if judgement.is_whole else "rule committed"
        assert (row["verdict"], row["seeds"]) == (verdict, "{} of {}".format(*judgement.seeds))


def test_claims_of_no_difference_are_measured_by_their_margin_and_stand_last(monkeypatch):
    imagine(monkeypatch)
    found = where_claims_stand({})
    assert (
        [one.claim for one in found if one.no_difference]
        == [one.claim for one in found[-2:]]
        == ["lrn", "dense-vs-crops"]
    )
    assert all(one.unit == CLAIMS[one.claim].rule.margin for one in found[-2:])
    assert [round(one.paper, 2) for one in found[-2:]] == [0.1, 0.2]
    assert all(one.paper == 1 for one in found[:-2])


def test_an_effect_off_the_axis_is_an_arrow_at_its_end(monkeypatch):
    imagine(monkeypatch)
    far = dataclasses.replace(where_claims_stand({})[0], ours=(9.0, 8.0, 10.0))
    [axes] = standings([far]).axes
    assert axes.collections[-1].get_offsets()[0][0] == ENDS[1] == axes.get_xlim()[1]


@pytest.mark.parametrize(
    ("ours", "arrows"),
    [((1.0, 0.5, 1.5), []), ((5.0, 3.0, 8.0), [(ENDS[1], ">")]), ((0.0, -9.0, 9.0), [(ENDS[0], "<"), (ENDS[1], ">")])],
)
def test_an_interval_that_goes_beyond_the_axis_ends_in_an_arrow(monkeypatch, ours, arrows):
    imagine(monkeypatch)
    one = dataclasses.replace(where_claims_stand({})[0], ours=ours)
    [axes] = standings([one]).axes
    marked = [line for line in axes.lines if line.get_marker() in ("<", ">")]
    assert [(line.get_xdata()[0], line.get_marker()) for line in marked] == arrows


def test_a_difference_within_two_standard_errors_has_another_colour():
    pair = {"clear": Difference("A − D", 29.0, 27.0), "not": Difference("A minus B", 27.1, 27.0)}
    [axes] = papers_differences(pair, {"clear": 0.2, "not": 0.2}).axes
    clear, lost = axes.collections
    assert to_hex(clear.get_facecolor()[0]) != to_hex(lost.get_facecolor()[0])
    assert list(axes.lines[0].get_xdata()) == pytest.approx([1.6, 2.4])


def test_shares_are_drawn_from_one_claim_on():
    [axes] = false_findings({"no correction": [0.05, 0.1], "Holm": [0.05, 0.05]}).axes
    assert list(axes.lines[0].get_xdata()) == [1, 2]


def test_the_explorer_has_the_contrasts_that_judge(monkeypatch):
    imagine(monkeypatch, seeds=4, missing=(2,))
    rules = json.loads(json.dumps(movable_rules({})))
    assert [claim["id"] for claim in rules["claims"]] == the_family()
    for claim in rules["claims"]:
        rule = CLAIMS[claim["id"]].rule
        assert (claim["seeds"], claim["same"]) == (rule.seeds, isinstance(rule, Equivalence))
        assert len(claim["by_seeds"]) == rule.seeds - 1
        assert [whole for whole, _ in claim["by_seeds"]] == [2, 2, *[3] * (rule.seeds - 3)]
        effect = min(effect for effect, _, _ in claim["by_seeds"][-1][1])
        assert effect == pytest.approx(rule.judge({}).effect, abs=1e-5)
        assert all(len(arm["errors"]) == rule.seeds and arm["errors"][2] is None for arm in claim["arms"])


def test_fewer_than_two_seeds_give_no_contrast(monkeypatch):
    imagine(monkeypatch, seeds=1)
    assert all(found == [] for claim in movable_rules({})["claims"] for _, found in claim["by_seeds"])
