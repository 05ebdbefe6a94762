"""Weights from elsewhere: torchvision's and the original release's, or a sentence that says why not."""

import pickle
from contextlib import suppress
from pathlib import Path

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
    [torch.zeros(3), [torch.zeros(3)], {"epoch": 3, "state_dict": {"w": torch.zeros(3)}}, {0: torch.zeros(3)}],
    ids=["tensor", "list", "checkpoint", "numbered"],
)
def test_what_is_no_state_dict_is_refused(tmp_path, held):
    torch.save(held, tmp_path / "w.pth")
    with pytest.raises(InputError, match=rf"w\.pth holds a {type(held).__name__}, and a state_dict .* was expected"):
        load_published(tmp_path / "w.pth", "A")
