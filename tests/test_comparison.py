"""A reader's run beside the recorded ones."""

import pytest
from helpers.records import a_record

from vgg_lib.evidence.comparison import compare, differences
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.store import recorded
from vgg_lib.training.runs import make_run


def record(seed, error, **more):
    run = make_run("A", "quick", seed=seed)
    machine = {"device": "cpu", "processor": "one", "precision": "float32", "torch": "2.14.1"}
    given = {"evaluations": (Evaluation(run.protocol, "held-out", {"top1": error}),), "machine": machine}
    return a_record(run, **given | more)


OTHERS = [record(0, 20.0), record(1, 21.0), record(2, 22.0)]


@pytest.mark.parametrize(("error", "within"), [(21.0, True), (25.5, True), (16.5, True), (26.5, False), (15.5, False)])
def test_a_run_lies_where_one_more_seed_is_expected_or_not(error, within):
    found = compare(record(7, error), OTHERS)
    assert found.lies_within is within
    reach = 4.303 * (1 + 1 / 3) ** 0.5  # of Student's t with 2 degrees of freedom, and a deviation of 1
    assert (found.low, found.high) == pytest.approx((21 - reach, 21 + reach), abs=0.01)
    assert ("within" if within else "outside") in "\n".join(found.lines())


@pytest.mark.parametrize(("middle", "low", "high"), [(3, 0, 3 + 9.94), (97, 97 - 9.94, 100)])
def test_no_error_is_expected_below_0_or_above_100_percent(middle, low, high):
    found = compare(record(7, middle), [record(seed, middle + 2.0 * (seed - 1)) for seed in range(3)])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_fewer_than_three_seeds_say_nothing_of_their_spread():
    found = compare(record(7, 21.0), [*OTHERS[:2], record(1, 30.0)])
    assert found.lies_within is None
    assert "3 other recorded seeds would say" in "\n".join(found.lines())


def test_other_recipes_are_not_compared():
    found = compare(a_record(make_run("A", "quick", epochs=3)), OTHERS)
    assert found.others == ()
    assert "nothing to compare it with" in "\n".join(found.lines())


def test_a_failed_run_says_why():
    assert "it failed: no memory" in "\n".join(compare(record(7, 1.0, outcome="failed", reason="no memory")).lines())


def test_what_differs_is_named():
    mine = record(7, 21.0, machine=OTHERS[0].machine | {"torch": "2.6.0"}, data={"train": "cd"})
    assert differences(mine, OTHERS) == {"torch": ("2.6.0", "2.14.1"), "data": ("cd", OTHERS[0].data["train"])}
    assert differences(OTHERS[0], OTHERS) == {}


def test_a_recorded_run_is_compared_with_all_seeds_of_its_recipe():
    mine = recorded("precision").find(make_run("A", "laptop", seed=3))
    found = compare(mine)
    assert [other.run.seed for other in found.others] == list(range(5))  # seed 0 is in three studies
    assert found.lies_within
    errors = [other.error for other in found.others if other.run.seed != 3]
    assert (found.low + found.high) / 2 == pytest.approx(sum(errors) / 4)  # its own is no other seed's


def test_a_record_of_measures_alone_says_that_it_has_no_error():
    alone = record(7, 1.0, evaluations=(), losses=())
    assert "its training is not recorded" in "\n".join(compare(alone, OTHERS).lines())
