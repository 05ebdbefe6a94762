"""Agendas: what is missing, in which order, how long it takes, and whose weights are kept."""

import dataclasses
from contextlib import closing

import pytest
from helpers.records import a_record
from helpers.tiny import DIVERGING, LONG, tiny

from vgg_lib.evidence.agenda import Status, cost
from vgg_lib.evidence.hardware import steps
from vgg_lib.evidence.reporting import StudyLine
from vgg_lib.evidence.testing import failed
from vgg_lib.training.checkpoints import save_state
from vgg_lib.training.runs import make_run

RUN = tiny()
WARM = tiny("B", warm_start=RUN.key)


def test_of_a_chain_the_first_whose_source_is_there_comes_next(agenda_of, store, workshop):
    last = dataclasses.replace(WARM, seed=1, warm_start=WARM.key, warm_layers="all")
    those = agenda_of(RUN, WARM, last)
    store.add(a_record(RUN))
    store.add(a_record(WARM))
    assert those.missing(store.latest()) == [RUN]  # no weights are there
    workshop.folder.mkdir()
    workshop.weights(RUN.key).touch()
    assert those.missing(store.latest()) == [WARM]
    workshop.weights(WARM.key).touch()
    assert those.missing(store.latest()) == [last]


def test_the_line_of_a_study_counts_what_has_a_result(agenda_of, store, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    those = agenda_of(RUN, WARM, LONG)
    store.add(a_record(LONG))
    with closing(StudyLine(those)) as line:
        line.count(those.known(), those.missing(those.known()))
        line.draw({RUN.key: 0.5})
    share = 1 - (cost(RUN) / 2 + cost(WARM)) / (cost(RUN) + cost(WARM) + cost(LONG))
    assert f"{100 * share:3.0f}%" in (shown := capsys.readouterr().err) and "1 of 3 runs" in shown


def test_what_is_missing_comes_in_order_and_a_source_before_its_warm_start(agenda_of, store, workshop):
    other = tiny(seed=1)
    those = agenda_of(WARM, LONG, RUN, other, DIVERGING)
    store.add(a_record(other))
    store.add(failed(DIVERGING, "no memory"))
    assert those.missing(store.latest()) == [RUN, LONG]
    store.add(a_record(RUN))
    assert those.missing(store.latest()) == [RUN, LONG]  # its weights are not there
    workshop.folder.mkdir()
    workshop.weights(RUN.key).touch()
    assert those.missing(store.latest()) == [WARM, LONG]
    those.again = True
    assert those.missing(store.latest()) == [WARM, LONG, DIVERGING]


def test_the_status_counts_runs_and_hours(agenda_of, store, workshop):
    runs = [tiny(seed=seed) for seed in range(7)]
    those = agenda_of(*runs)
    assert those.status(workers=2).hours_left is None
    assert not workshop.folder.exists()
    store.add(a_record(runs[0], seconds=1800.0))
    store.add(a_record(runs[1], seconds=5400.0))
    store.add(a_record(runs[2], outcome="diverged", seconds=1.0))
    store.add(failed(runs[3], "no memory"))
    with workshop.lock(runs[4]):
        status = those.status(workers=2)
    assert dataclasses.replace(status, failures=[]) == Status(
        done=3, diverged=1, running=1, failures=[], to_do=2, hours_left=pytest.approx(1.5)
    )  # three of an hour, two at once
    assert [failure.reason for failure in status.failures] == ["no memory"] and status.failed == 1


def test_a_run_of_which_tests_alone_are_recorded_is_to_be_trained(agenda_of, store):
    store.add(a_record(RUN, losses=()))
    asked = agenda_of(RUN)
    assert asked.missing(asked.known()) == [RUN]
    assert (asked.status(workers=1).done, asked.status(workers=1).to_do) == (0, 1)
    store.add(a_record(RUN))
    assert asked.missing(asked.known()) == []


def test_hours_left_know_that_a_longer_run_takes_longer(agenda_of, store):
    store.add(a_record(RUN, seconds=3600.0))
    assert agenda_of(RUN, tiny(epochs=3)).status(workers=1).hours_left == pytest.approx(3)


def test_a_run_costs_more_the_wider_and_the_longer_it_is():
    assert cost(tiny(epochs=3)) == pytest.approx(3 * cost(RUN))
    assert cost(make_run("D")) > cost(make_run("A")) > 2 * cost(make_run("A", width=1 / 8))


@pytest.mark.parametrize(
    ("facts", "hours"),
    [
        ({"machine": {"device": "cpu", "threads": 1}}, 1),
        ({"machine": {"device": "cpu", "threads": 4}}, 1 / 4),
        ({"machine": {"device": "cpu", "threads": 1}, "processor_seconds": None}, 24),
        ({"machine": {"device": "Tesla T4", "threads": 1}}, 24),  # what the processor did beside it says little
    ],
    ids=["one thread", "four threads", "an older record", "a GPU"],
)
def test_hours_left_do_not_count_pauses_where_the_processors_time_is_known(agenda_of, store, facts, hours):
    store.add(a_record(RUN, **{"seconds": 24 * 3600.0, "processor_seconds": 3600.0} | facts))
    assert agenda_of(RUN, tiny(seed=1)).status(workers=1).hours_left == pytest.approx(hours)


def test_hours_left_do_not_count_what_a_checkpoint_has_behind_it(agenda_of, store, workshop):
    stopped = tiny(epochs=4)
    store.add(a_record(RUN, seconds=3600.0))
    save_state(workshop.checkpoint(stopped), {"trained": {"steps": [2.3] * (steps(stopped) * 3 // 4)}})
    assert agenda_of(RUN, stopped).status(workers=1).hours_left == pytest.approx(1)
    workshop.checkpoint(stopped).write_bytes(b"damaged")
    assert agenda_of(RUN, stopped).status(workers=1).hours_left == pytest.approx(4)
