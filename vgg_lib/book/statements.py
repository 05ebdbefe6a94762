"""What the paper says, sentence by sentence (§§2–4, App. A and B), and what this book does with each."""

from __future__ import annotations

from dataclasses import dataclass

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.verdicts import status, verdicts


@dataclass(frozen=True, slots=True)
class Statement:
    """Words of the paper, and where they are tested.

    ``claim`` is the claim whose verdict judges them; ``page`` the chapter or page that computes or shows them. ``why``
    says how the claim differs from the words or, without a claim, what was done instead of a test.
    """

    where: str
    words: str
    claim: str | None = None
    page: str | None = None
    why: str = ""


_CH = {
    int(name[2:4]): f"../notebooks/{name}.ipynb"
    for name in (
        *("ch01_six_networks", "ch02_small_filters", "ch03_training", "ch04_depth", "ch05_lrn", "ch06_small_filters"),
        *("ch07_context", "ch08_scale_jitter", "ch09_initialisation", "ch11_testing", "ch13_scaling_up"),
        "ch15_transfer",
    )
}

#: In the order of the paper. Quotations are short; what is not in quotation marks is a fact of the paper in our words.
STATEMENTS = (
    Statement(
        "§2.1",
        "“The only pre-processing we do is subtracting the mean RGB value”",
        None,
        _CH[9],
        "the inputs of `bad-start`",
    ),
    Statement(
        "§2.1",
        "1×1 filters are “a linear transformation of the input channels”",
        None,
        _CH[7],
        "shown: they see one place",
    ),
    Statement(
        "§2.1",
        "LRN “does not improve the performance on the ILSVRC dataset”",
        "lrn",
        why="the rule asks for less than a point, either way; A-LRN errs less here",
    ),
    Statement(
        "§2.1", "LRN leads to “increased memory consumption and computation time”", None, _CH[5], "computed, measured"
    ),
    Statement("§2.1", "All networks but one train without normalisation", "no-normalisation"),
    Statement("Table 2", "133, 133, 134, 138 and 144 million parameters", None, _CH[1], "computed exactly"),
    Statement(
        "§2.2",
        "“the number of weights in our nets is not greater” than in a shallower net of wider layers, 144 million",
        None,
        _CH[1],
        "computed: holds at the paper’s precision",
    ),
    Statement("§2.3", "Two 3×3 layers see 5×5, three see 7×7", "stacking", _CH[2]),
    Statement("§2.3", "A 7×7 layer has 49C² weights against 27C², “81% more”", "stacking", _CH[2]),
    Statement(
        "§2.3",
        "More rectifications make “the decision function more discriminative”",
        None,
        _CH[6],
        "not tested apart; `small-filters` tests the whole",
    ),
    Statement(
        "§2.3",
        "A stack imposes “a regularisation” on a large filter",
        None,
        _CH[6],
        "weights counted, not tested",
    ),
    Statement(
        "§3.1",
        "Batches of 256, momentum 0.9, weight decay 5·10⁻⁴, dropout 0.5",
        None,
        _CH[3],
        "preset `paper`; `laptop` has batches of 64",
    ),
    Statement("§3.1", "370,000 iterations, 74 epochs", None, _CH[3], "needs ImageNet; preset `paper` has its epochs"),
    Statement(
        "§3.1",
        "Fewer epochs than Krizhevsky’s nets by “implicit regularisation” and pre-initialisation: “we conjecture”",
        None,
        None,
        "not tested",
    ),
    Statement(
        "§3.1", "“bad initialisation can stall learning”, and Glorot’s trains “without pre-training”", "bad-start"
    ),
    Statement(
        "§3.1",
        "Net A starts the deeper nets",
        "warm-start",
        why="the rule asks whether D errs less than from He’s weights; every D that starts so trains",
    ),
    Statement(
        "§3.1", "S sampled from [256;512] sees objects at many scales", None, _CH[8], "shown; `jitter` tests the gain"
    ),
    Statement(
        "§3.2", "“The fully-connected layers are first converted to convolutional layers”", None, _CH[11], "shown equal"
    ),
    Statement(
        "§3.2",
        "In a dense test “the padding for the same crop naturally comes from the neighbouring parts of an image”",
        None,
        _CH[11],
        "shown; not tested as the reason why the two are complementary",
    ),
    Statement(
        "§3.3", "With several GPUs “the result is exactly the same”", None, _CH[13], "shown for the gradient of a step"
    ),
    Statement(
        "§3.3", "Four GPUs are 3.75 times as fast as one", None, _CH[13], "taken as given; the link’s speed follows"
    ),
    Statement(
        "§3.3", "A training took two to three weeks", None, _CH[13], "taken as given; how busy the GPUs were follows"
    ),
    Statement("§4.1", "A-LRN “does not improve on the model A”", "lrn", why="as above"),
    Statement(
        "§4.1",
        "“the classification error decreases with the increased ConvNet depth”, from 11 to 19 layers",
        "depth",
        why="A and D, 11 and 16 layers, with batch normalisation",
    ),
    Statement(
        "§4.1",
        "The same for nets without normalisation, as the paper trained them",
        "depth-plain",
        why="A and D, 40 epochs; D errs more here",
    ),
    Statement("§4.1", "The error “saturates when the depth reaches 19 layers”", None, _CH[4], "described, no rule"),
    Statement(
        "§4.1",
        "“the additional non-linearity does help (C is better than B)”",
        None,
        _CH[7],
        "described, no rule; C is not better here",
    ),
    Statement("§4.1", "“it is also important to capture spatial context” (D is better than C)", "context"),
    Statement("§4.1", "The shallow net’s error is “7% higher than that of B (on a center crop)”", "small-filters"),
    Statement("§4.1", "Scale jittering “leads to significantly better results”", "jitter"),
    Statement(
        "§4.2",
        "“large discrepancy between training and testing scales leads to a drop in performance”",
        None,
        _CH[8],
        "described, no rule",
    ),
    Statement("§4.2", "“scale jittering at test time leads to better performance”", "multi-scale", _CH[11]),
    Statement("§4.3", "Dense testing and crops are close: D errs 24.8 and 24.6 %", "dense-vs-crops", _CH[11]),
    Statement(
        "§4.3", "Crops do “slightly better than dense evaluation”", None, _CH[11], "described, no rule; they do here"
    ),
    Statement("§4.3", "The two are “indeed complementary”", "complementary", _CH[11]),
    Statement("§4.4", "Combining nets helps “due to complementarity of the models”", "fusion", _CH[11]),
    Statement(
        "§4.5", "7.3 % top-5 test error with seven nets, 6.8 % with two", None, None, "needs ImageNet’s test server"
    ),
    Statement("App. A", "A box for each class errs less than one for all", "class-boxes"),
    Statement("App. A", "Fine-tuning all layers errs less than only the fully connected ones", "tuned-boxes"),
    Statement(
        "App. B",
        "Features of the last hidden layer do well on other data sets",
        "transfer",
        why="better than those of an untrained net; in no trained net are they the best layer’s",
    ),
    Statement(
        "App. B",
        "Averaging several scales does as well as stacking them on VOC, and worse on Caltech",
        None,
        _CH[15],
        "needs VOC and Caltech",
    ),
)


def statements() -> str:
    """All statements as a Markdown table; ``book/statements_table.md`` is this text."""
    judged = verdicts()
    lines = ["| where | the paper | what became of it | where to read |", "| --- | --- | --- | --- |"]
    for one in STATEMENTS:
        chapter = CLAIMS[one.claim].chapter if one.claim else None
        page = one.page or (f"../notebooks/{chapter}.ipynb" if chapter else None)
        verdict = f"`{one.claim}`: {status(judged[one.claim])}" if one.claim else ""
        told = "; ".join(filter(None, (verdict, one.why)))
        link = f"[chapter {int(page.split('/ch')[1][:2])}]({page})" if page else "–"
        lines.append(f"| {one.where} | {one.words} | {told} | {link} |")
    return "\n".join(lines) + "\n"
