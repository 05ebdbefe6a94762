"""Testing a net: densely, on crops, at several scales, with several nets, each against a plain loop."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from vgg_lib.basics import progress
from vgg_lib.basics.errors import InputError
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation import posteriors as evaluation
from vgg_lib.evaluation.posteriors import posteriors, score_map, top_errors
from vgg_lib.evaluation.protocols import Protocol, crop_places, places, protocol_macs, protocols_for, scales_for
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import Network, conv
from vgg_lib.training.runs import make_run


def small_net(*, padding=1, classes=5, seed=0, stages=2, **choices):
    """A net with random weights and biases for crops of 32 pixels: 4, 8, … channels, then FC-256."""
    network = Network(*((conv(64 * 2**i, padding=padding),) for i in range(stages)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = vgg(network, num_classes=classes, image_size=32, width=1 / 16, **choices)
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    net.preprocessing = Preprocessing((128.0,) * 3, (70.0,) * 3)
    return net.eval()


def noise(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def inputs(height, width, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("stages", [1, 2, 5])
@torch.inference_mode()
def test_at_the_crops_size_the_dense_score_is_the_nets(stages):
    net, x = small_net(stages=stages), inputs(32, 32)
    scores = score_map(net, x)
    assert scores.shape == (2, 5, 1, 1)
    torch.testing.assert_close(scores.flatten(1), net(x), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_dense_scores_are_the_head_slid_over_the_feature_map():
    net, x = small_net(), inputs(40, 52)
    maps, scores = net.features(x), score_map(net, x)
    assert scores.shape[2:] == (3, 6)
    for i, j in itertools.product(range(3), range(6)):
        window = maps[:, :, i : i + 8, j : j + 8]
        torch.testing.assert_close(scores[:, :, i, j], net.classifier(window.flatten(1)), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_without_padding_dense_scores_are_the_nets_on_every_window():
    """Padding is all that tells a window inside an image from an image of its own."""
    net, x = small_net(padding=0), inputs(44, 40)
    scores = score_map(net, x)
    assert scores.shape[2:] == (4, 3)
    for i, j in itertools.product(range(4), range(3)):
        window = x[:, :, 4 * i : 4 * i + 32, 4 * j : 4 * j + 32]  # two pools: a stride of 4
        torch.testing.assert_close(scores[:, :, i, j], net(window), rtol=1e-5, atol=1e-5)


def test_an_image_smaller_than_the_crop_is_refused():
    with pytest.raises(InputError, match="40×31 pixels is smaller than the net's crop of 32"):
        score_map(small_net(), inputs(40, 31))


@given(st.integers(32, 600), st.integers(2, 9))
def test_the_grid_of_crops_is_even_and_goes_from_edge_to_edge(size, grid):
    places = crop_places(size, 32, grid)
    steps = [b - a for a, b in itertools.pairwise(places)]
    assert (places[0], places[-1], len(places)) == (0, size - 32, grid)
    assert max(steps) - min(steps) <= 1


def test_a_grid_of_one_is_the_centre():
    assert crop_places(256, 224, 1) == [16]


NETS = [small_net(seed=0), small_net(seed=1, stages=1)]


def plain_posteriors(nets, image, protocol):
    """§3.2 and §4 word by word, for one photograph."""
    out = []
    for net, scale in itertools.product(nets, protocol.scales):
        rescaled = rescale(image, scale)  # which has its own tests
        for view in [rescaled, rescaled.flip(2)] if protocol.mirror else [rescaled]:
            ways = []
            if protocol.dense:  # average the map of class scores, then the soft-max
                ways.append(score_map(net, net.preprocessing(view[None])).mean((2, 3)).softmax(1)[0])
            if protocol.grid:
                tops, lefts = (crop_places(side, 32, protocol.grid) for side in view.shape[1:])
                crops = [net.preprocessing(view[:, t : t + 32, s : s + 32]) for t in tops for s in lefts]
                ways.append(torch.stack([net(crop[None]).softmax(1)[0] for crop in crops]).mean(0))
            out.append(torch.stack(ways).mean(0))
    return torch.stack(out).mean(0)


@pytest.mark.parametrize("nets", [NETS[:1], NETS], ids=["one net", "fused"])
@pytest.mark.parametrize(
    "protocol",
    [
        Protocol((32,), mirror=False),
        Protocol((40,)),
        Protocol((32, 40, 48)),
        Protocol((40,), dense=False, grid=1, mirror=False),
        Protocol((40, 48), dense=False, grid=3),
        Protocol((36,), dense=True, grid=5),
    ],
    ids=str,
)
@torch.inference_mode()
def test_posteriors_are_those_of_a_plain_loop(nets, protocol):
    images = noise(3, 3, 50, 45)
    expected = torch.stack([plain_posteriors(nets, image, protocol) for image in images])
    torch.testing.assert_close(posteriors(nets, images, protocol), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "protocol",
    [Protocol((32, 40), mirror=False), Protocol((36,), dense=False, grid=3), Protocol((36, 44), grid=2)],
    ids=str,
)
def test_a_protocols_posteriors_are_the_average_of_its_single_ones(protocol):
    images, singles = noise(2, 3, 50, 45), protocol.singles()
    assert all(len(single.scales) == 1 and single.dense == (single.grid is None) for single in singles)
    mean = torch.stack([posteriors(NETS, images, single) for single in singles]).mean(0)
    torch.testing.assert_close(posteriors(NETS, images, protocol), mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("several", [1, 200])
def test_posteriors_sum_to_1(several):
    scores = posteriors(NETS, noise(several, 3, 32, 32), Protocol((32, 36), grid=2))
    torch.testing.assert_close(scores.sum(1), torch.ones(several))


def test_photographs_of_several_sizes_are_tested_each_as_it_is():
    images, protocol = [noise(3, 50, 45), noise(3, 33, 70), noise(3, 40, 40)], Protocol((36,), grid=2)
    one_by_one = torch.cat([posteriors(NETS, image[None], protocol) for image in images])
    torch.testing.assert_close(posteriors(NETS, images, protocol), one_by_one)


@pytest.mark.parametrize("size", [(20, 31), (90, 40), (36, 36), (41, 200)], ids=str)
@torch.inference_mode()
def test_a_photograph_of_any_size_and_shape_is_tested_as_in_a_plain_loop(size):
    image, protocol = noise(3, *size), Protocol((36, 44), grid=2)
    [scores] = posteriors(NETS, [image], protocol)
    torch.testing.assert_close(scores, plain_posteriors(NETS, image, protocol), rtol=0, atol=1e-5)


@pytest.mark.parametrize("most", [1, 3 * 40 * 40, 10 * 32 * 32])
def test_a_bound_on_the_pixels_at_once_changes_no_posterior(monkeypatch, most):
    images, protocol = noise(7, 3, 40, 40), Protocol((36, 40), grid=3)
    unbounded = posteriors(NETS, images, protocol)
    monkeypatch.setattr(evaluation, "PIXELS_AT_ONCE", most)
    torch.testing.assert_close(posteriors(NETS, images, protocol), unbounded, rtol=0, atol=1e-6)


@pytest.mark.parametrize("protocol", [Protocol((36, 40)), Protocol((40,), dense=False, grid=5)], ids=str)
def test_no_more_pixels_go_through_a_net_at_once_than_the_bound(monkeypatch, protocol):
    net, most, seen = small_net(), 3 * 40 * 40, []
    net.features.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, 0].numel()))
    monkeypatch.setattr(evaluation, "PIXELS_AT_ONCE", most)
    posteriors(net, noise(7, 3, 40, 40), protocol)
    assert most / 2 < max(seen) <= most


def test_files_are_tested_as_their_images_are(tmp_path):
    images = [noise(3, 50, 45), noise(3, 33, 70)]
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    of_files, of_images = (posteriors(NETS, form, Protocol((36,))) for form in (PhotoFiles(paths), images))
    assert torch.equal(of_files, of_images)


def test_each_net_gets_its_own_preprocessing():
    net, images, protocol = small_net(), noise(2, 3, 32, 32), Protocol((32,), mirror=False)
    net.preprocessing = Preprocessing(mean=(100.0, 110.0, 120.0), deviation=(60.0, 70.0, 80.0))
    ready = (images - torch.tensor([100.0, 110, 120]).view(3, 1, 1)) / torch.tensor([60.0, 70, 80]).view(3, 1, 1)
    torch.testing.assert_close(posteriors(net, images, protocol), net.posteriors(ready).detach())


def watch_devices(monkeypatch):
    """The devices on which photographs are rescaled, and on which they reach a net: filled as that happens."""
    rescaled, reached = [], []

    def watched(image, side):
        rescaled.append(image.device.type)
        return rescale(image, side)

    def one_way(net, images, protocol):
        reached.append(images.device.type)
        return torch.zeros(len(images), net.num_classes)

    monkeypatch.setattr(evaluation, "rescale", watched)
    monkeypatch.setattr(evaluation, "_one_way", one_way)
    return rescaled, reached


def test_photographs_are_rescaled_on_the_processor(monkeypatch):
    """No GPU has a kernel that rescales bytes; the device without pixels stands for one."""
    rescaled, reached = watch_devices(monkeypatch)
    posteriors(small_net().to("meta"), noise(2, 3, 50, 45), Protocol((40, 48), mirror=False))
    assert (rescaled, reached) == (["cpu"] * 2, ["meta"] * 2)


def test_nets_to_fuse_may_be_on_devices_of_their_own(monkeypatch):
    _, reached = watch_devices(monkeypatch)
    posteriors([small_net(), small_net(seed=1).to("meta")], noise(2, 3, 50, 45), Protocol((40,)))
    assert reached == ["cpu", "meta"] * 2


def test_dropout_is_off_and_the_training_mode_comes_back():
    net, images = small_net(dropout=0.5).train(), noise(4, 3, 40, 40)
    resting = small_net().eval()
    protocol = Protocol((40,), grid=2)
    torch.testing.assert_close(posteriors(net, images, protocol), posteriors(resting, images, protocol))
    assert net.training
    assert not resting.training


@pytest.mark.parametrize("size", [(1, 40), (40, 1)], ids=str)
def test_the_training_mode_comes_back_after_an_error(size):
    net, told = small_net().train(), "an image of {}×{} pixels is more than 30 times as long as wide.*: crop it"
    with pytest.raises(InputError, match=told.format(*size)):
        posteriors(net, [noise(3, 40, 40), noise(3, *size)], Protocol((32,)))
    assert net.training


def test_a_bar_counts_the_photographs_and_is_shown_where_that_is_asked_for(monkeypatch):
    shown, counted, bar = [], [], evaluation.bar
    monkeypatch.setattr(evaluation, "bar", lambda *words, **how: shown.append(how["shown"]) or bar(*words, **how))
    monkeypatch.setattr(progress.tqdm, "update", lambda self, count: counted.append(count))
    for choice in ({}, {"progress": True}):
        posteriors(NETS, noise(3, 3, 40, 40), Protocol((36,)), **choice)
    assert shown == [False, True]
    assert sum(counted) == 2 * 3


@pytest.mark.parametrize("none", [noise(0, 3, 40, 40), []], ids=["tensor", "list"])
def test_no_photographs_have_no_posteriors(none):
    assert posteriors(NETS, none, Protocol((32,))).shape == (0, 5)


@pytest.mark.parametrize(
    ("nets", "scales", "says"),
    [
        ([], (32,), "no net to test with"),
        ([small_net(), small_net(classes=6)], (32,), r"differ in classes: \[5, 6\]"),
        (small_net(), (48, 31), "test scale 31 is below the crop of 32 .* choose Q of 32 or more"),
    ],
)
def test_what_cannot_be_tested_is_refused(nets, scales, says):
    with pytest.raises(InputError, match=says):
        posteriors(nets, noise(1, 3, 40, 40), Protocol(scales))


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"scales": ()}, "at least one test scale"),
        ({"scales": (32, 0)}, "test scale 0 is not a size"),
        ({"scales": (32, 10**7)}, "test scale 10000000 is too large: choose 4096 pixels or fewer"),
        ({"scales": (32,), "grid": 10**8}, "a grid of 100000000 has too many crops: choose 32 or fewer"),
        ({"scales": (32,), "grid": 0}, "a grid of 0 has no crops"),
        ({"scales": (32,), "dense": False}, "this one has neither"),
    ],
)
def test_a_protocol_that_cannot_be_is_refused(choices, says):
    with pytest.raises(InputError, match=says):
        Protocol(**choices)


def test_top_1_and_top_5_errors_are_counted_in_percent():
    scores = torch.arange(20.0).expand(8, 20)  # every image: class 19 first, 15 fifth
    labels = torch.tensor([19, 19, 15, 16, 14, 0, 1, 2])
    assert top_errors(scores, labels) == {"top1": 75.0, "top5": 50.0}


def test_errors_have_four_decimals():
    assert top_errors(torch.eye(3), torch.tensor([0, 1, 0])) == {"top1": 33.3333}


def test_below_20_classes_there_is_no_top_5_error():
    assert top_errors(torch.eye(19), torch.arange(19)) == {"top1": 0.0}


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        (Protocol((73,)), "dense at Q = 73, mirrored too"),
        (Protocol((73,), mirror=False), "dense at Q = 73"),
        (Protocol((64, 73, 82), dense=False, grid=5), "5×5 crops at Q = 64, 73, 82, mirrored too"),
        (Protocol((64, 73), grid=5, mirror=False), "dense and 5×5 crops at Q = 64, 73"),
    ],
)
def test_a_protocol_says_what_it_is(protocol, says):
    assert str(protocol) == says


@pytest.mark.parametrize(
    ("scale", "crop", "scales"),
    [
        (256, 224, (224, 256, 288)),  # §4.2: Q = S - 32, S, S + 32
        (384, 224, (352, 384, 416)),
        ((256, 512), 224, (256, 384, 512)),  # §4.2: the smallest S, the middle, the largest
        (73, 64, (64, 73, 82)),
        (110, 64, (101, 110, 119)),
        ((73, 146), 64, (73, 110, 146)),
        (36, 32, (32, 36, 41)),
        (140, 115, (124, 140, 156)),  # of a crop of 224, 32 pixels: of this one 16.4, of the next 16.6
        (140, 116, (123, 140, 157)),
    ],
)
def test_several_test_scales_are_the_papers(scale, crop, scales):
    assert scales_for(scale, crop) == scales


def test_the_papers_crop_is_meant_where_none_is_named():
    assert scales_for(224) == (224, 256)


@given(st.integers(32, 512), st.integers(0, 512), st.integers(0, 512))
def test_no_test_scale_is_below_the_crop(crop, more, further):
    smallest = crop + more
    assert min(scales_for(smallest, crop)) >= crop
    assert min(scales_for((smallest, smallest + further), crop)) >= crop


@pytest.mark.parametrize("scale", [73, 110, (73, 146)])
def test_the_protocols_of_a_run_have_its_own_among_them(scale):
    assert protocols_for(scale, 64)["dense"] == make_run("A", "laptop", scale=scale).protocol


@pytest.mark.parametrize(("name", "crops"), [("centre crop", 1), ("50 crops", 50), ("150 crops, 3 scales", 150)])
@pytest.mark.parametrize("scale", [40, (36, 72)])
def test_protocols_by_crops_take_as_many_as_they_say(name, crops, scale):
    net, seen = small_net(), []
    net.features.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    posteriors(net, noise(1, 3, 40, 50), protocols_for(scale, 32)[name])
    assert sum(seen) == crops


@pytest.mark.parametrize(("scale", "one", "three"), [(73, "73", "64, 73, 82"), ((73, 146), "110", "73, 110, 146")])
def test_protocols_by_name_are_what_their_names_say(scale, one, three):
    assert {name: str(way) for name, way in protocols_for(scale, 64).items()} == {
        "centre crop": f"centre crop at Q = {one}",
        "dense, no mirror": f"dense at Q = {one}",
        "dense": f"dense at Q = {one}, mirrored too",
        "dense, 3 scales": f"dense at Q = {three}, mirrored too",
        "50 crops": f"5×5 crops at Q = {one}, mirrored too",
        "150 crops, 3 scales": f"5×5 crops at Q = {three}, mirrored too",
        "both": f"dense and 5×5 crops at Q = {one}, mirrored too",
        "both, 3 scales": f"dense and 5×5 crops at Q = {three}, mirrored too",
    }


OF_MANY_KINDS = [
    *(small_net(stages=stages) for stages in (1, 2, 5)),
    small_net(padding=0),
    vgg("C", num_classes=2, image_size=32, width=1 / 64),
    vgg(Network((conv(64, kernel=5, padding=1),), (conv(64, kernel=1),)), num_classes=2, image_size=50, width=1 / 64),
]


@given(st.sampled_from(OF_MANY_KINDS), st.integers(0, 90), st.integers(0, 90))
@torch.inference_mode()
def test_places_are_counted_as_the_score_map_has_them(net, taller, wider):
    height, width = net.image_size + taller, net.image_size + wider
    assert score_map(net, inputs(height, width, 1)).shape[2:] == (places(net, height), places(net, width))


@pytest.mark.parametrize("net", OF_MANY_KINDS[1:5], ids=["two stages", "five stages", "no padding", "C"])
@pytest.mark.parametrize(
    "protocol",
    [
        Protocol((32,), mirror=False),
        Protocol((32, 41, 64)),
        Protocol((40,), dense=False, grid=1, mirror=False),
        Protocol((36, 50), dense=False, grid=3),
        Protocol((32, 47), grid=5),
    ],
    ids=str,
)
def test_a_protocol_costs_what_pytorch_counts(net, protocol):
    with FlopCounterMode(display=False) as counter:
        posteriors(net, noise(1, 3, 45, 45), protocol)
    assert protocol_macs(net, protocol) == counter.get_total_flops() / 2
