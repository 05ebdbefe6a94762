"""Real commands, as a user would type them: exit codes, messages, and what is left on disk."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vgg_lib.cli import main
from vgg_lib.embedded import embedded
from vgg_lib.runs import Store


def command(*words, home: Path, **more) -> subprocess.CompletedProcess[str]:
    """Run ``vgg-lib`` with its data and cache folders below ``home``, and no Imagenette named."""
    return subprocess.run(
        [sys.executable, "-m", "vgg_lib", *map(str, words)],
        env=environment(home),
        capture_output=True,
        text=True,
        **more,
    )


def environment(home: Path) -> dict[str, str]:
    named = {k: v for k, v in os.environ.items() if k != "VGG_LIB_DATA"}
    return named | {"HOME": str(home), "XDG_DATA_HOME": str(home), "VGG_LIB_CACHE": str(home / "cache")}


def test_describe_counts_vgg16(tmp_path):
    shown = command("describe", "D", home=tmp_path).stdout
    assert "138,357,544 parameters" in shown
    assert "15.470 G multiply-adds" in shown


def test_train_evaluate_predict_go_end_to_end(tmp_path):
    trained = command("train", "--network", "A", "--preset", "quick", "--epochs", 2, home=tmp_path)
    assert trained.returncode == 0, trained.stderr
    [record] = Store(tmp_path / "vgg_lib" / "records.jsonl")
    assert f"top-1 error {record.error:.1f} %" in trained.stdout

    tested = command("evaluate", "--network", "A", home=tmp_path)
    assert f"top1 error {record.error:.1f} %" in tested.stdout

    photo = tmp_path / "photo.png"
    Image.fromarray(embedded("val").images[0].permute(1, 2, 0).numpy()).save(photo)
    said = command("predict", photo, "--top", 3, home=tmp_path).stdout.splitlines()
    assert said[0] == str(photo)
    assert len(said) == 4 and all(line.endswith("%") for line in said[1:])


def test_a_diverged_run_is_recorded_and_says_so(tmp_path):
    # A rate of 50 is out of bounds for any network and any machine.
    run = command("train", "--epochs", 1, "--learning-rate", 50, home=tmp_path)
    assert run.returncode == 3
    assert "diverged" in run.stdout
    [record] = Store(tmp_path / "vgg_lib" / "records.jsonl")
    assert (record.outcome, record.error) == ("diverged", 90.0)


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "vgg_lib", "train", "--epochs", "500"],
        env=environment(tmp_path) | {"TQDM_DISABLE": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = ""
    while "loss=" not in seen:  # the first step is done
        seen += process.stderr.read(20)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "no weights and no record were written" in rest
    assert not list(tmp_path.rglob("*.safetensors")) + list(tmp_path.rglob("*.jsonl"))


def test_a_full_disk_keeps_the_record_and_leaves_no_half_file(tmp_path):
    def room_for_a_record_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    run = command("train", "--epochs", 1, home=tmp_path, preexec_fn=room_for_a_record_only)
    assert run.returncode == 2
    assert "cannot be written" in run.stderr and "free some space" in run.stderr
    assert [path.name for path in (tmp_path / "vgg_lib").iterdir()] == ["records.jsonl"]
    assert len(list(Store(tmp_path / "vgg_lib" / "records.jsonl"))) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["describe", "F"], "unknown network 'F': choose from A, A-LRN, B"),
        (["train", "--preset", "desk"], "unknown preset 'desk': choose from quick, laptop, paper"),
        (["train", "--scale", "20"], "does not hold the crop of 32 pixels"),
        (["train", "--scale", "wide"], "training scale 'wide' is not of the form 73 or 73-146"),
        (["claim", "width"], "unknown claim 'width': choose from stacking"),
        (["describe", "D", "--width", "0.001"], "width 0.001 leaves conv1_1 without channels: choose 1/64"),
        (["describe", "D", "--image-size", "31"], "image size 31 is too small"),
        (["evaluate"], "run `vgg-lib train` first"),
        (["predict", "none.jpg", "--weights", "none.safetensors"], "there is no file of weights at none.safetensors"),
        (["train", "--preset", "laptop", "--data", "nowhere"], "the data folder is nowhere, which is no folder"),
    ],
)
def test_bad_input_names_thing_value_and_way_out(tmp_path, monkeypatch, capsys, words, message):
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vgg-lib", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_the_data_it_did_not_find_and_times_each_preset(tmp_path):
    shown = command("doctor", home=tmp_path).stdout
    assert "not found: set VGG_LIB_DATA" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("preset")] == ["quick", "laptop", "paper"]
