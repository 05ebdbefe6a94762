"""A study of seconds with all that can happen to a run; as a script, the command line that knows it."""

from vgg_lib.cli import main
from vgg_lib.evidence.studies import STUDIES, Study
from vgg_lib.training.runs import make_run


def tiny(network="A", **choices):
    """A run of a second."""
    return make_run(network, "quick", **{"width": 1 / 16, "epochs": 1} | choices)


LONG = tiny(epochs=8)
DIVERGING = tiny(learning_rate=1e6)
FAILING = tiny(width=1 / 1024)  # a run can be made of it, but no net
TINY = Study("tiny", "?", lambda known, seeds: iter([LONG, DIVERGING, FAILING]), 1)
STUDIES["tiny"] = TINY

if __name__ == "__main__":
    main()
