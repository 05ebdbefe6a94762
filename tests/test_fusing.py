"""Averages of two nets of claim ``fusion``, from the posteriors in their records."""

from statistics import fmean

import pytest
import torch
from helpers.records import a_record

from vgg_lib.book.fusing import answered_differently, errors_of_pairs, pairs_in_words
from vgg_lib.evidence.claims import claim
from vgg_lib.evidence.records import Evaluation, as_digits, pack_posteriors
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.training.loop import build

RULE = claim("fusion").rule
LABELS = torch.arange(40) % 10


def of_nets(**seeds):
    """Records of D and E, by network the seeds that are there, and the posteriors of each."""
    records, scores = {}, {}
    for i, (network, there) in enumerate(seeds.items()):
        [one] = [arm for arm in RULE.baseline if arm.recipes[0].any_seed.network == network]
        for seed in there:
            drawn = torch.rand(40, 10, generator=torch.Generator().manual_seed(10 * i + seed)).mul(3).softmax(-1)
            answers = as_digits(LABELS), as_digits(drawn.argmax(1))
            test = Evaluation(one.protocol, "validation", {"top1": 1.0}, *answers, posteriors=pack_posteriors(drawn))
            record = a_record(one.recipes[0].run(seed), evaluations=(test,))
            records[record.key], scores[network, seed] = record, drawn
    return records, scores


def test_each_two_nets_are_averaged_once_and_told_by_what_they_share():
    records, scores = of_nets(D=(0, 1, 2), E=(0, 1))
    found = errors_of_pairs(records)
    counts = {name: len(errors) for name, errors in found.items()}
    assert counts == {
        "D": 3, "E": 2, "D and another D": 3, "E and another E": 1, "D and E, one seed": 2, "D and E, two seeds": 4,
    }  # fmt: skip

    def error(*nets):
        return 100 * float((sum(scores[net] for net in nets).argmax(1) != LABELS).double().mean())

    assert found["D"] == pytest.approx([error(("D", seed)) for seed in range(3)])
    assert found["D and E, one seed"] == pytest.approx([error(("D", seed), ("E", seed)) for seed in range(2)])
    two = [error(("D", d), ("E", e)) for d in range(3) for e in range(2) if d != e]
    assert sorted(found["D and E, two seeds"]) == pytest.approx(sorted(two))
    together = [RULE.challenger.error(records, seed) for seed in range(2)]
    assert found["D and E, one seed"] == pytest.approx(together), "as the rule has them"
    differ = [float(scores["D", d].argmax(1).ne(scores["E", d].argmax(1)).double().mean()) for d in range(2)]
    assert answered_differently(records)["D and E, one seed"] == pytest.approx(100 * fmean(differ))
    assert f"D and E, one seed {100 * fmean(differ):.1f} %" in pairs_in_words(records)
    assert f"D and another D {fmean(found['D and another D']):.2f} % (3)" in pairs_in_words(records)


def test_what_is_not_recorded_is_left_out():
    records, _ = of_nets(D=(0,))
    assert {name for name, errors in errors_of_pairs(records).items() if errors} == {"D"}
    assert pairs_in_words(records).count("%") == 1
    assert pairs_in_words({}) == "No net is recorded yet."


def test_what_chapter_11_says_of_nets_of_one_seed_is_so():
    """They start alike in every layer that both have, and agree a little more than nets of two seeds."""
    differ = answered_differently(evidence())
    assert differ["D and E, one seed"] < differ["D and E, two seeds"]
    d, e = (build(one.recipes[0].run(0), num_classes=10) for one in RULE.baseline)
    theirs = e.weight_layers()
    assert all(torch.equal(layer.weight, theirs[name].weight) for name, layer in d.weight_layers().items())
