"""Rules: what they want trained, and that verdicts follow from records alone."""

import dataclasses
import json
import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel

from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import evidence, rules, verdicts
from vgg_lib.evidence.arms import Arm, arm
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.origin import Origin
from vgg_lib.evidence.recipes import normalised, plain
from vgg_lib.evidence.records import Evaluation, Record, as_digits, pack_posteriors
from vgg_lib.evidence.rules import Equivalence, EveryRun, Judgement, Superiority
from vgg_lib.evidence.studies import STUDIES

A, B, D = (arm(plain(network)) for network in "ABD")
DEPTH = Superiority((A,), D)
SAME = Equivalence(A, D)


def a_record(of, seed, error=20.0, loss=0.5, **more):
    """The record of an arm's first net that erred so often, in percent."""
    run = of.recipes[0].run(seed)
    given = {
        "run": run,
        "outcome": "finished",
        "evaluations": (Evaluation(of.protocol, run.test_set, {"top1": error}),),
        "losses": (2.3, loss),
        "seconds": 60.0,
        "memory": None,
        "data": {"test": "ab"},
        "machine": {"processor": "one", "threads": 1},
        "date": "2014-09-04",
        "origin": Origin("s", "e"),
    }
    return Record(**given | more)


def known(errors, **more):
    """Records by key, from the errors of each arm, seed by seed."""
    records = [a_record(of, seed, error, **more) for of, row in errors.items() for seed, error in enumerate(row)]
    return {record.key: record for record in records}


ERRORS = {A: [20.0, 20.4, 19.7, 20.9, 20.2], D: [18.1, 18.8, 18.0, 18.4, 18.9]}


def test_the_p_of_two_arms_is_that_of_the_paired_t_test():
    judged = DEPTH.judge(known(ERRORS))
    assert judged.p == pytest.approx(ttest_rel(ERRORS[A], ERRORS[D]).pvalue)
    assert judged.effect == pytest.approx(np.mean(ERRORS[A]) - np.mean(ERRORS[D]))
    assert judged.low < judged.effect < judged.high


@pytest.mark.parametrize(
    ("rule", "shift", "verdict"),
    [
        (DEPTH, 0.0, "reproduced"),
        (DEPTH, 3.6, "contradicted"),
        (DEPTH, 1.8, "inconclusive"),
        (SAME, 1.8, "reproduced"),
        (SAME, 6.0, "contradicted"),
        (SAME, -2.0, "contradicted"),
        (SAME, 0.9, "inconclusive"),
    ],
)
def test_a_verdict_follows_from_the_errors(rule, shift, verdict):
    judged = rule.judge(known({A: ERRORS[A], D: [error + shift for error in ERRORS[D]]}))
    assert judged.at(judged.p).verdict == verdict


@pytest.mark.parametrize("rule", [DEPTH, SAME])
@pytest.mark.parametrize("seeds", range(5))
def test_there_is_no_verdict_before_an_arm_is_whole(rule, seeds):
    judged = rule.judge(known({A: ERRORS[A], D: ERRORS[D][:seeds]}))
    assert (judged.verdict, judged.seeds, judged.p) == ("to be tested", (seeds, 5), None)
    assert judged.at(0.0).verdict == "to be tested"


def test_a_diverged_run_counts_as_chance_and_stays_in():
    records = known(ERRORS)
    ruined = a_record(D, 0, outcome="diverged", reason="nan", evaluations=())
    judged = DEPTH.judge(records | {ruined.key: ruined})
    assert judged.effect == pytest.approx(np.mean(ERRORS[A]) - np.mean([90.0, *ERRORS[D][1:]]))


def test_a_failed_run_is_still_to_be_trained():
    records = known(ERRORS)
    failed = a_record(D, 0, outcome="failed", reason="MemoryError", evaluations=())
    assert DEPTH.judge(records | {failed.key: failed}).seeds == (4, 5)


def test_a_record_without_the_rules_protocol_does_not_count():
    records = known(ERRORS) | known({D: [18.0]}, evaluations=())
    assert DEPTH.judge(records).seeds == (4, 5)


def test_all_baselines_must_be_beaten_and_the_effect_is_that_of_the_best():
    rule = Superiority((A, B), D)
    weak, strong = ERRORS[A], [error - 2 for error in ERRORS[A]]
    judged = rule.judge(known(ERRORS | {B: strong}))
    assert judged.effect == pytest.approx(np.mean(strong) - np.mean(ERRORS[D]))
    assert judged.at(judged.p).verdict == "inconclusive"
    assert rule.judge(known(ERRORS | {B: weak})).at(0.01).verdict == "reproduced"
    worse = rule.judge(known(ERRORS | {B: [error - 6 for error in ERRORS[A]]}))
    assert worse.at(worse.p).verdict == "contradicted"
    assert worse.p == pytest.approx(
        2 * ttest_rel([error - 6 for error in ERRORS[A]], ERRORS[D], alternative="less").pvalue * 2
    )


def test_of_several_contrasts_effect_interval_and_power_are_those_of_the_one_that_decides():
    varied = [error + 1 + shift for error, shift in zip(ERRORS[D], (3.0, -3.0, 2.0, -2.0, 0.5), strict=True)]
    steady = [error + 0.8 + shift for error, shift in zip(ERRORS[D], (0.1, -0.1, 0.0, 0.05, -0.05), strict=True)]
    records = known({A: varied, B: steady, D: ERRORS[D]})
    judged = Superiority((A, B), D).judge(records)
    alone = [Superiority((of,), D).judge(records) for of in (A, B)]
    assert alone[0].effect > alone[1].effect and alone[0].p > alone[1].p
    assert judged == alone[0]


def test_arms_of_a_pool_sharpen_the_error_of_a_difference():
    pool = {arm(plain(network)): [error + 1 for error in ERRORS[A]] for network in "BCE"}
    pooled = Superiority((A,), D, pool=tuple(pool)).judge(known(ERRORS | pool))
    assert pooled.effect == pytest.approx(DEPTH.judge(known(ERRORS)).effect)
    assert pooled.p < DEPTH.judge(known(ERRORS)).p


TRAINS = EveryRun(trains=(plain("B"), plain("D")), stalls=(plain("A"), plain("E")), seeds=2)


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ({"B": [0.5, 0.5], "D": [0.5, 0.5], "A": [2.303, 2.303], "E": [0.5, 0.5]}, "reproduced"),
        ({"B": [0.5, 0.5], "D": [0.5, 0.5], "A": [2.303, None], "E": [2.303, 0.5]}, "reproduced"),
        ({"B": [0.5, 0.5], "D": [0.5, 1.5], "A": [2.303, 2.303], "E": [0.5, 0.5]}, "inconclusive"),
        ({"B": [0.5, 0.5], "D": [1.5, 1.5], "A": [2.303, 2.303], "E": [0.5, 0.5]}, "contradicted"),
        ({"B": [0.5, 0.5], "D": [0.5, 0.5], "A": [2.28, 0.5], "E": [0.5, 0.5]}, "contradicted"),
        ({"B": [0.5, 0.5], "D": [0.5, 0.5], "A": [2.303, 0.5], "E": [0.5, 2.303]}, "inconclusive"),
        ({"B": [0.5, 0.5], "D": [0.5, 0.5], "A": [2.303, 2.303], "E": [0.5]}, "to be tested"),
    ],
)
def test_every_run_trains_or_stalls_by_its_loss(losses, verdict):
    def one(network, seed, loss):
        return a_record(arm(plain(network)), seed, loss=loss, outcome="diverged" if loss is None else "finished")

    records = [one(network, seed, loss) for network, row in losses.items() for seed, loss in enumerate(row)]
    assert TRAINS.judge({record.key: record for record in records}).verdict == verdict


def test_the_runs_of_a_rule_without_a_test_are_counted():
    records = [
        *(a_record(A, seed, error) for seed, error in enumerate((20.0, 60.0, 20.0))),
        *(a_record(D, seed, 90.0, loss=2.3026) for seed in (0, 1)),
        a_record(D, 2, 90.0, outcome="diverged"),
    ]
    rule = EveryRun(trains=(plain("A"),), stalls=(plain("D"),))
    judged = rule.judge({record.key: record for record in records})
    assert judged.counts == ("A plain: 2 of 3 train", "D plain: 2 of 3 stall, 1 diverged")
    assert TRAINS.judge({}).counts == ()


def test_a_low_loss_with_a_high_error_is_no_training():
    rule = EveryRun(trains=(plain("A"),), seeds=1)
    assert rule.judge(known({A: [60.0]}, loss=0.1)).verdict == "contradicted"


def test_the_error_of_fused_nets_is_that_of_their_mean_posteriors():
    scores = torch.rand(2, 40, 10, generator=torch.Generator().manual_seed(0)).mul(4).softmax(-1)
    labels = torch.arange(40) % 10
    fused = Arm((plain("A"), plain("D")), Protocol((73,)))
    records = {}
    for recipe, one in zip(fused.recipes, scores, strict=True):
        test = Evaluation(
            fused.protocol, "validation", {"top1": 1.0}, as_digits(labels), as_digits(one.argmax(1)),
            posteriors=pack_posteriors(one),
        )  # fmt: skip
        record = a_record(arm(recipe), 0, evaluations=(test,))
        records[record.key] = record
    wrong = (scores.mean(0).argmax(1) != labels).double().mean()
    assert fused.error(records, 0) == pytest.approx(100 * float(wrong))


def test_a_measured_number_is_found_by_its_path():
    of = arm(plain("A"), measured="transfer.error")
    record = a_record(of, 0, measurements={"transfer": {"error": 31.5}})
    assert of.error({record.key: record}, 0) == 31.5
    assert math.isnan(of.error(known({A: [20.0]}), 0))


def test_what_a_comparison_mixes_is_said():
    records = known(ERRORS) | known({D: [18.0]}, origin=Origin("s", "other"), machine={"processor": "another"})
    assert DEPTH.judge(records).mixed == ("2 engines", "2 processors", "2 threads")
    assert DEPTH.judge(known(ERRORS)).mixed == ()


def test_nets_that_are_fused_are_not_tested_while_their_posteriors_are_not_kept():
    fused = Arm((plain("A"), plain("D")), Protocol((73,)))
    kept = pack_posteriors(torch.eye(10))
    for posteriors in ((None, None), (kept, None), (None, kept)):
        records = {}
        for recipe, text in zip(fused.recipes, posteriors, strict=True):
            labels = as_digits(torch.arange(10))
            test = Evaluation(fused.protocol, "validation", {"top1": 0.0}, labels, labels, posteriors=text)
            record = a_record(arm(recipe), 0, evaluations=(test,))
            records[record.key] = record
        assert math.isnan(fused.error(records, 0))


@pytest.mark.parametrize(("other", "mixed"), [("cd", ()), ("ef", ("2 data sets measured on",))])
def test_a_comparison_of_what_was_measured_says_that_it_was_on_different_photographs(other, mixed):
    arms = [arm(plain("D"), measured=f"{name}.error") for name in ("untrained", "transfer")]
    first, second = ({"error": 30.0, "data": {"train": data, "test": "gh"}} for data in ("cd", other))
    records = [
        a_record(arms[0], seed, measurements={"untrained": first, "transfer": one, "boxes": {"data": {"train": "ij"}}})
        for seed, one in enumerate((first, second))
    ]
    assert Superiority((arms[0],), arms[1], seeds=2).judge({one.key: one for one in records}).mixed == mixed


ALL = list(dict.fromkeys(evidence.runs({}, 10)))
OF_BOXES = list(evidence.runs_of_boxes({}, 5))


def test_the_evidence_trains_all_that_the_rules_judge_and_tests_it_so():
    for claim in CLAIMS:
        for of, seeds in [*evidence.arms_of(claim), *evidence.arms_beside(claim)]:
            for run in (recipe.run(seed) for recipe in of.recipes for seed in range(seeds)):
                assert run in ALL + OF_BOXES
                wanted = evidence.wanted(run)
                assert of.protocol in {run.protocol, *(test.protocol for test in wanted.tests)}
                assert of.measured is None or of.measured.split(".")[0] in wanted.measures


def test_the_evidence_trains_on_everything_and_is_tested_on_validation():
    assert {(run.train_on, run.test_set, run.preset.name) for run in ALL} == {("all", "validation", "laptop")}


def test_signals_are_measured_of_all_that_starts_well_or_badly():
    measured = [run for run in ALL if "signals" in evidence.wanted(run).measures]
    assert measured == [run for run in ALL if run.preset.epochs == 10] and len(measured) == 24
    assert {run.preset.input_scale for run in measured} == {"paper"}


def test_neighbours_are_measured_of_all_nets_that_have_response_normalisation_and_of_no_other():
    measured = [run for run in ALL if "neighbours" in evidence.wanted(run).measures]
    assert measured == [run for run in ALL if run.network.startswith("A-LRN")]
    assert Counter(run.network for run in measured) == {"A-LRN": 10, "A-LRN-strong": 10}


def test_boxes_are_learnt_on_the_embedded_things_alone():
    small, up = [(32, 36, seed) for seed in range(5)], [(64, 73, seed) for seed in range(3)]
    assert [(run.preset.crop, run.scale, run.seed) for run in OF_BOXES] == small + up
    assert {(run.network, run.preset.data) for run in OF_BOXES} == {("D", "embedded")}
    assert {evidence.wanted(run).measures for run in OF_BOXES} == {("SCR", "PCR", "PCR-all")}
    assert STUDIES["localisation"].runs({}) == OF_BOXES


def test_a_net_that_another_starts_from_is_trained_before_it():
    place = {run.key: n for n, run in enumerate(ALL)}
    warm = [run for run in ALL if run.warm_start]
    assert [(run.network, run.scale, run.warm_layers) for run in warm] == [
        *[("D", 73, "paper")] * 5,
        *[("D", 110, "all"), ("D", (73, 146), "all")] * 2,
    ]
    assert all(place[run.warm_start] < place[run.key] for run in warm)


def test_pairs_are_trained_next_to_each_other():
    first = [(run.network, run.seed) for run in ALL if run.batch_norm and run.scale == 73][:12]
    assert [seed for _, seed in first] == [0] * 6 + [1] * 6


def test_no_arm_of_a_pool_is_one_that_is_compared():
    for claim in CLAIMS.values():
        if isinstance(claim.rule, Superiority | Equivalence):
            assert not set(claim.rule.pool) & set(claim.rule.arms())
            assert len(set(map(str, (*claim.rule.arms(), *claim.rule.pool)))) == len(
                (*claim.rule.arms(), *claim.rule.pool)
            )


def test_a_study_knows_its_runs_by_their_rules():
    assert STUDIES["evidence"].runs({}) == ALL


def test_verdicts_are_corrected_for_one_another(monkeypatch):
    def judged(p):
        return Judgement("reproduced", (5, 5), effect=1.0, low=0.5, high=1.5, p=p)

    ps = iter([0.002, 0.002, 0.9] + [0.9] * 20)
    monkeypatch.setattr(Superiority, "judge", lambda self, known: judged(next(ps)))
    monkeypatch.setattr(Equivalence, "judge", lambda self, known: judged(0.9))
    found = verdicts.verdicts({})
    tests = [j for j in found.values() if j and j.p is not None]
    assert [j.verdict for j in tests[:3]] == ["reproduced", "reproduced", "inconclusive"]
    assert tests[0].p_holm == pytest.approx(0.002 * len(tests))


@pytest.mark.parametrize(("missing", "said"), [(True, "inconclusive so far"), (False, "inconclusive")])
def test_a_verdict_is_not_the_last_while_claims_it_is_corrected_with_miss_runs(monkeypatch, missing, said):
    some = Judgement("reproduced", (5, 5), effect=1.0, low=0.5, high=1.5, p=0.01)
    other = Judgement("to be tested", (1, 5)) if missing else dataclasses.replace(some, p=0.6)
    monkeypatch.setattr(Superiority, "judge", lambda self, known: some)
    monkeypatch.setattr(Equivalence, "judge", lambda self, known: other)
    found = verdicts.verdicts({})["depth"]
    assert (found.verdict, verdicts.status(found)) == ("inconclusive", said)


@pytest.mark.parametrize("name", verdicts.tested_claims())
def test_a_rule_says_which_arms_help_to_estimate_its_spread(name):
    rule = CLAIMS[name].rule
    helpers = str(rule).partition("with the help of (")[2].removesuffix(").")
    assert helpers == " | ".join(str(recipe) for arm in rule.pool for recipe in arm.recipes)


def test_records_of_other_photographs_judge_nothing():
    errors = {of: [20.0] * 2 for of in CLAIMS["depth"].rule.arms()}
    others = known(errors, data={"test": "ab", "test differs": "20 photographs instead of 3,925"})
    assert verdicts.verdicts(known(errors))["depth"].seeds[0] == 2
    assert verdicts.verdicts(others)["depth"].seeds[0] == 0


def test_verdicts_for_programs_are_json():
    of_all = verdicts.as_json(verdicts.verdicts({}))
    assert json.loads(json.dumps(of_all)) == of_all
    assert [one["claim"] for one in of_all] == list(CLAIMS)
    assert {one["verdict"] for one in of_all} <= {"no rule yet", "to be tested", "reproduced"}


def simulated(random, effect=0.0):
    """Errors of all arms of all rules, by arm and seed: equal in truth but for ``effect`` on every challenger."""
    residual, errors = 0.4, {}
    of_seed = random.normal(0, 0.3, 10)
    for claim in CLAIMS.values():
        if isinstance(claim.rule, Superiority | Equivalence):
            for one in (*claim.rule.arms(), *claim.rule.pool):
                errors.setdefault(one, 15 + of_seed + random.normal(0, residual, 10))
    return errors


def test_the_family_of_rules_errs_in_five_percent_of_scoreboards_at_most(monkeypatch):
    monkeypatch.setattr(Arm, "error", lambda self, known, seed: known[self][seed])
    monkeypatch.setattr(rules, "mixed", lambda *_: ())
    monkeypatch.setattr(
        "gc.collect", lambda: 0
    )  # statsmodels calls it for each correction, and it takes most of the time
    monkeypatch.setattr(verdicts, "CLAIMS", {n: c for n, c in CLAIMS.items() if isinstance(c.rule, Superiority)})
    random, wrong, boards = np.random.default_rng(1409), 0, 400
    for _ in range(boards):
        judged = verdicts.verdicts(simulated(random))
        wrong += any(j.verdict in ("reproduced", "contradicted") for j in judged.values())
    allowed = 0.05 + 2 * math.sqrt(0.05 * 0.95 / boards)  # 5 %, and what chance adds to it in so few
    assert wrong / boards <= allowed
    assert dataclasses.is_dataclass(judged["depth"])


def test_a_rule_says_itself_in_a_sentence():
    assert str(CLAIMS["depth"].rule) == (
        "Superiority over 5 seeds: the error of (A normalised, dense at Q = 73, mirrored too) minus that of "
        "(D normalised, dense at Q = 73, mirrored too) is above 0. The spread is estimated with the help of (B-5x5 "
        "normalised | B normalised | C normalised)."
    )
    assert str(normalised("D", (73, 146))) == "D normalised, S = [73;146]"
