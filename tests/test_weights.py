"""Nets in files: whole, with what is needed to use them, or not at all."""

import errno
import os
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.evaluation.posteriors import posteriors, top_errors
from vgg_lib.evidence.store import recorded
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import NETWORKS
from vgg_lib.networks.weight_files import read_tensors
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import carried, load_net, run_of, save_net


def small(name="A", **choices):
    return vgg(name, **{"num_classes": 4, "image_size": 32, "width": 1 / 16, "dropout": 0.25} | choices)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "net.safetensors"


@pytest.mark.parametrize(
    "net", [small("A"), small("C"), small("A-LRN"), small("D", batch_norm=True)], ids=["A", "C", "A-LRN", "D-bn"]
)
def test_a_net_comes_back_from_its_file(net, path):
    net.preprocessing = Preprocessing((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "BGR")
    net(torch.randn(8, 3, 32, 32))  # moves the batch normalisation's averages
    again, classes = load_net(save_net(net, path, classes=("cart", "seesaw", "crown", "table")))
    x = torch.randn(2, 3, 32, 32)
    assert classes == ("cart", "seesaw", "crown", "table")
    for field in ("name", "network", "num_classes", "image_size", "width", "batch_norm", "dropout", "preprocessing"):
        assert getattr(again, field) == getattr(net, field), field
    torch.testing.assert_close(again(x), net.eval()(x))


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_file_may_be_read_by_whom_its_user_lets_read(path, umask):
    before = os.umask(umask)
    try:
        save_net(small(), path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    net, run = small(), make_run("A", "quick")
    assert save_net(net, "~/net.safetensors", run=run) == tmp_path / "net.safetensors"
    assert load_net("~/net.safetensors")[0].network == net.network
    assert run_of("~/net.safetensors") == run


def test_a_loaded_net_is_ready_to_test_with(path):
    assert not load_net(save_net(small().train(), path))[0].training


def test_a_net_of_the_network_asked_for_is_given(path):
    assert load_net(save_net(small("B"), path), "B")[0].name == "B"


def test_a_net_of_another_network_is_refused(path):
    with pytest.raises(InputError, match="holds a net of network A, and D was asked for"):
        load_net(save_net(small(), path), "D")


def test_a_missing_file_is_named(path):
    with pytest.raises(InputError, match=r"no file of weights at .*net\.safetensors"):
        load_net(path)


def test_another_kind_of_file_is_called_that(tmp_path):
    torch.save({}, tmp_path / "w.pth")
    (tmp_path / "page.safetensors").write_text("<!DOCTYPE html>")
    with pytest.raises(InputError, match=r"w\.pth is not .* \(it is PyTorch's\): `load_published` reads weights"):
        load_net(tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"page\.safetensors is not .* \(it is a web page\): download the file it"):
        load_net(tmp_path / "page.safetensors")


@pytest.mark.parametrize("read", [load_net, read_tensors])
def test_a_file_that_may_not_be_read_is_named(path, monkeypatch, read):
    def refuse(path, *how):  # permissions themselves do not bind who runs tests as root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    save_net(small(), path)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"net\.safetensors cannot be read \(Permission denied\): check its perm"):
        read(path)


@pytest.mark.parametrize("kept", [0, 5, 500, -1])
def test_a_truncated_file_is_named(path, kept):
    save_net(small(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"net\.safetensors is not a whole safetensors file"):
        load_net(path)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        (None, "was not written by vgg_lib"),
        ({"format": "pt"}, "was not written by vgg_lib"),
        ({"vgg_lib": "no json"}, "does not describe a net"),
        ({"vgg_lib": "[]"}, "does not describe a net"),
        ({"vgg_lib": "{}"}, "does not describe a net"),
    ],
)
def test_weights_from_elsewhere_are_refused(tmp_path, metadata, says):
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors", metadata=metadata)
    with pytest.raises(InputError, match=rf"foreign\.safetensors .*{says}"):
        load_net(tmp_path / "foreign.safetensors")


def test_a_full_disk_leaves_nothing(path, full_disk):
    with full_disk(1000), pytest.raises(InputError, match=r"net\.safetensors cannot be written .*free some space"):
        save_net(small(), path)
    assert list(path.parent.iterdir()) == []


def test_a_full_disk_leaves_the_net_that_was_there(path, full_disk):
    before = save_net(small(), path).read_bytes()
    with full_disk(1000), pytest.raises(InputError):
        save_net(small(), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("described", ["[]", "{}", '{"run": "0123456789abcdef"}', '{"run": {"network": "A"}}'])
def test_a_run_that_cannot_be_read_is_refused(tmp_path, described):
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors", metadata={"vgg_lib": described})
    with pytest.raises(InputError, match=r"foreign\.safetensors does not describe a (run|net)"):
        run_of(tmp_path / "foreign.safetensors")


CARRIED = Path(str(files("vgg_lib"))) / "weights_carried" / "things.safetensors"


def test_weights_know_the_run_that_made_them(path):
    run = make_run("A", "quick", seed=3, scale=(36, 72))
    assert run_of(save_net(small(), path, run=run)) == run


def test_weights_that_no_run_made_say_so(path):
    with pytest.raises(InputError, match=r"net\.safetensors does not say which run made it"):
        run_of(save_net(small(), path))


def test_the_carried_weights_were_made_by_the_recorded_run():
    [record] = recorded("things")
    assert run_of(CARRIED).key == record.key


def test_the_carried_net_is_a_and_knows_the_embedded_things():
    net, classes = carried()
    assert (net.name, net.network) == ("A", NETWORKS["A"])
    assert classes == embedded("train").classes


def test_the_carried_net_errs_as_its_record_says():
    """To within 2 points: other processors round otherwise."""
    [record] = recorded("things")
    held_out = embedded("train").held_out()
    errors = top_errors(posteriors(carried()[0], held_out.images, record.run.protocol), held_out.labels)
    assert errors["top1"] == pytest.approx(record.error, abs=2)
