"""Photographs in files, in every form that people have: shown as a viewer shows them, or called what they are."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.damage import damaged_bytes
from hypothesis import given
from PIL import Image, ImageOps, PngImagePlugin

from vgg_lib.basics.errors import InputError
from vgg_lib.data.decoding import as_rgb, decode
from vgg_lib.data.photo_files import PhotoFiles

#: A picture without any symmetry.
CORNERS = np.zeros((6, 8, 3), np.uint8)
CORNERS[0, 0], CORNERS[0, -1], CORNERS[-1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def pixels(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def turned(stored, orientation):
    """Pixels ``(H, W, 3)`` as EXIF's table has them: where the first row and the first column of what is stored go."""
    shown = {2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1]}.get(orientation, stored)
    if orientation > 4:
        shown = np.rot90(shown, {5: 3, 6: 3, 7: 1, 8: 1}[orientation])
        shown = shown[:, ::-1] if orientation in (5, 7) else shown
    return shown.copy()


@pytest.mark.parametrize("form", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_their_cameras_say(tmp_path, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{form}"
    Image.fromarray(CORNERS).save(path, exif=exif, lossless=True)
    assert torch.equal(decode(path), pixels(turned(CORNERS, orientation)))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
@pytest.mark.parametrize("orientation", [6, 8])
def test_uncompressed_tiffs_of_any_mode_are_turned(tmp_path, mode, orientation):
    """Pillow maps those of some modes into memory, where it takes the sides of the turned picture for their own."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(CORNERS).convert(mode)
    stored.save(tmp_path / "photo.tiff", exif=exif)
    expected = turned(np.array(stored.convert("RGB")), orientation)
    assert torch.equal(decode(tmp_path / "photo.tiff"), pixels(expected))


def test_a_jpeg_is_turned_to_the_bytes_that_pillow_turns_it_to(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as image:
        assert torch.equal(decode(tmp_path / "photo.jpg"), pixels(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + b"\xff" * 60])
def test_damaged_exif_data_leave_the_photograph_as_it_is(tmp_path, exif):
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", exif=exif)
    assert torch.equal(decode(tmp_path / "photo.png"), pixels(CORNERS))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK"])
def test_photographs_of_any_mode_are_decoded_as_rgb(tmp_path, mode):
    path = tmp_path / "image.tiff"
    Image.new("RGB", (7, 5), (255, 255, 255)).convert(mode).save(path)
    image = decode(path)
    assert (image.dtype, image.shape) == (torch.uint8, (3, 5, 7))
    assert image.min() == 255


def test_a_pillow_image_in_another_colour_space_becomes_rgb():
    image = as_rgb(Image.new("RGB", (7, 5), (255, 255, 255)).convert("YCbCr"))  # which Pillow 12 reads from no file
    assert image.mode == "RGB" and np.asarray(image).min() == 255


DEEP = np.array([[0, 1000, 30000], [65535, 257, 128]], np.uint16)


def tiff(path, shape, data, order="<", bits=16, black_is=0):
    """A TIFF of one grey channel, in the byte order asked for."""
    height, width = shape
    photometric = 1 if black_is == 0 else 0
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height}
    entries[279] = len(data)
    directory = struct.pack(f"{order}H", len(entries))
    for tag, value in entries.items():
        directory += struct.pack(f"{order}HHII", tag, 4, 1, value)
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    path.write_bytes(start + data + directory + bytes(4))


def write_deep(path, values):
    if path.suffix == ".pgm":
        path.write_bytes(b"P5\n%d %d\n65535\n" % values.shape[::-1] + values.astype(">u2").tobytes())
    elif path.stem in ("<", ">"):
        tiff(path, values.shape, values.astype(f"{path.stem}u2").tobytes(), path.stem)
    else:
        Image.fromarray(values).save(path)


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff", "deep.pgm", "deep.jp2", "<.tif", ">.tif"])
def test_grey_of_16_bits_is_rescaled_and_not_cut_off(tmp_path, name):
    write_deep(tmp_path / name, DEEP)
    expected = torch.from_numpy((DEEP / 257).round().astype(np.uint8)).expand(3, 2, 3)
    assert torch.equal(decode(tmp_path / name), expected)


def test_deep_pictures_whose_zero_is_white_are_turned_round(tmp_path):
    tiff(tmp_path / "negative.tif", DEEP.shape, DEEP.tobytes(), black_is=65535)
    assert decode(tmp_path / "negative.tif")[0].tolist() == [[255, 251, 138], [0, 254, 255]]


def test_grey_of_12_bits_ends_at_4095(tmp_path):
    tiff(tmp_path / "scan.tif", (2, 2), bytes.fromhex("000800 7ffffe"), bits=12)
    assert decode(tmp_path / "scan.tif")[0].tolist() == [[0, 128], [127, 255]]


def test_deep_pictures_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(DEEP).save(tmp_path / "deep.png", exif=exif)
    assert decode(tmp_path / "deep.png")[0].tolist() == [[255, 0], [1, 4], [0, 117]]


@pytest.mark.parametrize(("mode", "kind"), [("I", "whole numbers of 32 bits"), ("F", "floating-point numbers")])
def test_values_without_a_known_range_are_refused(tmp_path, mode, kind):
    path = tmp_path / "measured.tif"
    Image.new(mode, (4, 4), 1).save(path)
    with pytest.raises(InputError, match=rf"measured\.tif .* values are {kind}, .*: rescale it to 8 bits"):
        decode(path)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)),
        Image.new("LA", (4, 4), (0, 0)),
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert("P"),
        Image.new("L", (4, 4), 7),
        Image.new("RGB", (4, 4), (7, 8, 9)),
        Image.fromarray(np.full((4, 4), 700, np.uint16)),
    ],
    ids=lambda picture: picture.mode,
)
def test_what_is_transparent_is_white(tmp_path, picture):
    key = {"L": 7, "RGB": (7, 8, 9), "I;16": 700, "P": 0}.get(picture.mode)
    picture.save(tmp_path / "clear.png", **({} if key is None else {"transparency": key}))
    assert decode(tmp_path / "clear.png").min() == 255


def test_what_is_half_transparent_is_half_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 100, 200, 51)).save(tmp_path / "veil.png")
    assert decode(tmp_path / "veil.png")[:, 0, 0].tolist() == [204, 224, 244]


@pytest.mark.parametrize(
    ("at_least", "size"), [(None, (480, 640)), (481, (480, 640)), (240, (240, 320)), (1, (60, 80))]
)
def test_a_jpeg_is_decoded_at_a_size_that_suffices(tmp_path, at_least, size):
    smooth = np.linspace(0, 255, 640).round().astype(np.uint8)[None, :, None].repeat(480, 0).repeat(3, 2)
    Image.fromarray(smooth).save(tmp_path / "photo.jpg", quality=95)
    image = decode(tmp_path / "photo.jpg", at_least)
    assert image.shape[1:] == size
    reduced = Image.fromarray(smooth).resize(size[::-1], Image.Resampling.BOX)
    assert (image.int() - pixels(reduced).int()).abs().max() < 5


def test_pictures_as_large_as_cameras_make_them_raise_no_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    paths = [tmp_path / "large.png", tmp_path / "larger.png"]
    Image.new("RGB", (15, 10)).save(paths[0])
    Image.new("RGB", (15, 15)).save(paths[1])
    assert decode(paths[0]).shape == (3, 10, 15)
    assert len(list(PhotoFiles([paths[0]] * 2).load(torch.arange(2)))) == 2
    with pytest.raises(InputError, match=r"larger\.png .* \(it has more than 178 megapixels\): save it smaller"):
        decode(paths[1])


def png(letters=0):
    """A PNG that carries so much text, compressed."""
    text, out = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("prompt", "x" * letters, zip=True)
    Image.effect_noise((40, 40), 50).save(out, "png", pnginfo=text)
    return out.getvalue()


OTHERS = {
    "truncated": (png()[:200], "truncated.*: replace or remove it"),
    "empty": (b"", r"it is an empty file\): get it again"),
    "unknown": (b"\0no image", r"it is in no form that is known\): save it as JPEG"),
    "words": (b"no image", r"it is a text\): give the file itself"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1", r"it is a HEIC photograph, which is not read\): save it as JPEG"),
    "page": (b"\n <!DOCTYPE html><title>photo", r"it is a web page\): download the file it is about"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", r"it is a Git LFS pointer"),
    "svg": (b'<?xml version="1.0"?><svg>', "it is an XML or SVG file"),
    "pdf": (b"%PDF-1.7", "it is a PDF"),
    "video": (b"\0\0\0\x20ftypisom", "it is a video"),
    "text": (
        png(PngImagePlugin.MAX_TEXT_CHUNK + 1),
        r"it carries more text than .*: save it again without its metadata",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_photograph_is_called_what_it_is(tmp_path, name):
    content, says = OTHERS[name]
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"photo\.jpg cannot be read as a photograph \(.*{says}"):
        decode(tmp_path / "photo.jpg")


def test_what_is_no_file_is_called_what_it_is(tmp_path):
    (tmp_path / "link.jpg").symlink_to("nowhere")
    for path, says in (
        (tmp_path, "it is a folder"),
        (tmp_path / "none.jpg", r"\(there is no such file\): check its name$"),
        (tmp_path / "link.jpg", r"\(there is no such file\): check its name$"),
        ("https://example.org/photo.jpg", "it is a web address"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null"),
    ):
        with pytest.raises(InputError, match=says):
            decode(path)


def test_a_file_that_may_not_be_read_wants_other_permissions(tmp_path, monkeypatch):
    def closed(*how):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # who runs this may be allowed everything
    with pytest.raises(InputError, match=r"a\.jpg .* \(you are not allowed to read it\): change its permissions"):
        decode(tmp_path / "a.jpg")


def test_the_file_of_a_pillow_image_may_be_read_only_now(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as image:
        assert as_rgb(image).size == (6, 8)


def forms():
    """A small picture in each form that Pillow writes and a photograph may come in."""
    noise = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("jpeg", "png", "tiff", "webp", "gif", "bmp", "jpeg2000", "ppm", "avif", "ico", "tga", "pcx"):
        out = io.BytesIO()
        more = {"exif": exif} if name in ("jpeg", "png", "tiff", "webp") else {}
        Image.fromarray(noise).convert("P" if name == "gif" else "RGB").save(out, name, **more)
        yield out.getvalue()
    for mode in ("I;16", "LA", "RGBA"):
        out = io.BytesIO()
        Image.new(mode, (9, 11)).save(out, "png")
        yield out.getvalue()


FORMS = list(forms())


@given(damaged_bytes(FORMS))
def test_a_damaged_file_is_a_photograph_or_an_error_that_names_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed.jpg"
    path.write_bytes(content)
    try:
        image = decode(path, 4)
    except InputError as error:
        assert "fuzzed.jpg" in str(error)
    else:
        assert (image.dtype, image.ndim, len(image)) == (torch.uint8, 3, 3)
