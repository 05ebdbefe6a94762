"""What callers give as images and as nets: what is plain is taken, and the rest is refused in a sentence."""

import pytest
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode

from vgg_lib.basics.errors import InputError
from vgg_lib.data.given import as_images
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.networks.model import vgg

PIXELS = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
ARRAY = PIXELS.permute(1, 2, 0).numpy()
GREY = PIXELS[:1]


@pytest.fixture
def path(tmp_path):
    Image.fromarray(ARRAY).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


ONE = {
    "a tensor": lambda path: PIXELS,
    "a batch": lambda path: PIXELS[None],
    "a list": lambda path: [PIXELS],
    "an array": lambda path: ARRAY,
    "arrays": lambda path: [ARRAY],
    "a batch of arrays": lambda path: ARRAY[None],
    "a Pillow image": lambda path: Image.fromarray(ARRAY),
    "an opaque image": lambda path: Image.fromarray(ARRAY).convert("RGBA"),
    "a Pillow image not read yet": Image.open,
    "a path": lambda path: path,
    "a name": str,
    "names": lambda path: [str(path)],
    "a name in the home folder": lambda path: "~/photo.png",
    "names in the home folder": lambda path: ["~/photo.png"],
    "photographs": lambda path: Photos(ImageTensor(PIXELS[None]), torch.zeros(1), ("a",), ("b",), ""),
}


@pytest.mark.parametrize("form", ONE)
def test_what_is_plainly_a_picture_is_taken(form, path, monkeypatch):
    monkeypatch.setenv("HOME", str(path.parent))
    given = ONE[form](path)
    images = as_images(given)
    assert len(images) == 1
    assert torch.equal(images[0], PIXELS)
    if isinstance(given, Image.Image):
        given.close()


@pytest.mark.parametrize("given", [GREY, GREY[None], GREY[0].numpy(), Image.fromarray(GREY[0].numpy())], ids=type)
def test_grey_is_red_green_and_blue(given):
    assert torch.equal(as_images(given)[0], GREY.expand(3, -1, -1))


def test_forms_may_be_mixed_and_sizes_differ(path):
    images = as_images([PIXELS, ARRAY[:30], Image.fromarray(ARRAY[:, :20]), path])
    assert images.sizes.tolist() == [[40, 50], [30, 50], [40, 20], [40, 50]]


def test_files_are_read_when_they_are_needed(tmp_path):
    assert isinstance(as_images([tmp_path / "none.png"]), PhotoFiles)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            PIXELS / 255,
            r"the image is float32: give uint8 RGB of 0\.\.255 .* what the weights expect .* is applied here",
        ),
        (PIXELS[None].float(), "the images are float32"),
        ([PIXELS, PIXELS.int()], "image 1 is int32: give uint8"),
        (PIXELS > 9, "the image is bool"),
        (PIXELS.permute(1, 2, 0), r"of shape \(40, 50, 3\): `permute\(2, 0, 1\)` puts the channels first"),
        (PIXELS[None].permute(0, 2, 3, 1), r"of shape \(1, 40, 50, 3\): `permute\(0, 3, 1, 2\)` puts"),
        (torch.zeros(4, 40, 40, dtype=torch.uint8), "three channels come before height and width"),
        (PIXELS[0], r"the image is of shape \(40, 50\): give \(3, H, W\), or \(N, 3, H, W\) for many"),
        (PIXELS[:, :0], "which has no pixels"),
        (ARRAY / 255, r"an array of float64 and shape \(40, 50, 3\): give uint8 RGB \(H, W, 3\)"),
        (PIXELS.numpy(), r"an array of uint8 and shape \(3, 40, 50\)"),
        (ARRAY[..., 0] / 255, "an array of float64 and shape"),
        (Image.new("F", (4, 4)), "the image is no picture .its values are floating-point numbers"),
        ([PIXELS, 3], r"image 1 is of type int: give a uint8 tensor \(3, H, W\), a Pillow image, or a path"),
        (3, "images are given as int: give a tensor"),
        (None, "images are given as NoneType"),
        ({}, "images are given as dict"),
        ((image for image in [PIXELS]), "images are given as generator"),
    ],
)
def test_the_rest_is_refused(given, says):
    with pytest.raises(InputError, match=says):
        as_images(given)


@pytest.mark.parametrize("protocol", [32, None, (32,)])
def test_what_is_no_protocol_is_refused(protocol):
    with pytest.raises(InputError, match=r"the protocol is .*: give a Protocol, such as Protocol\(256\)"):
        posteriors(small(), PIXELS, protocol)


@pytest.mark.parametrize("shape", [(3, 40, 50), (1, 3, 40, 50)])
def test_pictures_that_are_on_a_gpu_come_to_the_processor(shape):
    with FakeTensorMode():
        images = as_images(torch.zeros(shape, dtype=torch.uint8, device="cuda"))
        assert images[0].device.type == "cpu"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_net_of_another_precision_is_refused(dtype):
    with pytest.raises(InputError, match=f"the net's weights are {dtype}, and .* use net.float"):
        posteriors(small().to(dtype), PIXELS, Protocol(32))


def small(**choices):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return vgg("A", **{"num_classes": 3, "image_size": 32, "width": 1 / 64} | choices).eval()


@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile, lambda net: torch.compile([net][0])])
def test_a_wrapped_net_answers_like_the_net_in_it(wrap):
    net = small()
    assert torch.equal(posteriors(wrap(net), PIXELS, Protocol(32)), posteriors(net, PIXELS, Protocol(32)))
    assert not net.training


@pytest.mark.parametrize("net", [torch.nn.Linear(2, 2), "A", None, 3, [small(), torch.nn.Linear(2, 2)]], ids=type)
def test_what_is_no_net_of_this_library_is_refused(net):
    with pytest.raises(InputError, match=r"the net is of type .* and none of this library: `load_published` takes"):
        posteriors(net, PIXELS, Protocol(32))


@pytest.mark.parametrize(("scales", "same"), [(36, (36,)), ([36, 40], (36, 40))])
def test_scales_may_be_one_number_or_a_list(scales, same):
    assert Protocol(scales) == Protocol(same)
    assert hash(Protocol(scales)) == hash(Protocol(same))


@pytest.mark.parametrize("scales", ["36", 36.5, True, None, ("a",), {36: 1}])
def test_other_scales_are_refused(scales):
    with pytest.raises(InputError, match=r"scales is .*: choose a tuple, each of it a whole number"):
        Protocol(scales)
