"""Tables of studies: what stands in them follows from the records."""

import pytest
from helpers.records import a_record

from vgg_lib.book.tables import arms, doublings, edges, of_study
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.studies import STUDIES, study
from vgg_lib.training.runs import make_run

RATE = 0.02
BEST_AT_THE_EDGE = "Best at the edge of the rates tried, so that another may be better still:"


def came_out(error, epochs, seed=0, **choices):
    """A record of net A of the pilot, by its run's key."""
    run = make_run("A", epochs=epochs, seed=seed, learning_rate=choices.pop("rate", RATE))
    evaluation = Evaluation(run.protocol, "held-out", {"top1": error}, "0", "1")
    machine = {"processor": "a processor", "threads": 1}
    return {run.key: a_record(run, evaluations=(evaluation,), machine=machine, **choices)}


def forty(best=20.0):
    """What the pilot wants to know before it trains longer."""
    return came_out(best, 40) | came_out(30.0, 40, rate=0.01) | came_out(30.0, 40, rate=0.05)


def rows(known):
    return [line.strip("| ").split(" | ") for line in doublings(study("pilot"), known).splitlines()[2:]]


@pytest.mark.parametrize(
    ("error", "told", "enough"), [(19.6, "−0.40", "yes"), (19.4, "−0.60", "no"), (21.0, "+1.00", "no")]
)
def test_twice_the_epochs_are_compared_with_half_of_them(error, told, enough):
    assert rows(forty() | came_out(error, 80)) == [["A", "0.02", "40 → 80", told, enough]]


def test_only_seeds_that_have_both_are_compared():
    known = forty() | came_out(18.0, 80) | came_out(17.0, 80, seed=1) | came_out(16.0, 160, seed=1)
    assert [row[2:] for row in rows(known)] == [["40 → 80", "−2.00", "no"], ["80 → 160", "−1.00", "–"]]


def test_seed_0_decides_and_all_seeds_are_shown():
    """The rule that stood before the records: a mean over seeds would say something else."""
    known = forty() | came_out(14.0, 80) | came_out(14.5, 80, seed=1)
    known |= came_out(14.5, 160) | came_out(14.25, 160, seed=1)
    assert rows(known)[1][2:] == ["80 → 160", "+0.50, −0.25", "no"]


def test_minutes_are_processor_time_a_mean_over_the_seeds_where_all_of_them_have_it():
    def told(*processor):
        known = forty()
        for seed, seconds in enumerate(processor):
            known |= came_out(15.0, 80, seed=seed, seconds=600.0 + 600 * seed, processor_seconds=seconds)
        line = next(line for line in arms(study("pilot"), known).splitlines() if "| 80 |" in line)
        return line.strip("| ").split(" | ")[-1]

    assert told(300.0, 420.0) == "6"
    assert told(300.0, None) == "–"
    assert told() == "–"


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ((20.0, 19.0, 21.0), ""),
        ((20.0, 21.0, 22.0), "A (0.01, the smallest)"),
        ((22.0, 21.0, 20.0), "A (0.05, the largest)"),
        ((20.0, 20.0, 20.0), "A (0.01, the smallest)"),
        ((20.0, 21.0), ""),  # one is not done
    ],
)
def test_a_best_rate_at_the_edge_is_told(errors, told):
    known = {}
    for rate, error in zip((0.01, 0.02, 0.05), errors, strict=False):
        known |= came_out(error, 40, rate=rate)
    assert edges(study("pilot"), known) == (told and f"\n{BEST_AT_THE_EDGE} {told}.\n")


def test_a_diverged_run_has_no_error_to_compare():
    known = forty() | came_out(90.0, 80, outcome="diverged")
    assert rows(known) == []


def test_a_study_is_told_by_its_arms_and_what_twice_the_epochs_changed():
    pilot, known = study("pilot"), forty()
    assert of_study(pilot, known) == arms(pilot, known)
    known |= came_out(18.0, 80)
    assert (
        of_study(pilot, known) == f"{arms(pilot, known)}\nWhat twice the epochs changed:\n\n{doublings(pilot, known)}"
    )


@pytest.mark.parametrize("name", STUDIES)
def test_no_two_recipes_of_a_study_look_alike(name):
    rows = [line for line in arms(STUDIES[name], {}).splitlines() if " of " in line and line.startswith("| ")]
    assert len(rows) == len(set(rows)) > 1
