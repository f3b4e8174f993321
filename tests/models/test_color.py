"""Bins, decoding, lightness and the render."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import kernel
from models.bins import COUNT, centers
from models.decoding import annealed_mean
from models.lab import RGB_OF_RELATIVE_XYZ, XYZ_OF_RGB, encoded, lightness, linear
from models.render import make_space, master_lightness, render, srgb
from shared.errors import NetFailed


def test_the_bins_are_those_of_the_paper() -> None:
    """There are 313, in steps of 10, sorted by a and then b."""
    bins = centers()
    assert bins.shape == (COUNT, 2)
    assert np.array_equal(bins, np.array(sorted(map(tuple, bins)), np.float32))
    assert len({tuple(row) for row in bins}) == COUNT
    assert not (bins % 10).any()
    assert tuple(bins[0]) == (-90, 50)
    assert tuple(bins[-1]) == (100, 0)


def test_low_temperature_gives_the_mode_and_one_the_mean() -> None:
    """Near 0 the annealed mean is the most likely bin's center, at 1 the plain mean."""
    dice = np.random.default_rng(0)
    logits = dice.normal(size=(2, COUNT, 3, 4)).astype(np.float32)
    mode = annealed_mean(logits, 0.001)
    assert np.allclose(mode, centers()[logits.argmax(axis=1)].transpose(0, 3, 1, 2), atol=1e-3)
    chances = np.exp(logits.astype(np.float64))
    chances /= chances.sum(axis=1, keepdims=True)
    mean = np.einsum("nbhw,bc->nchw", chances, centers())
    assert np.allclose(annealed_mean(logits, 1.0), mean, atol=1e-3)


@pytest.mark.parametrize(
    "logits",
    [
        pytest.param(np.full((1, COUNT, 2, 2), np.nan, np.float32), id="no numbers"),
        pytest.param(np.full((1, COUNT, 2, 2), np.inf, np.float32), id="infinite"),
        pytest.param(np.zeros((1, COUNT, 2, 2), np.float32), id="all alike"),
        pytest.param(np.zeros((1, 7, 2, 2), np.float32), id="wrong channels"),
    ],
)
def test_a_net_that_says_nothing_fails(logits: np.ndarray) -> None:
    """An error in the net is never a gray picture called done."""
    with pytest.raises(NetFailed):
        annealed_mean(logits, 0.38)


@given(st.floats(0, 1))
def test_the_transfer_curve_inverts(value: float) -> None:
    """Encoding undoes linear light."""
    assert encoded(linear(np.array(value))) == pytest.approx(value, abs=1e-6)


def test_lightness_spans_0_to_100() -> None:
    """Black is 0, white 100, and middle gray where CIE puts it."""
    assert lightness(np.array([0.0, 1.0, 0.18418651851244416])) == pytest.approx([0, 100, 50], abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 65, 130]))
@settings(max_examples=20, deadline=None)
def test_gray_in_is_gray_out(seed: int, height: int) -> None:
    """Where ab is 0 each gray sample comes out as it went in, and lightness has not moved."""
    gray = np.random.default_rng(seed).integers(0, 256, (height, 9), dtype=np.uint8)
    out, delta = render(gray, np.zeros((2, 4, 4), np.float32), srgb())
    assert np.array_equal(out, np.repeat(gray[:, :, None], 3, axis=2))
    assert delta.maximum == 0


@given(st.integers(0, 2**32 - 1), st.floats(0, 110))
@settings(max_examples=25, deadline=None)
def test_lightness_survives_any_color(seed: int, reach: float) -> None:
    """For any ab the net can say L* moves by less than 0.6, as the samples themselves show."""
    dice = np.random.default_rng(seed)
    gray = dice.integers(0, 256, (70, 40), dtype=np.uint8)
    ab = dice.uniform(-reach, reach, (2, 7, 5)).astype(np.float32)
    out, delta = render(gray, ab, srgb())
    before = lightness(linear(gray / 255))
    after = lightness(linear(out / 255) @ XYZ_OF_RGB[1])
    moved = np.abs(before - after)
    assert moved.max() < 0.6
    assert delta.maximum == pytest.approx(moved.max(), abs=0.01)
    assert delta.mean == pytest.approx(moved.mean(), abs=0.005)
    assert delta.mean <= delta.p999 <= delta.maximum


def reference(gray: np.ndarray, a: float, b: float) -> np.ndarray:
    """Lab to sRGB in float64, 8-bit samples, unrounded; nan where the color lies outside the gamut."""
    root = (lightness(linear(gray / 255)) + 16) / 116
    f = np.stack([root + a / 500, root, root - b / 200], axis=-1)
    relative = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    rgb = relative @ RGB_OF_RELATIVE_XYZ.T
    inside = ((rgb >= 0) & (rgb <= 1)).all(axis=-1, keepdims=True)
    return np.where(inside, encoded(np.clip(rgb, 0, 1)) * 255, np.nan)


@given(st.floats(-80, 80), st.floats(-80, 80))
@settings(max_examples=30, deadline=None)
def test_samples_are_those_of_the_formula(a: float, b: float) -> None:
    """Inside the gamut each sample is within one level of a float64 reference."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ab = np.empty((2, 1, 1), np.float32)
    ab[0], ab[1] = a, b
    out, _ = render(gray, ab, srgb())
    wanted = reference(gray, a, b)
    inside = ~np.isnan(wanted)
    assert np.abs(out[inside] - wanted[inside]).max(initial=0) <= 1


def test_a_color_outside_the_gamut_keeps_its_hue() -> None:
    """Chroma is lowered along constant hue: the result is neither clipped nor gray."""
    gray = np.full((4, 4), 200, np.uint8)
    ab = np.empty((2, 1, 1), np.float32)
    ab[0], ab[1] = 60, -60
    out, _ = render(gray, ab, srgb())
    relative = linear(out[0, 0] / 255) @ XYZ_OF_RGB.T / XYZ_OF_RGB.sum(axis=1)
    f = np.cbrt(relative)
    a, b = 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    assert a > 5
    assert np.degrees(np.arctan2(b, a)) == pytest.approx(-45, abs=3)


def test_an_rgb_master_gives_its_lightness() -> None:
    """A toned master is colored from its L*: its own tint does not show."""
    sepia = np.stack([np.arange(256), np.arange(256) * 0.8, np.arange(256) * 0.6], axis=-1).astype(np.uint8)[None]
    out, delta = render(sepia, np.zeros((2, 2, 2), np.float32), srgb())
    assert np.abs(np.diff(out.astype(int), axis=2)).max() <= 1
    assert delta.maximum < 0.6
    assert np.allclose(master_lightness(sepia, srgb()), lightness(linear(sepia / 255) @ XYZ_OF_RGB[1]), atol=0.05)


def test_color_is_interpolated_over_the_whole_picture() -> None:
    """A grid that is red on the left and blue on the right gives such a picture, without a seam between strips."""
    ab = np.zeros((2, 2, 2), np.float32)
    ab[0, :, 0], ab[1, :, 1] = 40, -40
    out, _ = render(np.full((200, 50), 128, np.uint8), ab, srgb())
    assert out[0, 0, 0] > out[0, 0, 2]
    assert out[0, -1, 2] > out[0, -1, 0]
    assert (out == out[0]).all()


def test_another_tone_curve_keeps_gray_too() -> None:
    """In a space with gamma 1.8, gray in is gray out, and lightness survives."""
    space = make_space((np.arange(256) / 255) ** 1.8, XYZ_OF_RGB)
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    out, _ = render(gray, np.zeros((2, 2, 2), np.float32), space)
    assert np.array_equal(out[:, :, 1], gray)
    _, delta = render(gray, np.full((2, 2, 2), 30, np.float32), space)
    assert delta.maximum < 0.8


@pytest.mark.parametrize("channels", [1, 3])
def test_the_compiled_kernel_does_what_its_source_says(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel run as plain Python gives the compiled one's samples and figures."""
    dice = np.random.default_rng(7)
    strip = dice.integers(0, 256, (6, 9, channels), dtype=np.uint8)
    ab = dice.uniform(-110, 110, (2, 3, 4)).astype(np.float32)
    ab[:, :, :2] = 0
    compiled, delta = render(strip[:, :, 0] if channels == 1 else strip, ab, srgb())
    plain = np.empty((6, 9, 3), np.uint8)
    histogram, sums = np.zeros(1000, np.int64), np.zeros(2)
    space = srgb()
    table = lightness(np.arange(4098) / 4096).astype(np.float32)
    arrays = (space.light, space.samples, space.luminance, space.matrix, table, plain, histogram, sums)
    for name in ("_row_lightness", "_row_colors", "_row_gamut", "_row_samples"):
        monkeypatch.setattr(kernel, name, getattr(kernel, name).py_func)
    kernel.render_strip.py_func(strip, ab, 0, 6, *arrays)
    assert np.abs(plain.astype(int) - compiled).max() <= 1
    assert histogram.sum() == 54
    assert sums[1] == pytest.approx(delta.maximum, abs=0.05)
