"""The front page's findings: their words follow their numbers."""

import dataclasses
import re

import pytest
from helpers.records import a_record

from vgg_lib.book import findings
from vgg_lib.evidence.recipes import normalised
from vgg_lib.evidence.records import Evaluation
from vgg_lib.evidence.store import recorded
from vgg_lib.networks.geometry import activation_bytes, macs
from vgg_lib.training.runs import make_run


def record_of(run, error, transfer=None):
    evaluation = Evaluation(run.protocol, run.test_set, {"top1": error})
    return a_record(
        run, evaluations=(evaluation,), measurements={} if transfer is None else {"transfer": {"error": transfer}}
    )


def test_deeper_was_worse_until_the_layers_were_normalised():
    said = findings.normalisation_and_depth(recorded("pilot").latest())
    assert re.findall(r"by ([\d.]+) points \*(\w+)\*", said)[0][1] == "more", "its headline says so"
    assert [way for _, way in re.findall(r"by ([\d.]+) points \*(\w+)\*", said)] == ["more", "more", "less"]


def test_a_difference_is_one_of_means_over_the_seeds_that_both_networks_have():
    def pilot(network, epochs, norm, seed, error, **more):
        rate = 0.05 if norm else 0.02
        recipe = {"epochs": epochs, "learning_rate": rate, "batch_norm": norm, "seed": seed}
        return record_of(make_run(network, "laptop", **recipe | more), error)

    runs = [
        pilot("A", 40, False, 0, 20.0), pilot("D", 40, False, 0, 21.0), pilot("D", 40, False, 1, 60.0),
        pilot("A", 160, False, 0, 18.0), pilot("D", 160, False, 0, 17.0),
        pilot("A", 160, False, 1, 18.0), pilot("D", 160, False, 1, 16.0),
        pilot("A", 80, True, 0, 14.0), pilot("D", 80, True, 0, 12.8),
        pilot("D", 80, True, 0, 80.0, learning_rate=0.1), pilot("D", 40, False, 0, 80.0, input_scale="paper"),
    ]  # fmt: skip
    known = {record.key: record for record in runs}
    said = findings.normalisation_and_depth(known)
    told = [("1.0", "more"), ("1.5", "less"), ("1.2", "less")]
    assert re.findall(r"by ([\d.]+) points \*(\w+)\*", said) == told
    failed = pilot("A", 40, False, 1, 50.0)
    failed = dataclasses.replace(failed, outcome="failed", reason="for a test")
    assert findings.normalisation_and_depth(known | {failed.key: failed}) == said


def test_small_filters_cost_what_the_layers_say():
    percent = [f"{100 * (cost('B') / cost('B-5x5') - 1):.0f} %" for cost in (macs, activation_bytes)]
    assert re.findall(r"\d+ %", findings.small_filters()) == percent


@pytest.mark.parametrize(
    ("others", "says", "place", "alike"),
    [((50, 52, 54), "worse", 3, "−1.00"), ((54, 52, 50), "better", 1, "1.00"), ((54, 50, 52), "better", 2, "0.50")],
)
def test_the_order_on_other_pictures_is_told_as_it_is(others, says, place, alike):
    runs = [normalised(name).run(0) for name in "ADE"]
    records = [record_of(run, own, other) for run, own, other in zip(runs, (16, 14, 13), others, strict=True)]
    said = findings.other_pictures({record.key: record for record in records})
    assert (
        f"Better on the pictures it was trained for, {says} on others" in said
        and "Of the 3 networks, E errs least" in said
    )
    assert f"E takes place {place}," in said and said.count(f"correlation of {alike} ") == 1
