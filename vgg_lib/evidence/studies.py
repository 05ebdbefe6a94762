"""Studies: the runs that a question needs, as data. What a study asks for next may depend on its records so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.evidence import evidence
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.testing import Wanted
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.training.runs import Run, make_run


@dataclass(frozen=True, slots=True)
class Study:
    """A question and the runs that answer it.

    ``ask`` gives the runs that can be named with the records so far, in the order in which they are wanted;
    ``seeds`` is how many of each arm are trained at most, where the study has several; ``wanted`` what is to be
    measured of a run's net at its end, beside the error under the run's own protocol.
    """

    name: str
    question: str
    ask: Callable[[Known, int], Iterator[Run]]
    seeds: int
    wanted: Callable[[Run], Wanted] = lambda run: Wanted()

    def runs(self, known: Known, seeds: int | None = None) -> list[Run]:
        """The runs that can be named so far, each once, in order."""
        return list(dict.fromkeys(self.ask(known, seeds or self.seeds)))


def precision(known: Known, seeds: int) -> Iterator[Run]:
    """Net A as the engine computes it, and in float32 throughout: the same seeds."""
    for seed in range(seeds):
        for number_format in ("auto", "float32"):
            yield make_run("A", "laptop", seed=seed, precision=number_format)


#: The pilot's learning rates, the same three for every recipe: the peak of the one-cycle schedule.
RATES = (0.01, 0.02, 0.05)

#: And at the paper's input scale, where gradients of the first layer are some 70 times as large.
RATES_AT_PAPER_SCALE = (0.001, 0.003, 0.01)

#: Rates above the largest of :data:`RATES`, once that had come out best for normalised nets: network, rate, epochs.
ABOVE = (("A", 0.1, 40), ("D", 0.1, 40), ("A", 0.2, 40), ("A", 0.1, 80), ("D", 0.1, 80))

#: A budget is enough when doubling it changes the held-out error by less than this, in percentage points.
CONVERGED_WITHIN = 0.5


def pilot(known: Known, seeds: int) -> Iterator[Run]:
    """What the evidence will cost, and which recipe lets deep plain nets converge; all on the held-out tenth.

    1. A and D, plain and with batch normalisation, at three rates, 40 epochs, one seed.
    2. The best rate of each at 80 epochs; where that changed its error by :data:`CONVERGED_WITHIN` or more, at 160.
    3. A and D plain at the paper's input scale, from Glorot's weights (its §3.1), at three rates.
    4. B-5x5 with what came out best for A, C with what came out best for D.
    5. A and D with batch normalisation at rates above those: :data:`ABOVE`.

    B, E and a warm start of D were to follow; they were left out when the evidence's recipes were settled without them.
    """
    recipes = [(network, norm) for norm in (False, True) for network in ("A", "D")]
    for network, norm in recipes:
        yield from (make_run(network, batch_norm=norm, learning_rate=rate) for rate in RATES)
    settled: dict[tuple[str, bool], Run | None] = {}  # the longest run of a recipe; None where it cannot be trained
    for network, norm in recipes:
        at_rates = [make_run(network, batch_norm=norm, learning_rate=rate) for rate in RATES]
        if not all(run.key in known for run in at_rates):
            continue
        first = best(at_rates, known)
        if first is None:
            settled[network, norm] = None
            continue

        def at(epochs: int, like_first: Run = first) -> list[Run]:
            return [like(like_first, like_first.network, seed=seed, epochs=epochs) for seed in range(seeds)]

        yield from at(80)
        if at(80)[0].key not in known:
            continue
        budget = 80
        if abs(error(at(80)[0], known) - error(first, known)) >= CONVERGED_WITHIN:
            yield from at(160)
            budget = 160
        if all(run.key in known for run in at(budget)):
            settled[network, norm] = best(at(budget)[:1], known)
    for network in ("A", "D"):
        for rate in RATES_AT_PAPER_SCALE:
            start = Initialisation("glorot")
            yield make_run(network, input_scale="paper", initialisation=start, learning_rate=rate)
    for model, other in (("A", "B-5x5"), ("D", "C")):
        if all((model, norm) in settled for norm in (False, True)):
            chosen = best([run for norm in (False, True) if (run := settled[model, norm])], known)
            if chosen:
                yield like(chosen, other)
    for network, rate, epochs in ABOVE:
        yield make_run(network, batch_norm=True, learning_rate=rate, epochs=epochs)


def best(runs: list[Run], known: Known) -> Run | None:
    """The run with the least error, the first of equals; ``None`` while one has no record, or where all failed."""
    if not all(run.key in known for run in runs):
        return None
    tested = [run for run in runs if known[run.key].outcome != "failed"]
    return min(tested, key=lambda run: error(run, known), default=None)


def error(run: Run, known: Known) -> float:
    """The top-1 error of a run in percent; nan where it failed."""
    return math.nan if known[run.key].outcome == "failed" else known[run.key].error


def like(run: Run, network: str, **choices: object) -> Run:
    """A run of another network with the recipe of ``run``."""
    return make_run(network, run.preset, batch_norm=run.batch_norm, initialisation=run.initialisation, **choices)


#: By name. ``vgg-lib run NAME`` trains what is missing.
STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        Study("pilot", "Which recipes converge at this scale, and what will the evidence cost?", pilot, seeds=2),
        Study("precision", "Does computing in bfloat16 cost accuracy?", precision, seeds=5),
        Study("evidence", "Which claims of the paper hold?", evidence.runs, seeds=10, wanted=evidence.wanted),
        Study("localisation", "How is a net best taught boxes?", evidence.runs_of_boxes, 5, evidence.wanted),
    )
}


def study(name: str, claims: Collection[str] = ()) -> Study:
    """The study of that name; where ``claims`` are given, no more of it than what judges them.

    What their runs would be measured for by other claims is left out: `vgg-lib measure` adds it from the weights.
    Raises :class:`~vgg_lib.basics.errors.InputError` for a study that does not exist, and for a claim that does not, or
    that this study does not judge.
    """
    check_choice("study", name, STUDIES)
    for claim in claims:
        check_choice("claim", claim, CLAIMS)
        if not evidence.arms_of(claim):
            raise InputError(f"claim {claim} needs no training: `vgg-lib claim {claim}` says how it is judged")
        if evidence.study_of(claim) != name:
            raise InputError(f"claim {claim} is judged by study {evidence.study_of(claim)}, not by {name}")
    if not claims:
        return STUDIES[name]
    return replace(STUDIES[name], ask=evidence.runs_that_judge(claims), wanted=partial(evidence.wanted, claims=claims))
