"""From a master's bytes to a derivative's: formats, orientation, resolution, profiles, damage."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from models.spaces import srgb
from shared.errors import Corrupt, NotAPicture, PictureError, TooManyPixels, Truncated, UnsupportedPicture
from shared.recipes import resolve
from tests.house import lite, picture
from worker.codecs import oriented
from worker.pipeline import Derivative, Limits, derive, preflight
from worker.profiles import handle
from worker.provenance import sidecar, xmp

LIMITS = Limits(max_pixels=10_000_000)
RECIPE = resolve({})


def make(data: bytes, **recipe: Any) -> Derivative:
    """Makes a derivative of bytes."""
    master = hashlib.sha256(data).hexdigest()
    return derive(io.BytesIO(data), master=master, recipe=resolve(recipe), net=lite(), limits=LIMITS)


def gray(width: int = 90, height: int = 60) -> np.ndarray:
    """Samples with some structure."""
    with Image.open(io.BytesIO(picture(width, height))) as image:
        return np.asarray(image)


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    """A TIFF of samples."""
    out = io.BytesIO()
    tifffile.imwrite(out, samples, **options)
    return out.getvalue()


def saved(image: Image.Image, fmt: str, **options: Any) -> bytes:
    """A file of an image."""
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


MASTERS = {
    "gray JPEG": picture(90, 60, fmt="JPEG"),
    "RGB JPEG": picture(90, 60, fmt="JPEG", mode="RGB"),
    "progressive JPEG": saved(Image.fromarray(gray()), "JPEG", progressive=True),
    "gray PNG": picture(90, 60),
    "RGB PNG": picture(90, 60, mode="RGB"),
    "plain TIFF": tiff(gray()),
    "RGB TIFF": tiff(np.stack([gray()] * 3, axis=-1), photometric="rgb"),
    "LZW TIFF": tiff(gray(), compression="lzw"),
    "Deflate TIFF with predictor": tiff(gray(), compression="zlib", predictor=True),
    "PackBits TIFF": tiff(gray(), compression="packbits"),
    "min-is-white TIFF": tiff(255 - gray(), photometric="miniswhite"),
    "tiled TIFF": tiff(gray(300, 200), tile=(64, 64)),
    "big-endian TIFF": tiff(gray(), byteorder=">"),
    "BigTIFF": tiff(gray(), bigtiff=True),
    "planar TIFF": tiff(np.stack([gray()] * 3), photometric="rgb", planarconfig="separate"),
    "strips TIFF": tiff(gray(), rowsperstrip=7),
    "one pixel": picture(1, 1),
    "a line": picture(300, 1),
}


@pytest.mark.parametrize("name", MASTERS)
def test_each_kind_of_master_is_colored(name: str) -> None:
    """The derivative has the master's format, size and lightness, and color."""
    data = MASTERS[name]
    made = make(data)
    assert preflight(io.BytesIO(made.data), LIMITS).format == preflight(io.BytesIO(data), LIMITS).format
    with Image.open(io.BytesIO(made.data)) as color:
        assert color.mode == "RGB"
        assert color.size == (made.width, made.height)
    assert made.delta_l.maximum < 0.6
    for small in (made.preview, made.master_preview):
        assert small is not None
        assert small.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("name", [name for name in MASTERS if "gray" in name or ("TIFF" in name and "RGB" not in name)])
def test_without_color_the_master_comes_back(name: str) -> None:
    """At chroma gain 0 a lossless derivative equals its master, sample for sample."""
    data = MASTERS[name]
    made = make(data, chroma_gain=0)
    assert "low_color" in made.warnings
    if made.format.name == "jpeg":
        return
    with Image.open(io.BytesIO(made.data)) as color, Image.open(io.BytesIO(data)) as master:
        samples = np.asarray(color)
        assert (samples == samples[:, :, :1]).all()
        if "min-is-white" not in name:
            assert np.array_equal(samples[:, :, 0], np.asarray(master.convert("L")))
        else:
            assert np.array_equal(samples[:, :, 0], gray())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int) -> None:
    """The derivative is upright and says so; Pillow's own transposition is the judge."""
    from PIL import ImageOps  # noqa: PLC0415

    image = Image.fromarray(gray())
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, "PNG", exif=exif)
    made = make(data, chroma_gain=0)
    with Image.open(io.BytesIO(data)) as master, Image.open(io.BytesIO(made.data)) as color:
        upright = np.asarray(ImageOps.exif_transpose(master))
        assert np.array_equal(np.asarray(color)[:, :, 0], upright)
        assert color.getexif().get(0x0112, 1) == 1
    assert (made.height, made.width) == upright.shape
    assert np.array_equal(oriented(gray(), orientation), upright)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF"])
def test_resolution_is_kept(fmt: str) -> None:
    """Dots per inch come over, turned where the picture was turned."""
    data = saved(Image.fromarray(gray()), fmt, dpi=(300, 600))
    with Image.open(io.BytesIO(make(data).data)) as color:
        assert [round(float(value)) for value in color.info["dpi"]] == [300, 600]


@pytest.mark.parametrize("name", ["gray JPEG", "gray PNG", "plain TIFF"])
def test_every_derivative_says_what_it_is(name: str) -> None:
    """The XMP packet names kind, net, recipe and master; a sentence tells a person."""
    data = MASTERS[name]
    made = make(data)
    master = hashlib.sha256(data).hexdigest().encode()
    for mark in (b"compositeWithTrainedAlgorithmicMedia", b"DerivedFrom", master, RECIPE.digest.encode(), b"a guess"):
        assert mark in made.data, mark


def test_the_same_inputs_give_the_same_bytes() -> None:
    """Derivative and sidecar hold no time, host or chance."""
    data = MASTERS["gray JPEG"]
    first, second = make(data), make(data)
    assert first.data == second.data
    master = hashlib.sha256(data).hexdigest()
    assert sidecar(first, master=master, recipe=RECIPE) == sidecar(second, master=master, recipe=RECIPE)
    assert xmp(master=master, recipe=RECIPE) == xmp(master=master, recipe=RECIPE)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", NotAPicture, id="empty"),
        pytest.param(b"hello there, this is text", NotAPicture, id="text"),
        pytest.param(MASTERS["gray JPEG"][:400], Truncated, id="cut JPEG"),
        pytest.param(MASTERS["gray PNG"][:300], Truncated, id="cut PNG"),
        pytest.param(MASTERS["plain TIFF"][:1500], Truncated, id="cut TIFF"),
        pytest.param(b"II*\0" + b"\t" * 200, Corrupt, id="TIFF of nonsense"),
        pytest.param(MASTERS["gray PNG"].replace(b"IDAT", b"IDAX", 1), Corrupt, id="PNG with a wrong chunk"),
        pytest.param(saved(Image.fromarray(gray()).convert("1"), "PNG"), UnsupportedPicture, id="bilevel PNG"),
        pytest.param(saved(Image.fromarray(gray()).convert("RGBA"), "PNG"), UnsupportedPicture, id="PNG with alpha"),
        pytest.param(saved(Image.fromarray(gray()).convert("CMYK"), "JPEG"), UnsupportedPicture, id="CMYK JPEG"),
        pytest.param(tiff(gray().astype(np.uint16)), UnsupportedPicture, id="16-bit TIFF"),
        pytest.param(tiff(gray().astype(np.float32)), UnsupportedPicture, id="float TIFF"),
        pytest.param(picture(4000, 2600), TooManyPixels, id="too many pixels"),
    ],
)
def test_what_cannot_be_colored_says_why(data: bytes, error: type[PictureError]) -> None:
    """Each refusal has its own error with words for a person."""
    with pytest.raises(error) as caught:
        make(data)
    # A word, not only the key that some table lacked, ends the sentence.
    assert re.search(r"[A-Za-z]{4}[^:]*$", caught.value.detail), caught.value.detail


def test_a_jpeg_with_a_hole_is_refused() -> None:
    """A JPEG whose middle is missing but whose end is there is never half gray and called done."""
    data = picture(400, 300, fmt="JPEG", seed=4)
    middle = len(data) // 2
    with pytest.raises((Corrupt, Truncated)):
        make(data[:middle] + data[middle + 500 :])


def test_too_many_pixels_names_limit_and_value() -> None:
    """The limit and the value seen are in the error."""
    with pytest.raises(TooManyPixels) as caught:
        preflight(io.BytesIO(picture(50, 40)), Limits(max_pixels=1999))
    assert (caught.value.extra["limit"], caught.value.extra["seen"]) == (1999, 2000)


def test_further_pages_are_told_of() -> None:
    """The first page of several is colored, with a warning; a pyramid's reduced copies are no pages."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(gray(), metadata=None)
        writer.write(gray(50, 40), metadata=None)
    assert "multi_page" in make(out.getvalue()).warnings
    pyramid = io.BytesIO()
    with tifffile.TiffWriter(pyramid) as writer:
        writer.write(gray(), metadata=None)
        writer.write(gray()[::2, ::2], subfiletype=1, metadata=None)
    assert "multi_page" not in make(pyramid.getvalue()).warnings


def test_srgb_profile_is_kept() -> None:
    """An RGB master keeps its own profile, byte for byte."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.fromarray(gray()).convert("RGB"), "PNG", icc_profile=profile)
    made = make(data)
    with Image.open(io.BytesIO(made.data)) as color:
        assert color.info["icc_profile"] == profile
    assert made.warnings == ()


def gray_profile(curve: bytes) -> bytes:
    """A gray ICC profile with a tone curve."""
    import struct  # noqa: PLC0415

    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"wtpt", white), (b"kTRC", curve)]
    offset, table, body = 128 + 4 + 24, b"", b""
    for name, value in tags:
        table += struct.pack(">4sII", name, offset + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s", offset + len(body), b"", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    return (head + bytes(12) + b"acsp").ljust(128, b"\0") + struct.pack(">I", 2) + table + body


GAMMA_22 = b"curv\0\0\0\0\0\0\0\1\x02\x33"
PARAMETRIC = b"para\0\0\0\0\0\0\0\0\x00\x01\xcc\xcc"


@pytest.mark.parametrize(
    "curve", [GAMMA_22, PARAMETRIC, b"curv\0\0\0\0\0\0\0\0"], ids=["gamma 2.2", "para 1.8", "linear"]
)
def test_a_gray_profile_becomes_an_rgb_one_with_its_curve(curve: bytes) -> None:
    """Gray in is gray out, and the derivative's profile carries the master's own tone curve."""
    profile = gray_profile(curve)
    data = saved(Image.fromarray(gray()), "PNG", icc_profile=profile)
    made = make(data, chroma_gain=0)
    with Image.open(io.BytesIO(made.data)) as color:
        carried = color.info["icc_profile"]
        assert np.array_equal(np.asarray(color)[:, :, 0], gray())
    assert carried[16:20] == b"RGB "
    assert curve in carried
    ImageCms.ImageCmsProfile(io.BytesIO(carried))
    colored = make(data)
    assert colored.delta_l.maximum < 0.8


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"no profile at all", id="garbage"),
        pytest.param(gray_profile(b"xxxx" + bytes(20)), id="unknown curve"),
        pytest.param(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), id="Lab"),
        pytest.param(gray_profile(GAMMA_22)[:150], id="cut off"),
    ],
)
def test_a_profile_that_cannot_be_kept_is_replaced(profile: bytes) -> None:
    """SRGB takes the place of a profile that cannot be kept, with a warning."""
    handling = handle(profile, gray=True)
    assert handling.warnings == ("profile_replaced",)
    assert handling.profile is None
    assert handling.space is srgb(8)
