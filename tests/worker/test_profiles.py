"""Profiles: which are kept, what takes the place of the others, and that lightness is read by them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ImageCms

from models.lab import encoded, lightness, luminance
from models.spaces import master_lightness, srgb
from tests.worker.icc_samples import (
    GAMMA_18,
    GAMMA_22,
    LINEAR,
    TABLE,
    gray_profile,
    matrix_profile,
    profile,
    table_profile,
)
from worker.icc import color_space, make_profile, read_matrix
from worker.pictures import Header, Kind
from worker.profiles import handle

#: Adobe RGB (1998) and ProPhoto (ROMM) primaries in the profile connection space.
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71187, 0.0), (0.03134, 0.00009, 0.82491))


def header(kind: Kind, *, depth: int = 8, **facts: object) -> Header:
    """A header of a small page."""
    return Header(width=16, height=16, kind=kind, depth=depth, stored_depth=depth, **facts)  # type: ignore[arg-type]


def ramp(depth: int) -> np.ndarray:
    """All grays of 8 bits, or as many of 16, in a square."""
    top = 2**depth - 1
    return np.linspace(0, top, 256).round().astype(np.uint8 if depth == 8 else np.uint16).reshape(16, 16)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("curve", [GAMMA_22, GAMMA_18, LINEAR, TABLE], ids=["2.2", "1.8", "linear", "table"])
def test_a_gray_profile_becomes_an_rgb_one_with_its_curve(curve: bytes, depth: int) -> None:
    """Samples stay in their own space; the derivative's profile carries the curve and is one that others read."""
    handling = handle(header(Kind.GRAY, depth=depth, profile=gray_profile(curve)), depth=depth)
    assert handling.source is handling.target
    assert handling.warnings == ()
    assert handling.profile is not None
    assert color_space(handling.profile) == "RGB"
    assert curve in handling.profile
    ImageCms.ImageCmsProfile(io.BytesIO(handling.profile))


def test_lightness_follows_the_curve() -> None:
    """A sample of half its range is lighter the smaller its profile's gamma, as the formula has it."""
    half = np.full((1, 1), 32768, np.uint16)
    for curve, gamma in ((GAMMA_22, 2.2), (GAMMA_18, 1.8), (LINEAR, 1.0)):
        handling = handle(header(Kind.GRAY, depth=16, profile=gray_profile(curve)), depth=16)
        wanted = lightness(np.array((32768 / 65535) ** gamma))
        assert master_lightness(half, handling.source)[0, 0] == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("primaries", [ADOBE, PROPHOTO], ids=["Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("kind", [Kind.RGB, Kind.GRAY])
def test_a_matrix_profile_is_kept(kind: Kind, primaries: tuple[tuple[float, ...], ...]) -> None:
    """RGB and gray samples stay in the space of an RGB profile with one curve, and the profile stays byte for byte."""
    own = matrix_profile([GAMMA_22] * 3, primaries)
    handling = handle(header(kind, profile=own), depth=8)
    assert handling.profile == own
    assert handling.source is handling.target
    assert handling.source.luminance == pytest.approx([xyz[1] for xyz in primaries], abs=1e-3)
    assert handling.warnings == ()


@pytest.mark.parametrize(
    ("kind", "own", "samples"),
    [
        pytest.param(Kind.RGB, matrix_profile([GAMMA_22, GAMMA_18, LINEAR], ADOBE), (120, 120, 120), id="three curves"),
        pytest.param(Kind.RGB, table_profile(b"RGB ", 3), (120, 120, 120), id="RGB table"),
        pytest.param(Kind.CMYK, table_profile(b"CMYK", 4), (0, 0, 0, 120), id="CMYK table"),
        pytest.param(Kind.GRAY, gray_profile(b"curv\0\0\0\0\0\0\0\2\xff\xff\0\0"), (90,), id="curve that falls"),
    ],
)
def test_a_profile_that_can_only_be_read_gives_srgb(kind: Kind, own: bytes, samples: tuple[int, ...]) -> None:
    """Its samples are brought to sRGB, which the derivative then names, with a warning; another CMS is the judge."""
    page = np.full((4, 4, len(samples)), samples, np.uint8)
    page = page[:, :, 0].copy() if kind is Kind.GRAY else page
    handling = handle(header(kind, profile=own), depth=8)
    assert handling.warnings == ("profile_replaced",)
    assert handling.profile == make_profile()
    assert handling.target is srgb(8)
    seen = handling.convert(page)
    assert seen.dtype == np.uint16
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(samples)]
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(own)), ImageCms.createProfile("sRGB"), mode, "RGB"
    )
    from PIL import Image  # noqa: PLC0415

    judged = np.asarray(ImageCms.applyTransform(Image.frombytes(mode, (4, 4), page.tobytes()), transform))
    assert np.abs(seen / 257 - judged).max() <= 2


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        pytest.param(Kind.GRAY, b"no profile at all", id="garbage"),
        pytest.param(Kind.GRAY, gray_profile(b"xxxx" + bytes(20)), id="unknown curve"),
        pytest.param(Kind.GRAY, gray_profile(GAMMA_22)[:150], id="cut off"),
        pytest.param(Kind.GRAY, profile(b"GRAY", [])[:128] + b"\xff" * 4, id="too many tags"),
        pytest.param(Kind.RGB, gray_profile(GAMMA_22), id="gray profile on RGB"),
        pytest.param(Kind.RGB, table_profile(b"CMYK", 4), id="CMYK profile on RGB"),
        pytest.param(Kind.RGB, matrix_profile([GAMMA_22] * 3, [(0, 0, 0)] * 3), id="no primaries"),
        pytest.param(
            Kind.RGB, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), id="Lab profile on RGB"
        ),
    ],
)
def test_a_profile_that_cannot_be_read_counts_as_none(kind: Kind, own: bytes) -> None:
    """The samples are taken as sRGB, with a warning."""
    handling = handle(header(kind, profile=own), depth=8)
    assert handling.warnings == ("profile_unreadable",)
    assert handling.profile is None
    assert handling.source is srgb(8)


def test_samples_without_a_profile_are_srgb() -> None:
    """Nothing is said of a profile, and none is made."""
    handling = handle(header(Kind.RGB), depth=8)
    assert (handling.source, handling.target, handling.profile, handling.warnings) == (srgb(8), srgb(8), None, ())


def test_more_bits_keep_each_gray() -> None:
    """8-bit samples in a 16-bit derivative are 257 times as much; 16-bit ones in 8 bits are read at 16."""
    wide = handle(header(Kind.GRAY), depth=16)
    assert np.array_equal(wide.convert(ramp(8)), ramp(8).astype(np.uint16) * 257)
    assert wide.source is wide.target is srgb(16)
    narrow = handle(header(Kind.GRAY, depth=16), depth=8)
    assert (narrow.source, narrow.target) == (srgb(16), srgb(8))


def test_ink_without_a_profile_is_taken_as_ideal() -> None:
    """R = (1 - C)(1 - K): no ink is white, full black is black, and a warning tells."""
    handling = handle(header(Kind.CMYK), depth=8)
    assert handling.warnings == ("cmyk_without_profile",)
    page = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    wanted = [[65535] * 3, [0] * 3, [0, 65535, 65535], [52428] * 3]
    assert handling.convert(page)[0].tolist() == wanted


@pytest.mark.parametrize("depth", [8, 16])
def test_lab_gives_its_own_lightness(depth: int) -> None:
    """L* is read as it stands, whatever a and b are; the tint shows them."""
    top = 2**depth - 1
    neutral = 128 if depth == 8 else 32896
    page = np.full((16, 16, 3), neutral, np.uint8 if depth == 8 else np.uint16)
    page[:, :, 0] = ramp(depth)
    handling = handle(header(Kind.LAB, depth=depth), depth=depth)
    gray = handling.convert(page)
    assert gray.ndim == 2
    assert np.allclose(master_lightness(gray, handling.source), ramp(depth) / top * 100, atol=1e-3)
    tinted = handling.tint(page)
    assert np.abs(np.diff(tinted.astype(int), axis=2)).max() <= 1
    wanted = encoded(luminance(ramp(depth) / top * 100)) * 65535
    assert np.abs(tinted[:, :, 0] - wanted).max() <= 3
    page[:, :, 1] = top
    assert (handling.tint(page)[8, 8].astype(int) - handling.tint(page)[8, 8, 1])[0] > 10_000


def test_our_srgb_profile_is_srgb() -> None:
    """Another CMS finds no difference between our profile and its own sRGB."""
    from PIL import Image  # noqa: PLC0415

    samples = np.random.default_rng(5).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    ours = ImageCms.ImageCmsProfile(io.BytesIO(make_profile()))
    transform = ImageCms.buildTransform(ours, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    seen = np.asarray(ImageCms.applyTransform(Image.fromarray(samples), transform))
    assert np.abs(seen.astype(int) - samples).max() <= 1
    read = read_matrix(make_profile())
    assert read is not None
    assert np.allclose(read.curve(np.array([0.5])), 0.2140411, atol=1e-4)
