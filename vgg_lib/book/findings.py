"""What surprised us most, in sentences whose numbers and comparisons are computed: a part of the front page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from statistics import fmean
from typing import Any

from scipy.stats import spearmanr

from vgg_lib.book.figures.contrasts import of_claim
from vgg_lib.book.figures.evidence import differences, rows
from vgg_lib.book.figures.neighbours import neighbours_left
from vgg_lib.book.fusing import errors_of_pairs
from vgg_lib.book.scoreboard import effect, in_points
from vgg_lib.book.sentences import mean_apart
from vgg_lib.evidence.claims import JITTER, S_LARGE, S_SMALL
from vgg_lib.evidence.differences import error_of
from vgg_lib.evidence.recipes import RATE_NORMALISED, Recipe, normalised, plain
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Known, recorded
from vgg_lib.evidence.verdicts import evidence, status, verdicts
from vgg_lib.networks.geometry import activation_bytes, layer_costs, macs
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.runs import make_run

#: The networks of Table 1 that differ in their layers alone, and the control with large filters.
_NETWORKS = ("A", "B-5x5", "B", "C", "D", "E")

#: The first layers whose features are compared, and the last.
_LAYERS = ("pool1", "pool2", "pool3", "fc7")


def findings() -> list[str]:
    """The findings as Markdown, for a page of the book: each names the chapter that tells of it."""
    known = evidence()
    return [
        normalisation_and_depth(recorded("pilot").latest(), known), first_two_layers(known), idle_layer(known),
        one_larger_scale(known), another_seed(known), small_filters(known), other_pictures(known),
    ]  # fmt: skip


def normalisation_and_depth(pilot: Known, known: Known) -> str:
    """§4.1: D minus A by epochs and normalisation on the held-out tenth, then by the runs that judge."""
    by_epochs = [_d_less_a(pilot, epochs) for epochs in (40, 80, 160)]
    normed = _d_less_a(pilot, 80, batch_norm=True, learning_rate=RATE_NORMALISED)
    without, with_it = (_on_validation(known, make) for make in (plain, normalised))
    return (
        "**Deeper was no better, until the layers were normalised.** Network D has 16 layers, and A has 11. Without "
        f"normalisation, D errs, compared with A, {', '.join(by_epochs)}. With batch normalisation, which the paper "
        f"did not have, it errs {normed}. So much on photographs held out of the training ones. On the validation "
        f"photographs it errs {without} without normalisation, after 40 epochs, and {with_it} with it, after 80 "
        "({ref}`chapter 4 <ch04>`)."
    )


def _on_validation(known: Known, make: Callable[[str], Recipe]) -> str:
    """In words, D minus A over the seeds whose runs of both are recorded."""
    records = [[known.get(make(name).run(seed).key) for name in "DA"] for seed in range(5)]
    pairs = [[record.error for record in pair if record and record.outcome == "finished"] for pair in records]
    differences = [d - a for d, a in (pair for pair in pairs if len(pair) == 2)]
    return f"{_more_or_less(fmean(differences))} ({len(differences)} seed{'s' * (len(differences) > 1)})"


def _more_or_less(difference: float) -> str:
    return f"by {abs(difference):.1f} points {'*more*' if difference > 0 else '*less*'}"


def _d_less_a(known: Known, epochs: int, **recipe: Any) -> str:
    """In words, the mean difference over the pilot's two seeds, or the one of which both networks are known."""
    runs = [[make_run(name, "laptop", seed=seed, epochs=epochs, **recipe) for name in "DA"] for seed in range(2)]
    records = [[known.get(run.key) for run in pair] for pair in runs]
    pairs = [[record.error for record in pair if record and record.outcome == "finished"] for pair in records]
    differences = [pair[0] - pair[1] for pair in pairs if len(pair) == 2]
    difference, seeds = fmean(differences), "one seed" if len(differences) == 1 else "two seeds"
    return f"{_more_or_less(difference)} after {epochs} epochs ({seeds})"


def first_two_layers(known: Known) -> str:
    """§4.1: the errors of the normalised networks on the validation photographs, from A to D, beside the paper's."""
    errors = {}
    for name in "ABCDE":
        records = [known.get(normalised(name).run(seed).key) for seed in range(5)]
        errors[name] = [record.error for record in records if record and record.outcome == "finished"]
    of_e = errors.pop("E")
    seeds = f"{len(of_e)} seed{'s' * (len(of_e) > 1)}"
    deepest = f" E, with 19 layers, errs on {fmean(of_e):.1f} % here ({seeds}), and no rule judges it." if of_e else ""
    ours = [f"{name} ({NETWORKS[name].weight_layers} layers) {fmean(of):.1f} %" for name, of in errors.items()]
    *theirs, last = (f"{error_of(3, network=name, S='256')}" for name in errors)
    return (
        "**What depth gained from A to D came with the first two layers.** Errors on the validation photographs, with "
        f"batch normalisation, on average over {min(map(len, errors.values()))} seeds: {', '.join(ours)}. "
        f"In the paper the error falls at each step: {', '.join(theirs)} and {last} % "
        f"({{ref}}`chapter 4 <ch04>`, {{ref}}`chapter 7 <ch07>`).{deepest}"
    )


def idle_layer(known: Known) -> str:
    """§2.1: how A-LRN errs beside A where its layer is a constant, and what the layer takes all the same."""
    found = verdicts(known)["lrn"]
    assert found is not None and found.effect is not None
    _, a, constant, _ = rows("lrn", known)
    by_itself = differences(constant, a)
    cause = (
        f"The error of a network with the constant alone minus that of A is {mean_apart(by_itself)}."
        if by_itself
        else "The constant is the likely cause, which no run has by itself yet."
    )
    table = neighbours_left(known)["1 in 1000"].to_dict()
    took = 100 - next(left for name, left in table.items() if str(name).endswith("after training"))
    b, c = (error_of(3, network=name, S="256") for name in "BC")
    return (
        f"**With a layer that does next to nothing, the network erred {'less' if found.effect < 0 else 'more'}.** "
        "A-LRN is network A with one more layer, local response normalisation, which divides each number by the size "
        "of its neighbours in nearby channels. Where inputs are of size 1, as here, the neighbours hardly count: apart "
        f"from a constant, the layer takes no more than about {took:.1f} % from 999 in 1000 of the numbers above 0. "
        f"The error of A-LRN minus that of A is {effect(found)}, over {found.seeds[0]} seeds. The rule asks whether "
        f"the difference is less than a point: {status(found)}. {cause} For comparison, the paper's B and C differ by "
        f"{b - c:.1f} points ({{ref}}`chapter 5 <ch05>`)."
    )


def one_larger_scale(known: Known) -> str:
    """§4.1: what training at sampled scales gains over one scale, and how much of that one larger scale gains."""
    found = verdicts(known)["jitter"]
    over_small, over_large = (one.estimate for one in of_claim("jitter", known))
    assert found is not None and over_small is not None and over_large is not None
    least, most = JITTER
    rest = in_points(over_large.effect, over_large.low, over_large.high)
    small, large, sampled = (error_of(3, network="D", S=scale) for scale in ("256", "384", "[256;512]"))
    return (
        "**Most of what sampled scales gained, one larger scale gained as well.** Trained on photographs whose shorter "
        f"side is sampled from {least} to {most} pixels and tested at {S_LARGE}, D errs "
        f"{_more_or_less(-over_small.effect)} than trained and tested at {S_SMALL}, over {found.seeds[0]} seeds. "
        f"Trained and tested at {S_LARGE}, it errs {_more_or_less(over_large.effect - over_small.effect)}. What "
        f"sampling adds to that is {rest}, and the rule asks for a gain over both: {status(found)}. In the paper, the "
        f"larger scale gains {small - large:.1f} of the {small - sampled:.1f} points ({{ref}}`chapter 8 <ch08>`)."
    )


def another_seed(known: Known) -> str:
    """§4.4: what D gains by being averaged with E, and what with another D."""
    found = verdicts(known)["fusion"]
    alone, with_d, with_e = (
        fmean(errors_of_pairs(known)[name]) for name in ("D", "D and another D", "D and E, one seed")
    )
    return (
        "**To average with, another seed is as good as another network.** The claim is that the average of D and E "
        f"errs less than each of them: {effect(found)}, {status(found)}. D alone errs on {alone:.1f} % of the "
        f"validation photographs, and averaged with E on {with_e:.1f} %. Averaged with another D, which differs in its "
        f"seed alone, it errs on {with_d:.1f} %. Those pairs were looked at after the verdict ({{ref}}`chapter 11 "
        "<ch11-pairs>`)."
    )


def small_filters(known: Known) -> str:
    """§2.3: what B's small filters gain, also beside a network with as many weights, and what they cost."""
    found = verdicts(known)["small-filters"]
    by_name = {row.name: row for row in rows("small-filters", known)}
    beside_narrow = mean_apart(differences(by_name["B-5x5-narrow"], by_name["B"]))
    work, maps = (100 * (cost("B") / cost("B-5x5") - 1) for cost in (macs, activation_bytes))
    fewer = 100 * (1 - _in_filters("B") / _in_filters("B-5x5"))
    return (
        "**Small filters err less, and not for their fewer weights alone.** B-5x5 is network B with one 5×5 layer for "
        f"each two of 3×3. Its error minus that of B is {effect(found)}: {status(found)}. B's convolutions have "
        f"{fewer:.0f} % fewer weights. But B-5x5, made so narrow that it has no more of them, still errs on more than "
        f"B: {beside_narrow}. What small filters cost is {work:.0f} % more multiply-adds, and {maps:.0f} % more memory "
        "for feature maps, since twice as many layers keep theirs ({ref}`chapter 2 <ch02>`, {ref}`chapter 6 <ch06>`)."
    )


def _in_filters(network: str) -> int:
    """The parameters of a network's convolutions, at its full width."""
    return sum(cost.parameters for cost in layer_costs(network) if cost.kind == "conv")


def other_pictures(known: Known) -> str:
    """App. B: whether the networks that err least on Imagenette have the best features for CIFAR-10."""
    of_seeds = {
        name: [one for seed in range(5) if (one := known.get(normalised(name).run(seed).key)) and _transferred(one)]
        for name in _NETWORKS
    }
    found = {name: records for name, records in of_seeds.items() if records}
    own = [fmean(one.error for one in records) for records in found.values()]
    other = {
        layer: [fmean(_transferred(one)[layer] for one in records) for records in found.values()] for layer in _LAYERS
    }
    *early, last = (float(spearmanr(own, errors).statistic) for errors in other.values())
    best = own.index(min(own))
    name, records = list(found.items())[best]
    place = 1 + sum(error < other["fc7"][best] for error in other["fc7"])
    return (
        f"**The best network on its own pictures {'has' if place == 1 else 'does not have'} the best last layers for "
        f"others.** Of the {len(found)} networks, {name} ({len(records)} seed{'s' * (len(records) > 1)}) errs least on "
        "the photographs of Imagenette, which they were trained for. With the features of the last hidden layer on "
        f"CIFAR-10 it takes place {place}. The two orders have a rank correlation of {_number(last)}; "
        f"{_as_far(own, last):.0f} % of all orders have one as far from 0. With the features of the first three pools "
        f"it lies between {_number(min(early))} and {_number(max(early))} ({{ref}}`chapter 15 <ch15>`; means of the "
        "recorded seeds)."
    )


def _as_far(values: Sequence[float], correlation: float) -> float:
    """The share of all orders, in percent, whose rank correlation with ``values`` is as far from 0, or further."""
    found = [abs(spearmanr(values, order).statistic) for order in permutations(range(len(values)))]
    return 100 * fmean(one > abs(correlation) - 1e-9 for one in found)


def _transferred(record: Record) -> dict[str, float]:
    """The errors on other pictures with the features of each layer; empty where they were not measured."""
    errors: dict[str, float] = record.measurements.get("transfer", {}).get("layers", {})
    return errors


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
