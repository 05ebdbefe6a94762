"""Studies: what the pilot asks for next, whatever came out so far."""

import random

import pytest
from helpers.records import a_record
from hypothesis import given, settings
from hypothesis import strategies as st

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence import verdicts
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.studies import ABOVE, RATES, RATES_AT_PAPER_SCALE, STUDIES, study
from vgg_lib.evidence.testing import failed
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.training.runs import make_run

PILOT = study("pilot")
RECIPES = [("A", False), ("D", False), ("A", True), ("D", True)]


def came_out(run, outcome):
    """A record of a run: its error in percent, or ``diverged``, or ``failed``."""
    if outcome == "failed":
        return failed(run, "no memory")
    if outcome == "diverged":
        return a_record(run, outcome="diverged", evaluations=())
    return a_record(run, evaluations=(Evaluation(run.protocol, "held-out", {"top1": outcome}, "0", "1"),))


def known(*outcomes):
    """Records as a study sees them, of pairs of a run and what came out."""
    return {run.key: came_out(run, outcome) for run, outcome in outcomes}


def rates(network="A", norm=False):
    return [make_run(network, batch_norm=norm, learning_rate=rate) for rate in RATES]


def at(epochs, rate=0.01, network="A", norm=False, seed=0):
    return make_run(network, batch_norm=norm, learning_rate=rate, epochs=epochs, seed=seed)


def longer(known, seeds=None):
    """What the pilot asks for beyond its fixed runs, which do not depend on any record."""
    return [run for run in PILOT.runs(known, seeds) if run not in PILOT.runs({})]


def test_the_pilot_begins_with_three_rates_of_each_recipe_and_of_the_papers():
    runs = PILOT.runs({})
    assert runs[:12] == [run for recipe in RECIPES for run in rates(*recipe)]
    assert {(run.preset.epochs, run.preset.data, run.seed) for run in runs[:12]} == {(40, "imagenette", 0)}
    glorot = Initialisation("glorot")
    assert runs[12:18] == [
        make_run(network, input_scale="paper", initialisation=glorot, learning_rate=rate)
        for network in ("A", "D")
        for rate in RATES_AT_PAPER_SCALE
    ]
    assert [(run.network, run.preset.learning_rate, run.preset.epochs) for run in runs[18:]] == list(ABOVE)


@pytest.mark.parametrize(
    ("outcomes", "best"),
    [
        ((30.0, 20.0, 25.0), 0.02),
        ((20.0, 20.0, 25.0), 0.01),  # the first of equals
        (("diverged", 89.0, "diverged"), 0.02),
        (("failed", 30.0, 20.0), 0.05),
        (("failed", "diverged", "failed"), 0.02),
        (("diverged", "diverged", "diverged"), 0.01),
    ],
)
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_best_rate_is_trained_for_80_epochs_with_two_seeds(recipe, outcomes, best):
    asked = longer(known(*zip(rates(*recipe), outcomes, strict=True)))
    assert asked == [at(80, best, *recipe, seed=seed) for seed in range(2)]


@pytest.mark.parametrize("outcomes", [(30.0, 20.0), ("failed", "failed", "failed")])
def test_there_is_no_best_rate_before_all_are_known_or_when_all_failed(outcomes):
    assert longer(known(*zip(rates(), outcomes, strict=False))) == []


@pytest.mark.parametrize(
    ("after_40", "after_80", "goes_on"),
    [
        (30.0, 29.75, False),
        (30.0, 29.5, True),
        (30.0, 30.5, True),
        (30.0, 30.0, False),
        (30.0, "diverged", True),
        ("diverged", "diverged", False),
        (30.0, "failed", False),
    ],
)
def test_160_epochs_are_trained_only_where_80_changed_the_error(after_40, after_80, goes_on):
    so_far = [(rates()[0], after_40), *((run, "diverged") for run in rates()[1:])]
    so_far += [(at(80), after_80), (at(80, seed=1), 10.0)]
    assert longer(known(*so_far))[2:] == [at(160, seed=seed) for seed in range(2) if goes_on]


def test_160_epochs_are_asked_for_as_soon_as_the_first_seed_of_80_says_so():
    at_rates = [*zip(rates(), (30.0, 40.0, 50.0), strict=True)]
    assert at(160) not in longer(known(*at_rates, (at(80, seed=1), 20.0)))
    assert at(160) in longer(known(*at_rates, (at(80), 20.0)))


def all_known(plain, norm):
    """Records of all runs of 40 and 80 epochs, which came out alike: 80 are enough."""
    pairs = zip(RECIPES, (plain, plain, norm, norm), strict=True)
    return known(*(
        (run, outcome)
        for recipe, outcome in pairs
        for run in [*rates(*recipe), *(at(80, RATES[0], *recipe, seed) for seed in range(2))]
    ))  # fmt: skip


@pytest.mark.parametrize(("plain", "norm"), [(20.0, 30.0), (30.0, 20.0), (20.0, 20.0), ("diverged", 20.0)])
def test_other_networks_get_the_recipe_that_was_best_for_their_model(plain, norm):
    asked = [run for run in longer(all_known(plain, norm)) if run.network not in "AD"]
    with_norm = norm == 20.0 and plain != 20.0
    assert asked == [at(80, RATES[0], network, with_norm) for network in ("B-5x5", "C")]


def test_the_longest_training_is_the_model_of_the_last_stages():
    records = all_known(20.0, 30.0)
    changed = at(80)  # A, plain: 80 epochs were not enough
    records |= known((changed, 10.0), (at(160), 9.0), (at(160, seed=1), 9.0))
    asked = longer(records)
    assert [run.preset.epochs for run in asked if run.network == "B-5x5"] == [160]


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_are_how_many_of_each_arm(seeds):
    assert len(study("precision").runs({}, seeds)) == 2 * seeds
    records = known(*((run, 20.0) for run in rates()))
    assert [run.seed for run in longer(records, seeds) if run.preset.epochs == 80] == list(range(seeds))


def test_precision_pairs_the_same_seeds():
    runs = study("precision").runs({})
    assert len(runs) == 10
    assert all(
        (one.seed, one.preset.precision, other.seed, other.preset.precision) == (i, "auto", i, "float32")
        for i, (one, other) in enumerate(zip(runs[::2], runs[1::2], strict=True))
    )


def chosen(chance):
    return chance.choice(["diverged", "failed", 15.0, 15.25, 15.5, 20.0])


@pytest.mark.parametrize("name", STUDIES)
@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_whatever_comes_out_a_study_comes_to_an_end(name, seed):
    one, chance, records = STUDIES[name], random.Random(seed), {}
    while missing := [run for run in one.runs(records) if run.key not in records]:
        done = chance.sample(missing, chance.randint(1, len(missing)))
        records |= known(*((run, chosen(chance)) for run in done))
        runs = one.runs(records)
        assert len({run.key for run in runs}) == len(runs) <= 140
        assert records.keys() <= {run.key for run in runs}  # nothing was trained in vain
        # The validation images are for what judges a claim.
        assert {run.test_set for run in runs} == {"validation" if name in verdicts.STUDIES else "held-out"}


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_records_in_any_order_ask_for_no_other_runs(seed):
    chance, records = random.Random(seed), {}
    while missing := [run for run in PILOT.runs(records) if run.key not in records]:
        records |= known(*((run, chosen(chance)) for run in missing))
    some = {key: record for key, record in records.items() if chance.random() < 0.7}
    assert set(PILOT.runs(some)) <= set(PILOT.runs(records))


def test_an_unknown_study_is_refused():
    with pytest.raises(InputError, match="unknown study 'none': choose from pilot, precision"):
        study("none")


def test_a_claim_asks_for_what_judges_it_alone():
    asked = study("evidence", ["small-filters", "depth"]).runs({})
    assert [(run.seed, run.network) for run in asked] == [(s, n) for s in range(5) for n in ("B-5x5", "B", "A", "D")]
    assert all(run.batch_norm and run.train_on == "all" for run in asked)
    assert [run.seed for run in study("evidence", ["depth"]).runs({}, seeds=1)] == [0, 0]
    assert set(asked) < set(study("evidence").runs({}))


def test_what_a_claim_does_not_ask_for_is_not_measured_but_tested():
    of_depth, of_transfer, of_all = (study("evidence", claims) for claims in (["depth"], ["transfer"], []))
    for run in of_depth.runs({}):
        assert of_depth.wanted(run).measures == ()
        assert "transfer" in of_all.wanted(run).measures
        assert of_depth.wanted(run).tests == of_all.wanted(run).tests  # its record judges other claims too
    assert all("transfer" in of_transfer.wanted(run).measures for run in of_transfer.runs({}))
    assert STUDIES["evidence"].wanted == of_all.wanted


def test_what_a_claims_runs_start_from_is_asked_for_before_them():
    asked = study("evidence", ["warm-start"]).runs({})
    for at, run in enumerate(asked):
        assert run.warm_start is None or run.warm_start in [other.key for other in asked[:at]]
    assert sum(run.warm_start is not None for run in asked) == 5


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("none", "unknown claim 'none'"),
        ("class-boxes", "claim class-boxes is judged by study localisation, not by evidence"),
        ("stacking", "claim stacking needs no training: `vgg-lib claim stacking`"),
    ],
)
def test_a_claim_that_a_study_does_not_judge_is_refused(claim, said):
    with pytest.raises(InputError, match=said):
        study("evidence", ["depth", claim])
