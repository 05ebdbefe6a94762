"""The paper's claims as data: what is said, where, with which numbers; and the scoreboard made of them.

An arithmetic claim carries its check and has its verdict at once. The others get their comparison, direction and
rule in the commit before the runs that they judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vgg_lib.basics.errors import check_choice
from vgg_lib.data.rescaling import Scale
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import paper
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.table import conv

Verdict = Literal["reproduced", "contradicted", "inconclusive", "to be tested"]


def stacking_holds() -> bool:
    """§2.3: two 3×3 see 5×5, three see 7×7, and one 7×7 has 49C² weights, 81 % more than their 27C²."""
    sees_as_far = receptive_field([conv(1)] * 2) == 5 and receptive_field([conv(1)] * 3) == 7
    weights_of_three, weights_of_one = 3 * 3**2, 7**2
    return sees_as_far and round(100 * (weights_of_one / weights_of_three - 1)) == 81


def _errors(number: int, column: str = "top1", **where: str | list[str]) -> list[str]:
    """The paper's errors in the rows of a table that match, as text with one digit."""
    rows = paper.table(number)
    for name, value in where.items():
        rows = rows[rows[name].isin(value) if isinstance(value, list) else rows[name] == value]
    return [f"{error:.1f}" for error in rows[column]]


def _line(number: int, networks: list[str], sign: str = " → ", **where: str | list[str]) -> str:
    errors = _errors(number, "top1", network=networks, **where)
    return sign.join(f"{name} {error}" for name, error in zip(networks, errors, strict=True))


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: nets (fused where there are several), how they are trained, how they are tested."""

    networks: tuple[str, ...]
    scale: Scale
    protocol: Protocol

    def __str__(self) -> str:
        """Such as ``D and E, S = [73;146], dense at Q = 110, mirrored too``."""
        s = self.scale if isinstance(self.scale, int) else f"[{self.scale[0]};{self.scale[1]}]"
        return f"{' and '.join(self.networks)}, S = {s}, {self.protocol}"


@dataclass(frozen=True)
class Rule:
    """How a claim is judged, committed before the records that it judges.

    The one primary contrast is the top-1 error of ``baseline`` less that of ``challenger``, in percentage points, on
    the validation images, paired by seed over ``seeds`` runs an arm of preset ``laptop`` that train on all training
    photographs. Where ``baseline`` names several arms it is, seed by seed, the one with the least error, which can
    only hurt the claim. *Superiority*: reproduced when the contrast is significantly above 0 (Holm over all claims,
    5 %), contradicted when significantly below, else inconclusive.
    """

    kind: Literal["superiority"]
    baseline: tuple[Arm, ...]
    challenger: Arm
    seeds: int = 5

    def __str__(self) -> str:
        """The rule as a sentence."""
        least = "the better of " if len(self.baseline) > 1 else ""
        return (
            f"{self.kind} over {self.seeds} seeds: the error of {least}"
            f"({' | '.join(map(str, self.baseline))}) less that of ({self.challenger}) is above 0"
        )


#: The jittered training scale of preset ``laptop``, and the three test scales that the paper's rule gives for it.
JITTER, MIDDLE, SEVERAL = (73, 146), (110,), (73, 110, 146)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    ``numbers`` tells the paper's own figures, read from its tables; errors are top-1 in percent. ``chapter`` is the
    notebook that tests it, where there is one. ``holds`` is the check of an arithmetic claim, ``rule`` how any other
    is judged; a claim with neither has nothing committed yet.
    """

    id: str
    statement: str
    where: str
    numbers: Callable[[], str]
    chapter: str | None = None
    holds: Callable[[], bool] | None = None
    rule: Rule | None = None

    def verdict(self) -> Verdict:
        """What the check says; *to be tested* while there are no records for the claim's rule to judge."""
        if self.holds is None:
            return "to be tested"
        return "reproduced" if self.holds() else "contradicted"


#: In the order of the paper.
CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim(
            "stacking",
            "Stacked 3×3 layers see as far as one large filter, with fewer weights",
            "§2.3",
            lambda: "27C² against 49C² weights, 81 % more",
            chapter="ch02_small_filters",
            holds=stacking_holds,
        ),
        Claim(
            "no-normalisation",
            "Deep networks train without any normalisation layer",
            "§2.1",
            lambda: _line(3, ["B", "C", "D", "E"], ", ", S="256"),
        ),
        Claim(
            "warm-start",
            "A trained shallow network can start a deep one; a bad start stalls learning",
            "§3.1",
            lambda: "no figures given",
        ),
        Claim(
            "depth",
            "Depth lowers the error, and saturates at 19 weight layers",
            "§4.1, Table 3",
            lambda: _line(3, ["A", "B", "C", "D", "E"], S="256"),
        ),
        Claim(
            "lrn",
            "Local response normalisation does not help",
            "§4.1, Table 3",
            lambda: _line(3, ["A", "A-LRN"], ", ", S="256"),
        ),
        Claim(
            "small-filters",
            "A deep net of small filters beats a shallow one of larger filters",
            "§4.1",
            lambda: "the shallow net's error is 7 % higher",
        ),
        Claim(
            "context",
            "Spatial context matters: 3×3 layers beat 1×1 layers at equal depth",
            "§4.1, Table 3",
            lambda: _line(3, ["C", "D"], S="256"),
        ),
        Claim(
            "jitter",
            "Training at sampled scales helps even at one test scale",
            "§4.1, Table 3",
            lambda: "D " + " → ".join(_errors(3, network="D", S=["384", "[256;512]"])),
        ),
        Claim(
            "multi-scale",
            "Testing at several scales beats testing at one",
            "§4.2, Table 4",
            lambda: "D " + " → ".join(_errors(3, network="D", S="[256;512]") + _errors(4, network="D", S="[256;512]")),
            chapter="ch11_testing",
            rule=Rule(
                "superiority",
                baseline=(Arm(("D",), JITTER, Protocol(MIDDLE)),),
                challenger=Arm(("D",), JITTER, Protocol(SEVERAL)),
            ),
        ),
        Claim(
            "dense-vs-crops",
            "Dense and multi-crop testing are close, and complementary",
            "§4.3, Table 5",
            lambda: "D dense {}, crops {}, both {}".format(*_errors(5, network="D")),
            chapter="ch11_testing",
            # One primary contrast a claim: "complementary" is judged, "close" is described beside it.
            rule=Rule(
                "superiority",
                baseline=(
                    Arm(("D",), JITTER, Protocol(SEVERAL)),
                    Arm(("D",), JITTER, Protocol(SEVERAL, dense=False, grid=5)),
                ),
                challenger=Arm(("D",), JITTER, Protocol(SEVERAL, grid=5)),
            ),
        ),
        Claim(
            "fusion",
            "Averaging the posteriors of two networks helps",
            "§4.4, Table 6",
            lambda: f"D alone {_errors(5, network='D')[0]}, D and E {_errors(6)[1]} (dense)",
            chapter="ch11_testing",
            rule=Rule(
                "superiority",
                baseline=(Arm(("D",), JITTER, Protocol(SEVERAL)), Arm(("E",), JITTER, Protocol(SEVERAL))),
                challenger=Arm(("D", "E"), JITTER, Protocol(SEVERAL)),
            ),
        ),
        Claim(
            "localisation",
            "Boxes of each class beat shared ones; fine-tuning all layers beats fine-tuning the last",
            "App. A, Table 8",
            lambda: " → ".join(_errors(8, "error")),
        ),
        Claim(
            "transfer",
            "Features frozen after training transfer to other data sets",
            "App. B, Table 11",
            lambda: f"VOC-2007 {paper.table(11)['VOC-2007 mAP'][2]} mAP (D and E)",
        ),
    )
}


def claim(name: str) -> Claim:
    """The claim of that name; raises :class:`~vgg_lib.basics.errors.InputError` for one that does not exist."""
    check_choice("claim", name, CLAIMS)
    return CLAIMS[name]
