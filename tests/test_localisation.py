"""Nets that predict boxes: what they are made of, what learns, what they learn, and how they are tested."""

import dataclasses

import pytest
import torch

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.data.images import ImageList, ImageTensor
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.posteriors import score_map
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import Network, conv
from vgg_lib.tasks.dense_boxes import dense_boxes
from vgg_lib.tasks.localisation import (
    Localisation,
    box_net,
    central_crops,
    hits,
    mean_box,
    predict_boxes,
    train_boxes,
)

NETWORK = Network((conv(64),), (conv(64),), (conv(64),))


def classifier(classes=2, dropout=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = vgg(NETWORK, num_classes=classes, image_size=32, width=1 / 8, batch_norm=True, dropout=dropout)
    net.preprocessing = Preprocessing((40.0,) * 3, (80.0,) * 3)
    return net.eval()


def patches(count=200, side=40, seed=0):
    """Dark pictures with one bright patch, whose box is told."""
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 40, (count, 3, side, side), dtype=torch.uint8, generator=draws)
    corners = torch.randint(4, side - 18, (count, 2), generator=draws)
    boxes = torch.cat([corners, corners + torch.randint(8, 14, (count, 2), generator=draws)], 1)
    for image, (left, top, right, bottom) in zip(images, boxes.tolist(), strict=True):
        image[:, top:bottom, left:right] = 220
    return Photos(ImageTensor(images), torch.arange(count) % 2, tuple(map(str, range(count))), ("a", "b"), "", boxes)


HOW = Localisation(scale=36, epochs=12, learning_rate=0.05)


def share_of_hits(net, photos):
    predicted = predict_boxes(net, photos.images, photos.labels, HOW.scale)
    return float(hits(predicted, list(photos.boxes[:, None].float())).float().mean())


@pytest.mark.parametrize("per_class", [True, False])
def test_a_box_net_is_the_classifier_with_another_last_layer(per_class):
    net = classifier(classes=4)  # whose outputs are as many as a box has numbers
    new = box_net(net, 4, Localisation(scale=36, per_class=per_class))
    assert new.num_classes == (16 if per_class else 4)
    assert new.preprocessing == net.preprocessing
    old, now = net.state_dict(), new.state_dict()
    for name in old:
        assert torch.equal(old[name], now[name]) != name.startswith("classifier.6"), name


def test_boxes_are_learnt_wherever_the_crop_is_and_mirrored_or_not():
    train, test = patches(), patches(100, seed=1)
    mean = mean_box(train) * 40
    assert float(hits(mean.expand(100, 4), list(test.boxes[:, None].float())).float().mean()) < 0.3
    assert share_of_hits(train_boxes(classifier(), train, HOW), test) > 0.6


def test_a_box_for_each_class_tells_what_one_for_all_cannot():
    photos = patches(60)
    halves = torch.tensor([[2, 2, 38, 20], [2, 20, 38, 38]])[photos.labels]
    photos = dataclasses.replace(photos, boxes=halves)
    for per_class, least, most in ((True, 0.95, 1.0), (False, 0.0, 0.5)):  # no box is right in both halves
        net = train_boxes(classifier(), photos, Localisation(36, per_class, epochs=10, batch_size=10))
        assert least <= share_of_hits(net, photos) <= most


def test_a_net_learns_from_random_crops_half_of_them_mirrored():
    seen = []

    class Watched(ImageTensor):
        def rescaled(self, smallest_side):
            return Watched(super().rescaled(smallest_side).pixels)

        def take(self, indices):
            return Watched(self.pixels[indices])

        def cut(self, crops, scale, crop, dtype=torch.float32):
            seen.append(crops)
            return super().cut(crops, scale, crop, dtype)

    photos = patches(100)
    watched = dataclasses.replace(photos, images=Watched(photos.images.pixels))
    train_boxes(classifier(), watched, Localisation(scale=40, epochs=1))
    top, left, flip = (torch.cat([getattr(crops, name) for crops in seen]) for name in ("top", "left", "flip"))
    assert set(top.tolist()) == set(left.tolist()) == set(range(9))
    assert not torch.equal(top, left)
    assert 30 < int(flip.sum()) < 70


def weights(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("tuned", ["fc", "all"])
def test_what_is_to_be_fixed_is_and_the_rest_learns(tuned):
    net = classifier()
    before = weights(net)
    how = Localisation(scale=36, tuned=tuned, epochs=1)
    after = weights(train_boxes(net, patches(60), how))
    assert all(torch.equal(value, before[name]) for name, value in weights(net).items())
    assert not net.training
    for name in before:
        if name.startswith("features"):  # running means of batch normalisation too
            assert torch.equal(before[name], after[name]) == (tuned == "fc"), name
        else:
            assert before[name].shape != after[name].shape or not torch.equal(before[name], after[name]), name


def test_training_starts_at_the_mean_box():
    train = patches()
    new = train_boxes(classifier(), train, Localisation(scale=36, epochs=1, learning_rate=1e-9))
    predicted = predict_boxes(new, train.images, train.labels, 36).mean(0)
    torch.testing.assert_close(predicted, mean_box(train) * 40, rtol=0, atol=0.5)


def test_the_same_seed_gives_the_same_net_and_leaves_the_random_numbers_alone():
    def trained(seed):
        return weights(train_boxes(classifier(dropout=0.5), patches(60), Localisation(scale=36, epochs=1, seed=seed)))

    torch.manual_seed(5)
    one, drawn = trained(3), torch.rand(1)
    torch.manual_seed(6)
    same, other = trained(3), trained(4)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["classifier.6.weight"], other["classifier.6.weight"])
    net = classifier(dropout=0.5)
    torch.manual_seed(5)
    train_boxes(net, patches(60), Localisation(scale=36, epochs=1))
    assert torch.equal(torch.rand(1), drawn)


def test_boxes_are_learnt_in_float32_where_there_is_no_bfloat16(monkeypatch):
    """In float16 small gradients vanish: an older GPU would need its loss scaled."""
    how, nets = Localisation(scale=36, epochs=1), []
    for dtype in (torch.float32, torch.float16):
        monkeypatch.setattr(machine, "autocast_dtype", lambda device, dtype=dtype: dtype)
        nets.append(weights(train_boxes(classifier(), patches(60), how)))
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])


def constant(numbers, classes=2, per_class=True):
    """A net that predicts the same numbers for every picture."""
    net = box_net(classifier(classes), classes, Localisation(scale=36, per_class=per_class))
    last = net.weight_layers()["fc8"]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(numbers))
    return net.eval()


def test_a_prediction_is_of_the_central_crop_and_of_the_class_given():
    net = constant([0.5, 0.5, 1.0, 1.0, 0.25, 0.5, 0.5, 1.0])  # all of the crop; its left half
    images = ImageList([torch.zeros(3, 64, 128, dtype=torch.uint8), torch.zeros(3, 72, 36, dtype=torch.uint8)])
    boxes = predict_boxes(net, images, torch.tensor([0, 1]), 32)
    # Rescaled to 32×64 the crop begins at 16; rescaled to 64×32, at 16 from the top.
    assert boxes[0].tolist() == [32, 0, 96, 64]
    torch.testing.assert_close(boxes[1], torch.tensor([0, 18, 18, 54.0]))


@pytest.mark.parametrize(("most", "at_once"), [(3 * 32 * 32, [3, 3, 1]), (1, [1] * 7), (10 * 32 * 32, [7])])
def test_no_more_pixels_go_through_a_net_at_once_than_the_bound(monkeypatch, most, at_once):
    monkeypatch.setattr("vgg_lib.tasks.localisation.PIXELS_AT_ONCE", most)
    net, photos, seen = constant([0.5] * 8), patches(7), []
    net.register_forward_pre_hook(lambda net, inputs: seen.append(len(inputs[0])))
    predict_boxes(net, photos.images, photos.labels, 36)
    assert seen == at_once


def test_a_shared_box_is_the_same_for_all_classes():
    net = constant([0.5, 0.5, 0.5, 0.5], per_class=False)
    images = ImageTensor(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert predict_boxes(net, images, torch.tensor([0, 1]), 32).tolist() == [[8, 8, 24, 24]] * 2


def test_every_place_has_a_box_of_its_window():
    net = constant([0.5, 0.5, 0.5, 1.0] * 2)
    image = torch.randint(0, 256, (3, 80, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    boxes, likely = dense_boxes(net, classifier(), image, 1, 40)  # rescaled to 40×48, windows of 32 every 8 pixels
    assert len(boxes) == len(likely) == 2 * 3
    expected = [[2 * (8 + x), 2 * y, 2 * (24 + x), 2 * (32 + y)] for y in (0, 8) for x in (0, 8, 16)]
    torch.testing.assert_close(boxes, torch.tensor(expected, dtype=torch.float32))
    net = classifier()
    expected = score_map(net, net.preprocessing(rescale(image, 40)[None])).softmax(1)[0, 1]
    torch.testing.assert_close(likely, expected.flatten())


def test_at_the_crops_size_dense_boxes_are_the_prediction():
    photos = patches(60)
    net = train_boxes(classifier(), photos, Localisation(scale=36, epochs=1))
    image = photos.images[1][:, 4:36, 4:36]
    boxes, likely = dense_boxes(net, classifier(), image, 1, 32)
    torch.testing.assert_close(boxes, predict_boxes(net, ImageTensor(image[None]), torch.tensor([1]), 32))
    expected = classifier().posteriors(classifier().preprocessing(image[None]))[0, 1]
    torch.testing.assert_close(likely[0], expected)


def test_a_box_is_right_if_more_than_half_of_it_fits_any_true_one():
    box = torch.tensor([0.0, 0, 10, 10])
    fits, half, other = [torch.tensor(b) for b in ([0.0, 0, 10, 9], [0.0, 0, 10, 5], [90.0, 90, 99, 99])]
    truth = [torch.stack([other, fits]), half[None], torch.stack([other, half])]
    assert hits(box.expand(3, 4), truth).tolist() == [True, False, False]
    assert hits(torch.zeros(0, 4), []).tolist() == []


def test_the_mean_box_is_in_parts_of_each_picture():
    images = ImageList([torch.zeros(3, 10, 20), torch.zeros(3, 100, 100)])
    boxes = torch.tensor([[0, 0, 10, 10], [50, 0, 100, 50]])
    photos = Photos(images, torch.zeros(2), ("", ""), ("a",), "", boxes)
    assert mean_box(photos).tolist() == pytest.approx([0.25, 0, 0.75, 0.75])


def test_what_cannot_be_learnt_or_tested_is_refused():
    photos = patches(10)
    without = Photos(photos.images, photos.labels, photos.names, photos.classes, "")
    for given in (without, photos.take(torch.zeros(0, dtype=torch.long))):
        with pytest.raises(InputError, match="no boxes to learn from"):
            train_boxes(classifier(), given, HOW)
        with pytest.raises(InputError, match="no boxes to average"):
            mean_box(given)
    with pytest.raises(InputError, match="scale 31 does not hold a crop of 32"):
        train_boxes(classifier(), photos, Localisation(scale=31))
    with pytest.raises(InputError, match="scale 31 does not hold a crop of 32"):
        central_crops(photos.images.sizes, 31, 32)
    with pytest.raises(InputError, match="scale 4097 is too large: choose 4096 pixels or fewer"):
        Localisation(scale=4097)
    with pytest.raises(InputError, match="3 boxes were predicted for 2 photographs"):
        hits(torch.zeros(3, 4), [torch.zeros(1, 4)] * 2)
    with pytest.raises(InputError, match="seed is 9223372036854775808: choose a whole number"):
        Localisation(40, seed=2**63)
    with pytest.raises(InputError, match="tuned is 'last': choose 'all' or 'fc'"):
        Localisation(scale=36, tuned="last")


def test_dense_boxes_want_a_class_and_nets_of_one_crop():
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    net = constant([0.5] * 8)
    with pytest.raises(InputError, match="class 2 is none of the classifier's 2"):
        dense_boxes(net, classifier(), image, 2, 40)
    larger = vgg(NETWORK, num_classes=2, image_size=40, width=1 / 8)
    with pytest.raises(InputError, match="crops of 32 pixels and the classifier of 40"):
        dense_boxes(net, larger, image, 1, 40)
