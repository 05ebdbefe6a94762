"""Arithmetic of trainings: the counts behind it, and times that follow from it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.evidence.hardware import GPUS, PHOTOGRAPHS, SHARE, STEP, seconds, step_macs, steps, training_macs
from vgg_lib.evidence.store import recorded
from vgg_lib.networks.model import vgg
from vgg_lib.training.runs import make_run

A = make_run("A", "laptop")
RECORD = recorded("first").find(A)


def test_the_photographs_are_as_many_as_there_are():
    photos = embedded("train")
    assert PHOTOGRAPHS["embedded"] == (len(photos), len(photos.held_out()))
    assert PHOTOGRAPHS["imagenette"][1] == len(RECORD.evaluations[0].targets)


@pytest.mark.parametrize("network", ["A", "D"])
def test_a_step_takes_the_products_that_pytorch_counts_but_one(network):
    with torch.device("meta"):
        net = vgg(network, num_classes=10, image_size=64, width=1 / 4)
        x, y = torch.zeros(8, 3, 64, 64), torch.zeros(8, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        functional.cross_entropy(net(x), y).backward()
    first = 8 * 64 * 64 * 27 * 16  # the gradient for the photographs themselves, which nobody asks for
    size = {"num_classes": 10, "image_size": 64, "width": 1 / 4}
    assert counted.get_total_flops() == 2 * (step_macs(network, 8, **size) - first)


def test_steps_are_those_of_a_training():
    assert steps(A) == (9469 - 935) // 64 * 40
    assert steps(replace(A, train_on="all")) == 9469 // 64 * 40
    assert len(RECORD.losses) == A.preset.epochs
    assert (
        steps(make_run("A", "quick", batch_size=5000)) == make_run("A", "quick").preset.epochs
    )  # a batch is the whole set then


def test_a_records_pace_gives_its_own_seconds_and_scales_with_the_work():
    assert seconds(A, RECORD) == pytest.approx(RECORD.seconds)
    d = make_run("D", "laptop")
    assert seconds(d, RECORD) / seconds(A, RECORD) == pytest.approx(training_macs(d) / training_macs(A))


def test_a_record_that_did_not_finish_has_no_pace():
    with pytest.raises(InputError, match="diverged"):
        seconds(A, replace(RECORD, outcome="diverged"))


def test_a_run_costs_what_its_own_layers_do_whatever_its_network_is_called():
    assert training_macs(replace(A, network="D")) == training_macs(replace(A, network="gone")) == training_macs(A)


def test_seconds_on_a_gpu_are_products_at_its_rate_and_what_each_step_adds():
    gpu = GPUS["T4"]
    expected = 2 * training_macs(A) / (SHARE * 65e12) + steps(A) * STEP
    assert seconds(A, gpu) == pytest.approx(expected)
    assert seconds(A, gpu, share=1) < seconds(A, gpu)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_lies_between_nothing_and_all(share):
    with pytest.raises(InputError, match="share"):
        seconds(A, GPUS["T4"], share)


def test_each_gpu_has_its_source_in_the_bibliography():
    bibliography = (Path(__file__).parent.parent / "book" / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"@\w+{(\w+),", bibliography)
    assert {gpu.source for gpu in GPUS.values()} <= set(keys)
    assert len(keys) == len(set(keys))


def test_the_titan_blacks_peak_is_what_it_was_sold_with():
    assert round(GPUS["Titan Black"].peak / 1e12, 1) == 5.1
