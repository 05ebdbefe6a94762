"""Records as small tables, rounded, for the pages of the book."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from vgg_lib.evidence.records import Evaluation, Record
from vgg_lib.evidence.statistics import wilson
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.studies import CONVERGED_WITHIN, Study, best
from vgg_lib.training.presets import PRESETS
from vgg_lib.training.runs import Run


def about(record: Record) -> pd.DataFrame:
    """What was run, on what, and how long it took."""
    machine = record.machine
    facts = {
        "run": record.key,
        "network": record.run.network,
        "preset": record.run.preset.name,
        "seed": record.run.seed,
        "training scale S": record.run.scale,
        "epochs": len(record.losses),
        "outcome": record.outcome,
        "minutes of training": round(record.seconds / 60, 1),
        "processor": f"{machine['processor']}, {machine['threads']} threads, {machine['precision']}",
        "PyTorch": machine["torch"],
        "fingerprint of the data": record.data["train"],
        "date": record.date,
    }
    return pd.Series(facts).to_frame("recorded")


def errors(evaluation: Evaluation) -> pd.DataFrame:
    """Top-1 error in percent with its 95 % interval over photographs (Wilson)."""
    targets, predictions = evaluation.answers()
    n, wrong = len(targets), int((targets != predictions).sum())
    low, high = wilson(wrong, n)
    row = {"photographs": n, "wrong": wrong, "top-1 error (%)": 100 * wrong / n, "95 % from": low, "to": high}
    return pd.DataFrame([row], index=[evaluation.test_set]).round(1)


def by_class(evaluation: Evaluation, classes: Sequence[str]) -> pd.DataFrame:
    """How many photographs of each class there are and how many are recognised, in percent, fewest first."""
    counts = evaluation.confusion(len(classes)).double()
    table = pd.DataFrame(
        {
            "photographs": counts.sum(1).int().tolist(),
            "recognised (%)": (100 * counts.diagonal() / counts.sum(1)).tolist(),
        },
        index=list(classes),
    )
    return table.sort_values("recognised (%)").round(1)


def of_study(study: Study, known: Known) -> str:
    """All that ``vgg-lib table`` tells of a study, as Markdown. ``book/pilot_table.md`` is this text."""
    twice = doublings(study, known)
    return arms(study, known) + edges(study, known) + (f"\nWhat twice the epochs changed:\n\n{twice}" if twice else "")


def arms(study: Study, known: Known) -> str:
    """A study's runs and records as a Markdown table: a row for each recipe, its seeds together; what is missing below.

    Errors are top-1 in percent where each run is tested, a diverged run counting as chance; their spread is the
    difference of the seeds' largest and smallest. Minutes are processor time, a mean over the seeds, where all records
    of a row have it: what the clock said depends on what else the machine did.
    """
    by_recipe: dict[Run, list[Run]] = {}
    for run in study.runs(known):
        by_recipe.setdefault(run.any_seed, []).append(run)
    lines = [
        "| net | error (%) | spread | last loss | rate | epochs | seeds | minutes |",
        "| --- " * 8 + "|",
    ]
    missing = []
    for recipe, runs in by_recipe.items():
        found = [known[run.key] for run in runs if run.key in known and known[run.key].outcome != "failed"]
        missing += [run for run in runs if run.key not in known]
        p = recipe.preset
        *outcome, minutes = _outcome(found)
        of_recipe = [f"{p.learning_rate:g}", str(p.epochs), f"{len(found)} of {len(runs)}"]
        lines.append("| " + " | ".join([_net(recipe), *outcome, *of_recipe, minutes]) + " |")
    failures = [record for record in known.values() if record.outcome == "failed"]
    lines += ["", *(f"- failed: {record.run} ({record.reason})" for record in failures)]
    named = sum(map(len, by_recipe.values()))
    lines.append(
        f"{len(missing)} of the {named} runs are still to be done." if missing else f"All {named} runs are done."
    )
    processors = sorted({record.machine["processor"] for record in known.values()})
    if processors:
        lines.append(f"Processors of those that are done: {', '.join(processors)}.")
    return "\n".join(lines) + "\n"


def edges(study: Study, known: Known) -> str:
    """Which recipes did best at the smallest or largest of the rates that were tried, as a sentence; empty for none.

    Only recipes with three rates or more, all with an error, are looked at: seed 0 of each, the first of equals.
    """
    by_recipe: dict[Run, list[Run]] = {}
    for run in study.runs(known):
        any_rate = dataclasses.replace(run, preset=dataclasses.replace(run.preset, learning_rate=1.0))
        if run.seed == 0:
            by_recipe.setdefault(any_rate, []).append(run)
    at_edge = []
    for runs in by_recipe.values():
        if len(runs) > 2 and (found := best(runs, known)):
            rates = [run.preset.learning_rate for run in runs]
            if (rate := found.preset.learning_rate) in (min(rates), max(rates)):
                end = "largest" if rate == max(rates) else "smallest"
                at_edge.append(f"{_net(found)} ({rate:g}, the {end})")
    if not at_edge:
        return ""
    return f"\nBest at the edge of the rates tried, so that another may be better still: {'; '.join(at_edge)}.\n"


def doublings(study: Study, known: Known) -> str:
    """What twice the epochs changed, as a Markdown table: a row for each recipe of which a seed was trained for both.

    A change is that of a seed's top-1 error, in percentage points. *Enough* is the pilot's rule, which looks at seed 0:
    it changed by less than :data:`~vgg_lib.evidence.studies.CONVERGED_WITHIN`. Empty where no seed was trained for
    both.
    """
    changes: dict[Run, dict[int, float]] = {}
    for run in study.runs(known):
        twice = dataclasses.replace(run, preset=dataclasses.replace(run.preset, epochs=2 * run.preset.epochs))
        few, many = (known.get(one.key) for one in (run, twice))
        if few and many and few.outcome == many.outcome == "finished":
            changes.setdefault(dataclasses.replace(run, seed=0), {})[run.seed] = many.error - few.error
    if not changes:
        return ""
    lines = ["| net | rate | epochs | change of each seed (points) | enough |", "| --- " * 5 + "|"]
    for recipe, found in changes.items():
        p = recipe.preset
        told = [_net(recipe), f"{p.learning_rate:g}"]
        seeds = ", ".join(f"{change:+.2f}".replace("-", "−") for _, change in sorted(found.items()))
        enough = "–" if 0 not in found else "yes" if abs(found[0]) < CONVERGED_WITHIN else "no"
        lines.append("| " + " | ".join([*told, f"{p.epochs} → {2 * p.epochs}", seeds, enough]) + " |")
    return "\n".join(lines) + "\n"


def _net(recipe: Run) -> str:
    """The net, and what its recipe has else than is usual: a plain net, the preset's S, unit inputs, He's weights.

    BN is batch normalisation; 0 to 255 are inputs at the paper's scale. Short, since a table has a page's width.
    """
    p = recipe.preset
    usual = PRESETS.get(p.name, p)
    told = [recipe.network + "\u00a0+\u00a0BN" * recipe.batch_norm + recipe.begun]
    if recipe.scale != usual.scales[0]:
        told.append(f"S = {recipe.scale if isinstance(recipe.scale, int) else list(recipe.scale)}")
    told += [f"crop {p.crop}"] * (p.crop != usual.crop)
    told += [recipe.initialisation.words] * (recipe.initialisation.kind != "he")
    told += ["0 to 255"] * (p.input_scale == "paper") + [p.precision] * (p.precision != usual.precision)
    return ", ".join(told)


def _outcome(found: Sequence[Record]) -> list[str]:
    """Error, spread, last loss and minutes of an arm's records, as text; dashes where there are none."""
    if not found:
        return ["–"] * 4
    errors = [record.error for record in found]
    losses = [record.losses[-1] for record in found if record.outcome == "finished" and record.losses]
    return [
        f"{fmean(errors):.1f}" + " (diverged)" * any(record.outcome == "diverged" for record in found),
        f"{max(errors) - min(errors):.1f}" if len(found) > 1 else "–",
        f"{fmean(loss for loss in losses if loss is not None):.2f}" if losses else "–",
        _minutes(found),
    ]


def _minutes(found: Sequence[Record]) -> str:
    """What the processor spent on a run, in minutes; a dash where a record does not tell."""
    spent = [record.processor_seconds for record in found if record.processor_seconds is not None]
    return f"{fmean(spent) / 60:.0f}" if len(spent) == len(found) else "–"
