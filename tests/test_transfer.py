"""Features of a net, the linear SVM on them, and what both tell about another data set."""

import builtins
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import LinearSVC
from torch import nn

from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.data.folder import first_of_each_class
from vgg_lib.data.images import ImageList
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import rescale
from vgg_lib.evidence.testing import Wanted
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import LRN, Network, conv
from vgg_lib.tasks import transfer
from vgg_lib.tasks.features import features, features_of_layers, layer_maps, layer_names
from vgg_lib.tasks.linear_svm import COSTS, FOLDS, fit_linear_svm
from vgg_lib.tasks.transfer import EVIDENCE, Transfer, evaluate_pixels, evaluate_transfer
from vgg_lib.training.runs import to_json

NETWORK = Network((conv(64), LRN), (conv(128), conv(128)))
LAYERS = ["conv1_1", "lrn1", "pool1", "conv2_1", "conv2_2", "pool2", "fc6", "fc7"]


def small_net(batch_norm=False):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = vgg(NETWORK, num_classes=5, image_size=32, width=1 / 16, batch_norm=batch_norm)
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    net.preprocessing = Preprocessing((128.0,) * 3, (70.0,) * 3)
    return net.eval()


def noise(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def plain_maps(net, x, layer):
    """What a layer shows of one preprocessed image ``(3, H, W)``, from PyTorch's own layers one by one."""
    x, layers = x[None], net.weight_layers()
    for name in LAYERS:
        if name.startswith("conv"):
            x = layers[name](x)
            x = torch.relu(net.normalisation(name)(x) if net.batch_norm else x)
        elif name.startswith("lrn"):
            x = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(x)
        elif name.startswith("pool"):
            x = nn.MaxPool2d(2)(x)
        else:  # slide it over the map
            side = 8 if name == "fc6" else 1
            height, width = (size - side + 1 for size in x.shape[2:])
            windows = [x[0, :, i : i + side, j : j + side] for i in range(height) for j in range(width)]
            scores = torch.stack([torch.relu(layers[name](window.flatten())) for window in windows], 1)
            x = scores.view(1, -1, height, width)
        if name == layer:
            return x[0]
    raise AssertionError(layer)


def plain_descriptor(net, image, layer, scales, combine, mirror):
    """App. B word by word, for one photograph."""
    of_scales = []
    for scale in scales:
        rescaled = rescale(image, scale)
        views = [rescaled, rescaled.flip(2)] if mirror else [rescaled]
        means = [plain_maps(net, net.preprocessing(view), layer).mean((1, 2)) for view in views]
        of_scales.append(sum(means) / len(means))
    whole = torch.cat(of_scales) if combine == "stack" else sum(of_scales) / len(of_scales)
    return whole / whole.norm()


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("scales", "combine", "mirror"),
    [((32,), "average", False), ((36,), "average", True), ((32, 44), "average", True), ((44, 32), "stack", True)],
)
@torch.inference_mode()
def test_features_are_those_of_a_plain_loop(layer, scales, combine, mirror, batch_norm):
    net, images = small_net(batch_norm), noise(3, 3, 40, 50)
    made = features(net, images, layer, scales=scales, combine=combine, mirror=mirror)
    expected = [plain_descriptor(net, image, layer, scales, combine, mirror) for image in images]
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, torch.stack(expected), rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_the_last_map_is_the_nets_own_answer():
    net = small_net(batch_norm=True)
    x = net.preprocessing(noise(2, 3, 32, 32))
    maps = dict(layer_maps(net, x))
    assert list(maps)[:-1] == LAYERS == layer_names(net)
    torch.testing.assert_close(maps["fc8"].flatten(1), net(x), rtol=1e-5, atol=1e-5)


def test_layers_together_are_the_layers_one_by_one():
    net, images = small_net(), noise(3, 3, 32, 32)
    together = features_of_layers(net, images, ["fc7", "pool1"])
    for layer in ("fc7", "pool1"):
        assert torch.equal(together[layer], features(net, images, layer))


def test_photographs_of_many_sizes_are_each_as_if_alone():
    net = small_net()
    images = [noise(3, 40, 50), noise(3, 40, 50, seed=1), noise(3, 20, 16), noise(3, 40, 50, seed=2)]
    alone = torch.cat([features(net, image[None]) for image in images])
    torch.testing.assert_close(features(net, ImageList(images)), alone, rtol=1e-5, atol=1e-6)


def test_photographs_are_rescaled_on_the_processor(monkeypatch):
    """No GPU has a kernel that rescales bytes; the device without pixels stands for one."""
    seen = []

    def watched(image, side):
        seen.append(image.device.type)
        return rescale(image, side)

    def means(net, images, layers):
        seen.append(images.device.type)
        return {"fc7": torch.zeros(len(images), 4)}

    monkeypatch.setattr("vgg_lib.tasks.features.rescale", watched)
    monkeypatch.setattr("vgg_lib.tasks.features._means", means)
    features(small_net().to("meta"), noise(2, 3, 40, 50), mirror=False)
    assert seen == ["cpu", "meta"]


def test_dropout_is_off_and_training_goes_on_after_it():
    net = small_net(batch_norm=True)
    expected = features(net, noise(2, 3, 32, 32))
    net.train()
    assert torch.equal(features(net, noise(2, 3, 32, 32)), expected)
    assert net.training


@pytest.mark.parametrize(
    ("images", "choices", "says"),
    [
        (noise(1, 3, 32, 32), {"layer": "fc8"}, "unknown layer 'fc8': choose from conv1_1, "),
        (noise(1, 3, 32, 32), {"scales": (31, 40)}, "takes images of 32 pixels or more"),
        (noise(1, 3, 32, 32), {"scales": (32, 4097)}, "scale 4097 is too large: choose 4096 pixels or fewer"),
        (noise(1, 3, 32, 32), {"scales": ()}, "choose one Q or several of 32 or more"),
        (noise(1, 3, 32, 32), {"combine": "max"}, "unknown way to combine scales 'max'"),
        (noise(1, 3, 32, 32).float(), {}, "give uint8 RGB"),
        (noise(1, 2, 32, 32), {}, "three channels come before height and width"),
        (noise(0, 3, 32, 32), {}, "there are no photographs"),
    ],
)
def test_what_has_no_features_is_refused(images, choices, says):
    with pytest.raises(InputError, match=says):
        features(small_net(), images, **choices)


def test_no_layer_is_refused():
    with pytest.raises(InputError, match="no layer to take features of"):
        features_of_layers(small_net(), noise(1, 3, 32, 32), ())


def digits():
    x, y = load_digits(return_X_y=True)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return torch.from_numpy(x).float(), torch.from_numpy(y)


def test_the_svm_is_scikit_learns_grid_search_on_digits():
    x, y = digits()
    made = fit_linear_svm(x[:1000], y[:1000])
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    theirs = GridSearchCV(LinearSVC(dual=False, tol=1e-3), {"C": COSTS}, cv=parts).fit(x[:1000].double(), y[:1000])
    assert made.cost == theirs.best_params_["C"]
    assert list(made.errors) == list(COSTS)
    # they average over parts, which differ by a picture in size
    np.testing.assert_allclose(list(made.errors.values()), 100 - 100 * theirs.cv_results_["mean_test_score"], atol=0.01)
    assert torch.equal(made.predict(x[1000:]), torch.from_numpy(theirs.predict(x[1000:].double())))


def test_two_classes_have_two_scores():
    x, y = digits()
    x, y = x[y < 2], y[y < 2]
    made = fit_linear_svm(x, y)
    assert made.weight.shape == (2, 64)
    assert (made.predict(x) == y).float().mean() > 0.99


def test_the_same_data_give_the_same_svm():
    x, y = digits()
    one, other = (fit_linear_svm(x[:300], y[:300]) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert (one.cost, one.errors) == (other.cost, other.errors)


def test_a_single_cost_is_not_cross_validated():
    x, y = digits()
    made = fit_linear_svm(x[:300], y[:300], costs=(2.0,))
    assert (made.cost, made.errors) == (2.0, {})


def test_of_equal_costs_the_smaller_is_taken():
    x = torch.cat([torch.eye(2)] * 10)
    assert fit_linear_svm(x, torch.arange(20) % 2, costs=(10.0, 1.0, 100.0)).cost == 1.0


@pytest.mark.parametrize(
    ("features", "labels", "choices", "says"),
    [
        (torch.rand(6, 2), torch.zeros(6, dtype=torch.long), {}, "all 6 training photographs are of one class"),
        (torch.rand(6, 2), torch.tensor([0, 0, 0, 0, 1, 1]), {}, "class 1 has 2 training photographs"),
        (torch.rand(6, 2), torch.tensor([0, 0, 0, 2, 2, 2]), {}, "class 1 has 0 training photographs"),
        (torch.rand(6, 2), torch.arange(5) % 2, {}, "do not go with labels"),
        (torch.full((6, 2), torch.nan), torch.arange(6) % 2, {}, "not finite"),
        (torch.rand(6, 2), torch.arange(6) % 2, {"costs": ()}, "give one or more above 0"),
        (torch.rand(6, 2), torch.arange(6) % 2, {"costs": (0.0, 1.0)}, "give one or more above 0"),
        (torch.rand(6, 2), torch.arange(6) % 2, {"folds": 1}, "choose 2 or more"),
    ],
)
def test_what_no_svm_can_be_fitted_to_is_refused(features, labels, choices, says):
    with pytest.raises(InputError, match=says):
        fit_linear_svm(features, labels, **choices)


def test_features_of_another_length_are_refused():
    with pytest.raises(InputError, match="this SVM was fitted to 2"):
        fit_linear_svm(torch.rand(6, 2), torch.arange(6) % 2).predict(torch.rand(6, 3))


@pytest.fixture
def no_scikit_learn(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)


def test_without_scikit_learn_it_is_said_how_to_get_it(no_scikit_learn):
    with pytest.raises(InputError, match=r"pip install 'vgg-lib\[transfer\]'"):
        fit_linear_svm(torch.rand(6, 2), torch.arange(6) % 2)


@pytest.mark.parametrize("measure", ["transfer", "untrained", "pixels"])
def test_without_scikit_learn_it_is_said_before_a_training(no_scikit_learn, tmp_path, measure):
    with pytest.raises(InputError, match=r"pip install 'vgg-lib\[transfer\]'"):
        Wanted(measures=(measure,)).check(tmp_path)


def test_without_scikit_learn_it_is_said_before_features_are_made(no_scikit_learn, monkeypatch):
    monkeypatch.setattr(transfer, "features_of_layers", None)
    with pytest.raises(InputError, match=r"pip install 'vgg-lib\[transfer\]'"):
        evaluate_transfer(small_net(), *embedded_sets(), Transfer("embedded"))


def embedded_sets(count=60):
    return embedded("train").take(torch.arange(count)), embedded("val").take(torch.arange(count))


@pytest.mark.parametrize("form", [Image.fromarray, lambda a: a, lambda a: [Image.fromarray(a)], lambda a: a[None]])
def test_features_are_of_whatever_posteriors_takes(form):
    pixels = noise(3, 32, 40)
    found = features(small_net(), form(pixels.permute(1, 2, 0).numpy()))
    assert torch.equal(found, features(small_net(), pixels[None]))


def test_a_strip_has_no_features():
    with pytest.raises(InputError, match=r"1×200 pixels is more than 30 times as long as wide, .* Q = 32: crop it"):
        features(small_net(), ImageList([noise(3, 32, 32), noise(3, 1, 200)]))


def test_errors_are_those_of_the_svm_on_the_features():
    train, test = embedded_sets()
    net = small_net()
    results = evaluate_transfer(net, train, test, Transfer("embedded", layers=("pool2", "fc7"), scales=(36,)))
    for result, layer in zip(results, ("pool2", "fc7"), strict=True):
        svm = fit_linear_svm(features(net, train.images, layer, scales=(36,)), train.labels)
        wrong = (svm.predict(features(net, test.images, layer, scales=(36,))) != test.labels).double()
        assert (result.layer, result.cost) == (layer, svm.cost)
        assert result.error == pytest.approx(100 * float(wrong.mean()), abs=0.01)
        by_class = [float(100 * wrong[test.labels == label].mean()) for label in range(10)]
        assert list(result.errors) == list(test.classes)
        assert list(result.errors.values()) == pytest.approx(by_class, abs=0.01)


def test_as_many_photographs_of_each_class_are_used_as_are_asked_for():
    train, test = embedded_sets()
    how = Transfer("embedded", scales=(36,), train_per_class=5, test_per_class=3)
    fewer = [first_of_each_class(photos, count) for photos, count in ((train, 5), (test, 3))]
    [expected] = evaluate_transfer(small_net(), *fewer, Transfer("embedded", scales=(36,)))
    [result] = evaluate_transfer(small_net(), train, test, how)
    assert (result.error, result.errors) == (expected.error, expected.errors)


def test_a_result_is_small_enough_for_a_record():
    [result] = evaluate_transfer(small_net(), *embedded_sets(), Transfer("embedded"))
    assert len(json.dumps(to_json(result))) < 500


def test_pixels_need_no_net():
    train, test = embedded_sets()
    result = evaluate_pixels(train, test, Transfer("embedded"), side=8)
    assert result.layer == "pixels"
    assert result.error < 90


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda train, test: (train, test.take(torch.arange(9))), "has no test photograph"),
        (lambda train, test: (train.take(torch.arange(25)), test), "has 2 training photographs, and choosing C"),
    ],
)
def test_too_few_photographs_of_a_class_are_named_before_features_are_made(monkeypatch, change, says):
    monkeypatch.setattr(transfer, "features_of_layers", None)
    with pytest.raises(InputError, match=says):
        evaluate_transfer(small_net(), *change(*embedded_sets()), Transfer("embedded"))


def test_sets_of_other_classes_are_refused():
    train, test = embedded_sets()
    other = Photos(test.images, test.labels, test.names, tuple("abcdefghij"), "")
    with pytest.raises(InputError, match="give two sets of the same classes"):
        evaluate_transfer(small_net(), train, other, Transfer("embedded"))


def test_what_evidence_measures_is_what_a_net_of_table_1_has():
    net = vgg("D", num_classes=10, image_size=64, width=1 / 16)
    assert set(EVIDENCE.layers) <= set(layer_names(net))
    assert min(EVIDENCE.scales) >= net.image_size
