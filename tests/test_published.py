"""Weights from elsewhere: torchvision's and the original release's, or a sentence that says why not."""

import pickle
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from vgg_lib.basics.errors import InputError
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.model import vgg
from vgg_lib.networks.published import CONVENTIONS, load_published
from vgg_lib.networks.table import Network, conv

TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}
AS_TORCHVISION_TESTS = Protocol((256,), dense=False, grid=1, mirror=False)


def small(network="A", *, image_size=32, **choices):
    """A net whose logits have a deviation of about 1 for inputs that do."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = vgg(network, **{"num_classes": 5, "image_size": image_size, "width": 1 / 16} | choices)
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    return net.eval()


def noise(height, width):
    return torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def by_the_papers_names(net):
    layers = net.weight_layers().items()
    return {f"{name}.{kind}": getattr(layer, kind).detach() for name, layer in layers for kind in ("weight", "bias")}


@pytest.fixture(scope="module")
def vgg11():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torchvision.models.vgg11(num_classes=5).eval()
    torch.nn.init.normal_(net.classifier[6].weight, generator=torch.Generator().manual_seed(0))
    return net


# Nothing is rescaled here: torchvision rounds rescaled pixels its own way.
@pytest.mark.parametrize("size", [(256, 256), (300, 256)], ids=str)
@torch.inference_mode()
def test_torchvisions_weights_say_of_a_photograph_what_they_say_in_torchvision(vgg11, size):
    photo = noise(*size)
    preprocess = torchvision.models.VGG11_Weights.IMAGENET1K_V1.transforms()
    theirs = vgg11(preprocess(photo)).softmax(1)
    assert theirs.std() > 0.1
    ours = posteriors(load_published(vgg11.state_dict(), "A"), photo, AS_TORCHVISION_TESTS)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", TORCHVISION)
def test_all_of_torchvisions_networks_are_taken(name, batch_norm):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(TORCHVISION[name] + "_bn" * batch_norm, num_classes=7)
        ours = load_published(theirs.state_dict(), name)
    assert (ours.name, ours.batch_norm, ours.num_classes, ours.width) == (name, batch_norm, 7, 1.0)


@pytest.fixture(params=["state_dict", "w.pth", "old.pth", "w.safetensors"])
def weights(request, tmp_path):
    """The weights of ``small()`` in each form they come in."""
    tensors, path = small().state_dict(), tmp_path / request.param
    if request.param == "state_dict":
        return tensors
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=path.stem == "w")
    return path


@torch.inference_mode()
def test_weights_are_the_same_from_any_form(weights):
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(load_published(weights, "A", image_size=32)(x), small()(x))


@pytest.mark.parametrize("network", ["A", "A-LRN", "C"])
@torch.inference_mode()
def test_the_papers_names_do_as_well(network):
    net = small(network)
    by_paper = by_the_papers_names(net)
    assert {"conv1_1.weight", "fc8.bias"} <= set(by_paper)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(load_published(by_paper, network, image_size=32)(x), net(x))


@pytest.mark.parametrize("choices", [{"num_classes": 3}, {"width": 1 / 32}, {"batch_norm": True}], ids=str)
def test_classes_width_and_batch_norm_are_read_off_the_tensors(choices):
    with torch.device("meta"):
        net = vgg("A", **{"num_classes": 5, "image_size": 32, "width": 1 / 16} | choices)
        loaded = load_published(net.state_dict(), "A", image_size=32)
    for field in ("num_classes", "width", "batch_norm"):
        assert getattr(loaded, field) == getattr(net, field), field


@pytest.mark.parametrize("network", ["A", "B-5x5-narrow"])
@pytest.mark.parametrize("width", [0.1, 1 / 4, 0.3, 1 / 3, 0.7])
@pytest.mark.parametrize("layers", ["all", "features alone"])
@pytest.mark.filterwarnings("ignore:the state_dict has no fc6")
def test_a_net_of_any_width_is_taken(network, width, layers):
    """Channels are rounded down, each layer's by another share."""
    with torch.device("meta"):
        net = vgg(network, num_classes=5, image_size=32, width=width)
    tensors = {name: torch.zeros(tensor.shape) for name, tensor in net.state_dict().items()}
    if layers != "all":
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("features")}
    loaded = load_published(tensors, network, image_size=32).state_dict()
    assert all(loaded[name].shape == tensor.shape for name, tensor in tensors.items())


def test_a_published_net_is_ready_to_test_with():
    assert not load_published(small().train().state_dict(), "A", image_size=32).training


def test_both_conventions_have_about_the_same_mean_colour():
    """ImageNet's, in other orders: 123.7 of red, 116.8 or 116.3 of green, 103.9 or 103.5 of blue."""
    assert CONVENTIONS["caffe"].mean[::-1] == pytest.approx(CONVENTIONS["torchvision"].mean, abs=0.6)


@torch.inference_mode()
def test_an_image_has_the_same_posteriors_in_either_convention():
    """First-layer weights: divided by the deviations, blue first; the bias takes up the means' difference.

    At a padded border it cannot, for there the padding stands for the mean: hence no padding.
    """
    network = Network((conv(64, padding=0),), (conv(128),))
    for_torchvision = small(network).state_dict()
    torchvisions, caffes = CONVENTIONS["torchvision"], CONVENTIONS["caffe"]
    apart = torch.tensor(caffes.mean).flip(0) - torch.tensor(torchvisions.mean)
    first = for_torchvision["features.0.weight"] / torch.tensor(torchvisions.deviation).view(3, 1, 1)
    for_caffe = for_torchvision | {
        "features.0.weight": first.flip(1),
        "features.0.bias": for_torchvision["features.0.bias"] + (first.sum((2, 3)) * apart).sum(1),
    }
    photo, protocol = noise(50, 40), Protocol((32, 40), grid=2)
    one, other = (
        posteriors(load_published(tensors, network, convention, image_size=32), photo, protocol)
        for tensors, convention in ((for_torchvision, "torchvision"), (for_caffe, "caffe"))
    )
    assert one.std() > 0.05
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"network": "F"}, "unknown network 'F': choose from A,"),
        ({"network": "A", "convention": "keras"}, "unknown convention 'keras': choose from torchvision, caffe"),
        ({"network": "B"}, r"the state_dict lacks features\.10\.bias, .* and \d+ more, .* hold network B"),
        ({"network": "A"}, r"where network A at 224 pixels has \(256, 1568\): these are weights of another network"),
    ],
    ids=["network", "convention", "lacking", "another size"],
)
def test_weights_are_refused_for_what_they_are_not_of(choices, says):
    with pytest.raises(InputError, match=says):
        load_published(small().state_dict(), **choices)


def test_tensors_that_are_left_over_are_named():
    with pytest.raises(InputError, match=r"the state_dict also has extra\.weight, so it does not hold network A"):
        load_published(small().state_dict() | {"extra.weight": torch.zeros(1)}, "A", image_size=32)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"no file of weights at none\.pth"):
        load_published("none.pth", "A")


@pytest.mark.parametrize("kept", [0, 5, 100, 20_000, -1])
@pytest.mark.parametrize("weights", ["w.pth", "w.safetensors"], indirect=True)
def test_a_truncated_file_is_named(weights, kept):
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=rf"{weights.name} is cut off or no file of weights \(.+\): get it again"):
        load_published(weights, "A", image_size=32)


@pytest.mark.parametrize("weights", ["old.pth"], indirect=True)
@pytest.mark.parametrize("kept", [*range(0, 1000, 50), -1])
def test_a_truncated_file_of_an_old_pytorch_is_named(weights, kept):
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"old\.pth (is cut off|holds more than tensors)"):
        load_published(weights, "A", image_size=32)


@pytest.mark.parametrize("weights", ["w.pth"], indirect=True)
@pytest.mark.parametrize("damage", [{b"PK\1\2": b"PK\1\0"}, {b"/data/0PK": b"\x80data/0PK"}])
def test_a_file_with_a_damaged_table_of_contents_is_named(weights, damage):
    content = weights.read_bytes()
    for whole, broken in damage.items():
        assert whole in content
        content = content.replace(whole, broken)
    weights.write_bytes(content)
    with pytest.raises(InputError, match=r"w\.pth is cut off or no file of weights \(.+\): get it again"):
        load_published(weights, "A", image_size=32)


class Code:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def bare_pickle(held, path):
    path.write_bytes(pickle.dumps(held, protocol=2))


@pytest.mark.parametrize("save", [torch.save, bare_pickle])
def test_code_in_a_file_is_not_run(tmp_path, save):
    trace, path = tmp_path / "it ran", tmp_path / "w.pth"
    save({"features.0.weight": Code(trace)}, path)
    with pytest.raises(InputError, match=r"w\.pth holds more than tensors, code perhaps: nothing of it was run"):
        load_published(path, "A")
    assert not trace.exists()
    with suppress(RuntimeError):  # read carelessly, the code runs
        torch.load(path, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize(
    "held",
    [torch.zeros(3), [torch.zeros(3)], {"epoch": 3, "config": {"lr": 0.1}}, {0: torch.zeros(3)}],
    ids=["tensor", "list", "checkpoint", "numbered"],
)
def test_what_is_no_state_dict_is_refused(tmp_path, held):
    torch.save(held, tmp_path / "w.pth")
    found = " of " + ", ".join(map(repr, held)) if isinstance(held, dict) else ""
    says = rf"w\.pth holds a {type(held).__name__}{found}, and a state_dict .* was expected"
    with pytest.raises(InputError, match=says):
        load_published(tmp_path / "w.pth", "A")


X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def as_the_authors_release(tensors):
    places = {"0": "1", "3": "4", "6": "6"}
    return {re.sub(r"classifier\.(\d)", lambda m: f"classifier.{places[m[1]]}", k): v for k, v in tensors.items()}


def optimiser():
    net = torch.nn.Linear(2, 2)
    return torch.optim.SGD(net.parameters(), 0.1, momentum=0.9).state_dict()


def as_timm(name):
    theirs = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    layer, _, kind = name.rpartition(".")
    return f"{theirs.get(layer, layer)}.{kind}"


#: What people's files hold of the weights of a net.
WRAPPINGS = {
    "state_dict": lambda w: {"state_dict": w, "epoch": 90, "optimizer": optimiser(), "arch": "vgg11"},
    "model": lambda w: {"model": w, "args": None},
    "model_state_dict": lambda w: {"epoch": 3, "model_state_dict": w, "optimizer_state_dict": optimiser()},
    "another name": lambda w: {"model_state": w, "optimizer": optimiser()},
    "averaged too": lambda w: {"ema": {k: 0 * v for k, v in w.items()}, "state_dict": w},
    "timm": lambda w: {f"model.{as_timm(k)}": v for k, v in w.items()},
    "twice": lambda w: {"model": {"state_dict": w}},
    "with numbers": lambda w: w | {"epoch": 3},
    "data parallel": lambda w: {f"module.{k}": v for k, v in w.items()},
    "data parallel inside": lambda w: {k.replace("features.", "features.module."): v for k, v in w.items()},
    "compiled": lambda w: {f"_orig_mod.{k}": v for k, v in w.items()},
    "a part of a model": lambda w: {f"model.backbone.{k}": v for k, v in w.items()},
    "convolutions for fc": lambda w: w | {"classifier.3.weight": w["classifier.3.weight"][:, :, None, None]},
    "float16": lambda w: {k: v.half() for k, v in w.items()},
    "float64": lambda w: {k: v.double() for k, v in w.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@torch.inference_mode()
def test_weights_are_found_in_what_people_save(tmp_path, wrapping):
    net = small()
    if wrapping == "float16":
        net = net.half().float()
    torch.save(WRAPPINGS[wrapping](dict(net.state_dict())), tmp_path / "w.pth")
    torch.testing.assert_close(load_published(tmp_path / "w.pth", "A", image_size=32)(X), net(X))


@pytest.mark.parametrize("batch_norm", [False, True])
@torch.inference_mode()
def test_wrapped_names_of_normalised_nets_and_the_papers_do_as_well(batch_norm):
    net = small(batch_norm=batch_norm)
    tensors = {f"module.{k}": v for k, v in net.state_dict().items() if "num_batches_tracked" not in k}
    torch.testing.assert_close(load_published(tensors, "A", image_size=32)(X), net(X))
    if not batch_norm:
        tensors = {f"module.{k}": v for k, v in by_the_papers_names(net).items()}
        torch.testing.assert_close(load_published(tensors, "A", image_size=32)(X), net(X))


@torch.inference_mode()
def test_the_layout_of_the_authors_release_is_read_and_asks_for_its_convention():
    net = small()
    released = as_the_authors_release(net.state_dict())
    assert {"classifier.1.weight", "classifier.4.weight"} <= set(released)
    torch.testing.assert_close(load_published(released, "A", "caffe", image_size=32)(X), net(X))
    with pytest.warns(UserWarning, match="named like the conversion of the authors' release.* convention='caffe'"):
        load_published(released, "A", image_size=32)


def only(part):
    return lambda w: {k: v for k, v in w.items() if k.startswith(part)}


@pytest.mark.parametrize(
    ("keep", "lost"),
    [
        (only("features"), "fc6, fc7, fc8"),
        (lambda w: {k.removeprefix("features."): v for k, v in only("features")(w).items()}, "fc6, fc7, fc8"),
        (lambda w: {k: v for k, v in w.items() if not k.startswith("classifier.6")}, "fc8"),
    ],
    ids=["features", "numbers", "no fc8"],
)
@torch.inference_mode()
def test_features_alone_are_loaded_and_what_is_missing_is_told(keep, lost):
    net = small()
    with pytest.warns(UserWarning, match=f"the state_dict has no {lost}: the net has its features, and cannot tell"):
        loaded = load_published(keep(net.state_dict()), "A", image_size=32)
    torch.testing.assert_close(loaded.features(X), net.features(X))
    assert loaded.num_classes == 1000
    torch.testing.assert_close(loaded.posteriors(X), torch.full((2, 1000), 1e-3))


@pytest.mark.parametrize("name", ["vgg.safetensors.bin", "vgg.pth"])
def test_safetensors_are_read_whatever_they_are_called(tmp_path, name):
    save_file(small().state_dict(), tmp_path / name)
    assert load_published(tmp_path / name, "A", image_size=32).num_classes == 5


def test_a_pytorch_file_called_safetensors_is_read(tmp_path):
    torch.save(small().state_dict(), tmp_path / "w.safetensors")
    assert load_published(tmp_path / "w.safetensors", "A", image_size=32).num_classes == 5


CAFFE = b"\n\x14VGG_ILSVRC_16_layer\x12\x04data"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "it is an HDF5 file, as Keras writes"),
        (CAFFE, "it is a Caffe model"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "it is a Git LFS pointer .*: run `git lfs pull`"),
        (b"\x93NUMPY\1\0", "it is a NumPy array"),
        (b"\x08\x07\x12\x07pytorch\x1a", "it is an ONNX model"),
        (b"\x1f\x8b\x08\0", "it is a compressed archive"),
        (b"\x89PNG\r\n\x1a\n", "it is a picture"),
        (b'name: "VGG_ILSVRC_16_layers"\nlayer {}', "it is a text"),
        (b"\xef\xbb\xbf\n<!-- saved --><html>", "it is a web page"),
    ],
)
def test_what_is_no_file_of_weights_is_called_what_it_is(tmp_path, content, says):
    (tmp_path / "vgg16.pth").write_bytes(content)
    with pytest.raises(InputError, match=rf"vgg16\.pth is cut off or no file of weights \({says}"):
        load_published(tmp_path / "vgg16.pth", "D")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning")
def test_a_torchscript_program_is_called_that(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"net\.pt is a TorchScript program: save the state_dict"):
        load_published(tmp_path / "net.pt", "D")


@pytest.mark.parametrize("content", [b"GGUF" + bytes(99), b"MATLAB 5.0 MAT-file" + bytes(99), b"\4\0\0\0\1\0nn.Linear"])
def test_a_file_of_no_known_form_is_not_taken_for_code(tmp_path, content):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"net\.pt is no file of weights \(it is in no form that is known\)"):
        load_published(tmp_path / "net.pt", "D")


def test_an_archive_of_other_files_is_called_that(tmp_path):
    with (tmp_path / "w.pth").open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(InputError, match=r"w\.pth is no file of weights \(it is an archive of others\): unpack it"):
        load_published(tmp_path / "w.pth", "D")


def test_a_web_address_is_called_that():
    with pytest.raises(InputError, match="is a web address: download it, and give the file"):
        load_published("https://example.org/vgg16.pth", "D")


def test_several_sets_of_weights_are_told_by_name():
    tensors = small().state_dict()
    with pytest.raises(InputError, match="holds several nets, 'teacher', 'student': give the weights of one"):
        load_published({"teacher": tensors, "student": tensors}, "A", image_size=32)


def test_a_folder_is_called_that(tmp_path):
    with pytest.raises(InputError, match="is a folder: name the file of weights in it"):
        load_published(tmp_path, "D")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.fill_(float("nan")), "has values in features.0.weight that are not finite"),
        (lambda t: t.fill_(float("inf")), "has values in features.0.weight that are not finite"),
        (lambda t: t.to(torch.int8), "has features.0.weight in int8: get weights in float32, neither"),
        (lambda t: t.to(torch.complex64), "has features.0.weight in complex64"),
        (lambda t: t.to(torch.float8_e4m3fn), "has features.0.weight in float8_e4m3fn"),
        (lambda t: t.to_sparse(), "has features.0.weight in sparse float32: get"),
    ],
)
def test_values_that_are_no_weights_are_refused(change, says):
    tensors = small().state_dict()
    with pytest.raises(InputError, match=says):
        load_published(tensors | {"features.0.weight": change(tensors["features.0.weight"])}, "A", image_size=32)


@pytest.mark.parametrize(
    ("emptied", "says"),
    [
        ("features.0.weight", r"the state_dict has features.0.weight of shape \(0, 3, 3, 3\), where .* \(4, 3, 3, 3\)"),
        ("classifier.6.bias", "the state_dict holds no VGG network: num_classes is 0: a classifier needs at least 2"),
    ],
)
def test_tensors_without_anything_in_them_are_told_with_their_file(emptied, says):
    tensors = small().state_dict()
    with pytest.raises(InputError, match=says):
        load_published(tensors | {emptied: tensors[emptied][:0]}, "A", image_size=32)


@pytest.mark.parametrize(("holds", "taken_for"), [("E", "D"), ("B", "C"), ("A", "E"), ("A-LRN", "B")])
def test_weights_of_another_network_are_told_by_name(holds, taken_for):
    with pytest.raises(InputError, match=f"so it does not hold network {taken_for}: it is nearest to network {holds}$"):
        load_published(small(holds).state_dict(), taken_for, image_size=32)


def test_another_kind_of_network_is_told_by_the_names_it_has():
    with torch.device("meta"):
        tensors = torchvision.models.resnet18().state_dict()
    with pytest.raises(InputError, match=r"holds no VGG network, .*: it has bn1\.bias, .* and 119 more"):
        load_published(tensors, "D")


def test_a_file_with_two_nets_is_refused():
    tensors = small().state_dict()
    both = {f"{role}.{k}": v for role in ("student", "teacher") for k, v in tensors.items()}
    with pytest.raises(InputError, match=r"holds several nets, of which teacher\.features\.0\.weight is one's"):
        load_published(both, "A", image_size=32)
