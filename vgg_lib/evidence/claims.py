"""The paper's claims as data: what is said, where, with which numbers, and the rule that judges it.

A rule is committed before the records that it judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vgg_lib.basics.errors import check_choice
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence import paper
from vgg_lib.evidence.arms import Arm, arm
from vgg_lib.evidence.recipes import Recipe, at_the_papers_input_scale, fine_tuned, normalised, on_things, plain
from vgg_lib.evidence.rules import Equivalence, EveryRun, Exact, Rule, Superiority
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.initialisation import Initialisation
from vgg_lib.networks.table import conv


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


#: The training scales of Table 3 at this size, and the jittered one.
S_SMALL, S_LARGE, JITTER = 73, 110, (73, 146)

#: Test scales for several at once. Dense testing drops what its last pool does not fill, 13 % of each side at 73, 110
#: and 146, the paper's rule for these nets; at multiples of 32 it drops nothing. These show what was left at those.
SEVERAL = (64, 96, 128)

#: Of them, the scales at which there is more than one crop to test.
LARGER = (96, 128)

#: Test scales at which the nets of the jitter claim are compared beside its rule.
RANGE = (64, 73, 82, 96, 110, 120, 128, 146)

#: The two readings of "10⁻² variance", each as it stands and with the fan-in corrected for these narrower nets.
SIGMAS = (0.01, 0.1)

_D_JITTERED, _E_JITTERED = normalised("D", JITTER), normalised("E", JITTER)
_D_LARGER = fine_tuned(normalised("D", S_SMALL), S_LARGE)
_D_WARM = plain("D", start_from=plain("A"))

_THINGS = on_things("D")

#: One size up: the crop and the scale of preset ``laptop``, whose last map has 2×2 places where that of 32 has one.
_THINGS_UP = on_things("D", crop=64, scale=S_SMALL)

_DENSE = arm(_D_JITTERED, protocol=Protocol(LARGER))
_CROPS = arm(_D_JITTERED, protocol=Protocol(LARGER, dense=False, grid=5))
_BOTH = arm(_D_JITTERED, protocol=Protocol(LARGER, grid=5))


def _pool(make: Callable[[str], Recipe], *networks: str) -> tuple[Arm, ...]:
    return tuple(arm(make(network)) for network in networks)


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a verdict and decides nothing: arms, and how many seeds of them are trained."""

    arms: tuple[Arm, ...]
    seeds: int


def beside(*arms: Arm, seeds: int) -> Beside:
    """Arms that are described beside a verdict."""
    return Beside(arms, seeds)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    ``short`` is what a list calls it. ``numbers`` tells the paper's own numbers, read from its tables; errors are top-1
    in percent. ``chapter`` is the notebook that tests it, where there is one. ``rule`` is how it is judged; a claim
    without one has nothing committed yet. ``beside`` is trained and shown with it, and judges nothing. ``measures``
    name what is measured of its nets to explain what came out, of those that have it.
    """

    id: str
    short: str
    statement: str
    where: str
    numbers: Callable[[], str]
    chapter: str | None = None
    rule: Rule | None = None
    beside: tuple[Beside, ...] = ()
    measures: tuple[str, ...] = ()


#: In the order of the paper.
CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim(
            "no-normalisation",
            "training without normalisation",
            "Deep networks train without any normalisation layer",
            "§2.1",
            lambda: _line(3, ["B", "C", "D", "E"], ", ", S="256"),
            chapter="ch10_no_normalisation",
            rule=EveryRun(trains=tuple(map(plain, ("B", "C", "D", "E")))),
        ),
        Claim(
            "stacking",
            "stacks of 3×3 layers",
            "Stacked 3×3 layers see as far as one large filter, with fewer weights",
            "§2.3",
            lambda: "27C² against 49C² weights, 81 % more",
            chapter="ch02_small_filters",
            rule=Exact(stacking_holds),
        ),
        Claim(
            "warm-start",
            "a warm start",
            "Starting from a trained A lowers the error of D",
            "§3.1",
            lambda: "no numbers given",
            chapter="ch09_initialisation",
            rule=Superiority((arm(plain("D")),), arm(_D_WARM), pool=_pool(plain, "A")),
            # The epochs of A and D together, spent on D alone.
            beside=(beside(arm(plain("D", epochs=80)), seeds=3),),
        ),
        Claim(
            "bad-start",
            "a bad start",
            "A bad start stalls the learning of a deep network, and Glorot’s does not",
            "§3.1",
            lambda: "no numbers given",
            chapter="ch09_initialisation",
            rule=EveryRun(
                trains=(at_the_papers_input_scale("D", Initialisation("glorot")),),
                stalls=tuple(at_the_papers_input_scale("D", Initialisation("normal-fan-in", s)) for s in SIGMAS),
                loss=1.8,  # clearly less than guessing's 2.3: ten epochs are not meant to finish the training
                error=70.0,
            ),
            beside=(
                beside(
                    *(arm(at_the_papers_input_scale("D", Initialisation("normal", s))) for s in SIGMAS),
                    arm(at_the_papers_input_scale("D", Initialisation("he"))),
                    *(arm(at_the_papers_input_scale("A", Initialisation("normal-fan-in", s))) for s in SIGMAS),
                    seeds=3,
                ),
            ),
            measures=("signals",),
        ),
        Claim(
            "depth",
            "depth",
            "Depth lowers the error of batch-normalised networks, from 11 weight layers to 16",
            "§4.1, Table 3",
            lambda: _line(3, ["A", "B", "C", "D", "E"], S="256"),
            chapter="ch04_depth",
            rule=Superiority((arm(normalised("A")),), arm(normalised("D")), pool=_pool(normalised, "B-5x5", "B", "C")),
            beside=(
                beside(arm(normalised("B")), arm(normalised("C")), seeds=5),
                beside(arm(normalised("E")), seeds=3),
            ),
        ),
        Claim(
            "depth-plain",
            "depth without normalisation",
            "Depth lowers the error of plain networks, all trained for the same number of epochs",
            "§4.1, Table 3",
            lambda: _line(3, ["A", "B", "C", "D", "E"], S="256"),
            chapter="ch04_depth",
            rule=Superiority((arm(plain("A")),), arm(plain("D")), pool=(arm(_D_WARM),)),
            beside=(beside(*map(arm, map(plain, ("B", "C", "E"))), seeds=3),),
        ),
        Claim(
            "lrn",
            "response normalisation",
            "Local response normalisation changes the error by less than a point",
            "§4.1, Table 3",
            lambda: _line(3, ["A", "A-LRN"], ", ", S="256"),
            chapter="ch05_lrn",
            rule=Equivalence(arm(plain("A-LRN")), arm(plain("A")), seeds=10),
            # With inputs of size 1 LRN hardly differs from a constant: that constant, and LRN whose neighbours count.
            beside=(beside(arm(plain("A-constant")), arm(plain("A-LRN-strong")), seeds=10),),
            measures=("neighbours",),
        ),
        Claim(
            "small-filters",
            "small filters",
            "A deep net of small filters beats a shallow one of larger filters",
            "§4.1",
            lambda: "the shallow net's error is 7 % higher",
            chapter="ch06_small_filters",
            rule=Superiority((arm(normalised("B-5x5")),), arm(normalised("B")), pool=_pool(normalised, "A", "C", "D")),
            beside=(beside(arm(normalised("D-7x7")), arm(normalised("B-5x5-narrow")), seeds=3),),
        ),
        Claim(
            "context",
            "context",
            "Spatial context matters: 3×3 layers beat 1×1 layers at equal depth",
            "§4.1, Table 3",
            lambda: _line(3, ["C", "D"], S="256"),
            chapter="ch07_context",
            rule=Superiority((arm(normalised("C")),), arm(normalised("D")), pool=_pool(normalised, "A", "B-5x5", "B")),
        ),
        Claim(
            "jitter",
            "scale jitter",
            "Training at sampled scales helps even at one test scale",
            "§4.1, Table 3",
            lambda: "D " + " → ".join(_errors(3, network="D", S=["256", "384", "[256;512]"])),
            chapter="ch08_scale_jitter",
            rule=Superiority((arm(normalised("D", S_SMALL)), arm(normalised("D", S_LARGE))), arm(_D_JITTERED)),
            beside=(
                beside(
                    *(
                        arm(normalised("D", scale), protocol=Protocol((q,)))
                        for scale in (S_SMALL, S_LARGE, JITTER)
                        for q in RANGE
                    ),
                    seeds=5,
                ),
                # As the paper trained it: S = 384 begins with the weights of S = 256, and the jittered net with those.
                beside(arm(_D_LARGER), arm(fine_tuned(_D_LARGER, JITTER)), seeds=2),
            ),
        ),
        Claim(
            "multi-scale",
            "several test scales",
            "Testing at several scales beats testing at one",
            "§4.2, Table 4",
            lambda: "D " + " → ".join(_errors(3, network="D", S="[256;512]") + _errors(4, network="D", S="[256;512]")),
            chapter="ch11_testing",
            rule=Superiority(
                tuple(arm(_D_JITTERED, protocol=Protocol((q,))) for q in SEVERAL),
                arm(_D_JITTERED, protocol=Protocol(SEVERAL)),
            ),
        ),
        Claim(
            "dense-vs-crops",
            "dense against crops",
            "Dense and multi-crop testing are close: less than a point apart",
            "§4.3, Table 5",
            lambda: "D dense {}, crops {}".format(*_errors(5, network="D")),
            chapter="ch11_testing",
            rule=Equivalence(_DENSE, _CROPS),
        ),
        Claim(
            "complementary",
            "dense and crops together",
            "Dense and multi-crop testing are complementary: both together beat each",
            "§4.3, Table 5",
            lambda: "D dense {}, crops {}, both {}".format(*_errors(5, network="D")),
            chapter="ch11_testing",
            rule=Superiority((_DENSE, _CROPS), _BOTH),
        ),
        Claim(
            "fusion",
            "two networks together",
            "Averaging the posteriors of two networks helps",
            "§4.4, Table 6",
            lambda: "D {}, E {}, D and E {} (dense)".format(*(_errors(5, network=n)[0] for n in "DE"), _errors(6)[1]),
            chapter="ch11_testing",
            rule=Superiority(
                (arm(_D_JITTERED, protocol=Protocol(SEVERAL)), arm(_E_JITTERED, protocol=Protocol(SEVERAL))),
                arm(_D_JITTERED, _E_JITTERED, protocol=Protocol(SEVERAL)),
            ),
        ),
        Claim(
            "class-boxes",
            "a box for each class",
            "A box for each class beats one box for all classes",
            "App. A, Table 8",
            lambda: " → ".join(_errors(8, "error")[:2]),
            chapter="ch14_localisation",
            rule=Superiority((arm(_THINGS, measured="SCR.error"),), arm(_THINGS, measured="PCR.error")),
            beside=(beside(*(arm(_THINGS_UP, measured=f"{net}.error") for net in ("SCR", "PCR")), seeds=3),),
        ),
        Claim(
            "tuned-boxes",
            "boxes from all layers",
            "To predict boxes, fine-tuning all layers beats fine-tuning the fully connected ones",
            "App. A, Table 8",
            lambda: " → ".join(_errors(8, "error")[1:]),
            chapter="ch14_localisation",
            rule=Superiority((arm(_THINGS, measured="PCR.error"),), arm(_THINGS, measured="PCR-all.error")),
            beside=(beside(*(arm(_THINGS_UP, measured=f"{net}.error") for net in ("PCR", "PCR-all")), seeds=3),),
        ),
        Claim(
            "transfer",
            "transfer",
            "Features frozen after training do better on other pictures than those of an untrained net",
            "App. B, Table 11",
            lambda: f"VOC-2007 {paper.table(11)['VOC-2007 mAP'][2]} mAP (D and E)",
            chapter="ch15_transfer",
            rule=Superiority(
                (arm(normalised("D"), measured="untrained.error"),), arm(normalised("D"), measured="transfer.error")
            ),
            beside=(
                beside(
                    *(arm(normalised(net), measured="transfer.error") for net in ("A", "B-5x5", "B", "C")),
                    arm(_D_JITTERED, measured="transfer.error"),
                    seeds=5,
                ),
                beside(arm(normalised("E"), measured="transfer.error"), seeds=3),
            ),
        ),
    )
}


def claim(name: str) -> Claim:
    """The claim of that name; raises :class:`~vgg_lib.basics.errors.InputError` for one that does not exist."""
    check_choice("claim", name, CLAIMS)
    return CLAIMS[name]
