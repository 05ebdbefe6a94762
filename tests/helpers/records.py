"""A record as it might have come out of a run."""

from vgg_lib.evidence.records import Evaluation, Record
from vgg_lib.training.runs import make_run

RUN = make_run("A", "quick")


def a_record(run=RUN, **choices):
    evaluation = Evaluation(run.protocol, "held-out", {"top1": 25.0}, "0123", "0129")
    return Record(
        **{
            "run": run,
            "outcome": "finished",
            "evaluations": (evaluation,),
            "losses": (2.3, 1.1),
            "seconds": 1.5,
            "memory": None,
            "data": {"train": "ab"},
            "machine": {"device": "cpu", "threads": 2},
            "date": "2014-09-04",
        }
        | choices
    )
