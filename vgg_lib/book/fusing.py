"""What else averaging gives: the nets of claim ``fusion``, averaged in other pairs than those of its rule."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from statistics import fmean

from torch import Tensor

from vgg_lib.evaluation.posteriors import top_errors
from vgg_lib.evidence.claims import claim
from vgg_lib.evidence.records import unpack_posteriors
from vgg_lib.evidence.rules import Superiority
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence

#: What two nets may have in common. Those of one seed are the pairs of the rule.
_PAIRS = ("D and another D", "E and another E", "D and E, one seed", "D and E, two seeds")


def errors_of_pairs(known: Known | None = None) -> dict[str, list[float]]:
    """§4.4: top-1 errors in percent of each net alone, and of each two averaged, by what the two have in common.

    All from the posteriors in the records. A net is in several pairs, so that the spread of a row is no interval.
    Without ``known``, by the records that come with the library.
    """
    nets, targets = _recorded(evidence() if known is None else known)
    found: dict[str, list[float]] = {name: [] for name in ("D", "E", *_PAIRS)}
    for (network, _), scores in nets.items():
        found[network].append(top_errors(scores, targets)["top1"])
    for alike, scores, more in _pairs(nets):
        found[alike].append(top_errors(scores + more, targets)["top1"])
    return found


def answered_differently(known: Known | None = None) -> dict[str, float]:
    """The share of photographs, in percent, that two nets answer differently: means over the pairs of each kind."""
    nets, _ = _recorded(evidence() if known is None else known)
    found: dict[str, list[float]] = {name: [] for name in _PAIRS}
    for alike, scores, more in _pairs(nets):
        differ = scores.argmax(-1) != more.argmax(-1)
        found[alike].append(100 * float(differ.double().mean()))
    return {alike: fmean(shares) for alike, shares in found.items() if shares}


def pairs_in_words(known: Known | None = None) -> str:
    """The means of :func:`errors_of_pairs` with the number of nets or pairs, and :func:`answered_differently`."""
    told = [
        f"{name} {fmean(errors):.2f} % ({len(errors)})" for name, errors in errors_of_pairs(known).items() if errors
    ]
    if not told:
        return "No net is recorded yet."
    differ = [f"{name} {share:.1f} %" for name, share in answered_differently(known).items()]
    return (
        f"Mean errors, and how many nets or pairs they are of: {'; '.join(told)}. "
        + f"Photographs that the nets of a pair answer differently: {'; '.join(differ)}." * bool(differ)
    ).strip()


def _pairs(nets: dict[tuple[str, int], Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Each two nets once: what they have in common, in words, and the posteriors of both."""
    for ((one, seed), scores), ((other, another), more) in combinations(nets.items(), 2):
        alike = (
            f"{one} and another {one}" if one == other else f"D and E, {'one seed' if seed == another else 'two seeds'}"
        )
        yield alike, scores, more


def _recorded(known: Known) -> tuple[dict[tuple[str, int], Tensor], Tensor]:
    """The posteriors ``(N, K)`` of the nets that the rule fuses, by network and seed, and the photographs' classes."""
    rule = claim("fusion").rule
    assert isinstance(rule, Superiority)
    nets, targets = {}, Tensor()
    for one in rule.baseline:
        for seed in range(rule.seeds):
            for record in one.records(known, seed):
                if record.outcome == "finished" and record.was_tested(one.protocol):
                    test = record.evaluation(one.protocol)
                    targets, _ = test.answers()
                    nets[record.run.network, seed] = unpack_posteriors(test.posteriors or "", record.classes)
    return nets, targets
