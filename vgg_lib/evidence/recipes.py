"""What the evidence trains, as data: recipes without their seeds, chosen on the held-out tenth."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from vgg_lib.data.rescaling import Scale
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.training.presets import PRESETS
from vgg_lib.training.runs import Run, make_run

#: The peak rate of normalised nets: of the two rates tried at 80 epochs, the one at which A and D err least on average.
RATE_NORMALISED = 0.05

#: Ways to train, by name: what they change of preset ``laptop``, or of ``quick`` on the embedded things.
WAYS: dict[str, dict[str, Any]] = {
    "normalised": {"batch_norm": True, "epochs": 80, "learning_rate": RATE_NORMALISED},
    "plain": {},
    "paper's input scale": {"input_scale": "paper", "learning_rate": 0.01},
    "on embedded things": {"batch_norm": True, "epochs": 20, "learning_rate": RATE_NORMALISED},
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run without its seed, and the recipe of the run that it starts from, of the same seed."""

    way: str
    any_seed: Run
    start_from: Recipe | None = None

    def run(self, seed: int) -> Run:
        """The run of that seed."""
        return _run(self, seed)

    @property
    def chain(self) -> tuple[Recipe, ...]:
        """The recipes that are trained one after the other for this one, which is the last."""
        return (*(self.start_from.chain if self.start_from else ()), self)

    def __str__(self) -> str:
        """Such as ``D normalised, S = [73;146]``."""
        run, usual = self.any_seed, WAYS[self.way] | {"epochs": WAYS[self.way].get("epochs", 40)}
        told = [f"{run.network} {self.way}"]
        if run.scale != 73 or run.preset.name != "laptop":
            told.append(f"S = {run.scale}" if isinstance(run.scale, int) else f"S = [{run.scale[0]};{run.scale[1]}]")
        if run.preset.crop != PRESETS[run.preset.name].crop:
            told.append(f"crop {run.preset.crop}")
        if run.initialisation.kind != "he":
            told.append(run.initialisation.words)
        if run.preset.epochs != usual["epochs"]:
            told.append(f"{run.preset.epochs} epochs")
        return ", ".join(told) + (f", from {self.start_from.any_seed.network}" if self.start_from else "")


@cache  # its key is asked for again and again, and is a hash
def _run(recipe: Recipe, seed: int) -> Run:
    run, source = recipe.any_seed, recipe.start_from
    if source is None:
        return dataclasses.replace(run, seed=seed)
    layers: Literal["paper", "all"] = "all" if source.any_seed.network == run.network else "paper"
    return dataclasses.replace(run, seed=seed, warm_start=source.run(seed).key, warm_layers=layers)


def recipe(
    network: str, way: str, preset: str = "laptop", *, start_from: Recipe | None = None, **choices: Any
) -> Recipe:
    """A network trained that way, on all training photographs of a preset."""
    return Recipe(way, make_run(network, preset, train_on="all", **WAYS[way] | choices), start_from)


def normalised(network: str, scale: Scale = 73) -> Recipe:
    """A network with batch normalisation, trained until its error no longer falls."""
    return recipe(network, "normalised", scale=scale)


def plain(network: str, **choices: Any) -> Recipe:
    """A network as the paper has it, without normalisation, at a fixed number of epochs."""
    return recipe(network, "plain", **choices)


def fine_tuned(source: Recipe, scale: Scale) -> Recipe:
    """The net of another recipe trained on at another scale: a tenth of the rate (§3.1), a quarter of the epochs."""
    run, rate, epochs = source.any_seed, RATE_NORMALISED / 10, WAYS["normalised"]["epochs"] // 4
    return recipe(run.network, "normalised", scale=scale, start_from=source, learning_rate=rate, epochs=epochs)


def at_the_papers_input_scale(network: str, start: Initialisation, epochs: int = 10) -> Recipe:
    """A plain network on inputs of 0 to 255 minus the mean, from that start."""
    return recipe(network, "paper's input scale", initialisation=start, epochs=epochs)


def on_things(network: str, **choices: Any) -> Recipe:
    """A network with batch normalisation on the embedded set, whose boxes are exact."""
    return recipe(network, "on embedded things", "quick", **choices)
