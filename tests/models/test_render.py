"""The render: exact lightness, exact grays, colors brought into the gamut, at 8 and 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import kernel
from models.chroma import plain
from models.lab import RGB_OF_RELATIVE_XYZ, XYZ_OF_RGB, encoded, lightness, linear
from models.render import Render, render
from models.spaces import Space, make_space, master_lightness, srgb

#: The most that L* may move, by depth.
BARS = {8: 0.6, 16: 0.05}

#: Levels that a sample may be off, by depth.
LEVELS = {8: 1, 16: 2}

SEEDS = st.integers(0, 2**32 - 1)
DEPTHS = st.sampled_from([8, 16])


def power(gamma: float, depth: int) -> Space:
    """Returns a space with sRGB's primaries and a power for its curve."""
    return make_space(lambda levels: levels**gamma, XYZ_OF_RGB, depth)


def noise(seed: int, depth: int, *shape: int) -> np.ndarray:
    """Returns gray samples of all values."""
    dtype = np.uint8 if depth == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**depth, shape, dtype=dtype)


def constant(a: float, b: float) -> np.ndarray:
    """Returns the grid of one color all over."""
    return np.array([a, b, 0, 0], np.float32).reshape(4, 1, 1)


def after(out: np.ndarray) -> np.ndarray:
    """Returns L* of sRGB samples in float64."""
    return lightness(linear(out / np.iinfo(out.dtype).max) @ XYZ_OF_RGB[1])


@given(SEEDS, DEPTHS, st.sampled_from([1, 2, 65, 130]), st.sampled_from(["srgb", 1.0, 1.8, 2.2]))
@settings(max_examples=30, deadline=None)
def test_gray_in_is_gray_out(seed: int, depth: int, height: int, curve: str | float) -> None:
    """Where ab is 0 each gray sample comes out as it went in, in any space, and lightness has not moved."""
    space = srgb(depth) if isinstance(curve, str) else power(curve, depth)
    gray = noise(seed, depth, height, 9)
    out, delta = render(gray, np.zeros((4, 4, 4), np.float32), space)
    assert out.dtype == gray.dtype
    assert np.array_equal(out, np.repeat(gray[:, :, None], 3, axis=2))
    assert delta.maximum < 0.001


@given(SEEDS, DEPTHS, st.floats(0, 110), st.floats(0, 2))
@settings(max_examples=40, deadline=None)
def test_lightness_survives_any_color(seed: int, depth: int, reach: float, slope: float) -> None:
    """For any ab the net can say L* moves by less than the bar, and by what the render says."""
    dice = np.random.default_rng(seed)
    gray = noise(seed, depth, 70, 40)
    grid = dice.uniform(-1, 1, (4, 7, 5)).astype(np.float32)
    grid[:2] *= reach
    grid[2:] *= slope
    out, delta = render(gray, grid, srgb(depth))
    moved = np.abs(after(out) - lightness(linear(gray / (2**depth - 1))))
    assert moved.max() < BARS[depth]
    assert delta.maximum == pytest.approx(moved.max(), abs=0.005)
    assert delta.mean == pytest.approx(moved.mean(), abs=0.005)
    assert delta.mean <= delta.p999 <= delta.maximum


@given(SEEDS, DEPTHS, st.floats(-110, 110), st.floats(-110, 110))
@settings(max_examples=25, deadline=None)
def test_what_was_lighter_stays_lighter(seed: int, depth: int, a: float, b: float) -> None:
    """The order of lightness is kept, up to what rounding to samples moves."""
    gray = np.sort(noise(seed, depth, 1, 500), axis=1)
    out, delta = render(gray, constant(a, b), srgb(depth))
    assert np.diff(after(out)).min() > -2 * delta.maximum - 1e-3


def reference(gray: np.ndarray, a: float, b: float, space: Space, top: int) -> np.ndarray:
    """Lab to samples in float64, unrounded: chroma lowered until the color fits, by sixty halvings."""
    curve = linear if space in (srgb(8), srgb(16)) else (lambda levels: levels**2.2)
    back = encoded if curve is linear else (lambda light: light ** (1 / 2.2))
    root = (lightness(curve(gray / top)) + 16) / 116

    def light(factor: np.ndarray) -> np.ndarray:
        f = np.stack([root + factor * a / 500, root, root - factor * b / 200], axis=-1)
        return np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) @ RGB_OF_RELATIVE_XYZ.T

    def fits(factor: np.ndarray) -> np.ndarray:
        return ((light(factor) >= 0) & (light(factor) <= 1)).all(axis=-1)

    factor = fits(np.ones_like(root)).astype(np.float64)
    open_, step = factor == 0, 0.5
    for _ in range(60):
        factor = np.where(open_ & fits(factor + step), factor + step, factor)
        step /= 2
    return back(np.clip(light(factor), 0, 1)) * top


@given(DEPTHS, st.floats(-110, 110), st.floats(-110, 110), st.sampled_from(["srgb", 2.2]))
@settings(max_examples=200, deadline=None)
def test_samples_are_those_of_the_formula(depth: int, a: float, b: float, curve: str | float) -> None:
    """Each sample is within 1 level at 8 bits, and 2 at 16, of a float64 reference, in and out of the gamut."""
    space = srgb(depth) if isinstance(curve, str) else power(curve, depth)
    top = 2**depth - 1
    gray = np.linspace(0, top, 256).round().astype(space.dtype).reshape(16, 16)
    out, _ = render(gray, constant(a, b), space)
    wanted = reference(gray, a, b, space, top)
    assert np.abs(out - wanted).max() <= LEVELS[depth] + (0.05 if depth == 8 else 0)


def test_a_color_outside_the_gamut_keeps_its_hue() -> None:
    """Chroma is lowered along constant hue: the result is neither clipped nor gray."""
    out, _ = render(np.full((4, 4), 200, np.uint8), constant(60, -60), srgb(8))
    relative = linear(out[0, 0] / 255) @ XYZ_OF_RGB.T / XYZ_OF_RGB.sum(axis=1)
    f = np.cbrt(relative)
    a, b = 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    assert a > 5
    assert np.degrees(np.arctan2(b, a)) == pytest.approx(-45, abs=3)


@pytest.mark.parametrize("depth", [8, 16])
def test_an_rgb_master_gives_its_lightness(depth: int) -> None:
    """A toned master is colored from its L*: its own tint does not show."""
    ramp = np.linspace(0, 2**depth - 1, 256)
    sepia = np.stack([ramp, ramp * 0.8, ramp * 0.6], axis=-1).astype(srgb(depth).dtype)[None]
    out, delta = render(sepia, plain(np.zeros((2, 2, 2), np.float32)), srgb(depth))
    assert np.abs(np.diff(out.astype(int), axis=2)).max() <= 1
    assert delta.maximum < BARS[depth]
    wanted = lightness(linear(sepia / (2**depth - 1)) @ XYZ_OF_RGB[1])
    assert np.allclose(master_lightness(sepia, srgb(depth)), wanted, atol=0.001)


def test_color_is_interpolated_over_the_whole_picture() -> None:
    """A grid that is red on the left and blue on the right gives such a picture, without a seam between strips."""
    ab = np.zeros((2, 2, 2), np.float32)
    ab[0, :, 0], ab[1, :, 1] = 40, -40
    out, _ = render(np.full((200, 50), 128, np.uint8), plain(ab), srgb(8))
    assert out[0, 0, 0] > out[0, 0, 2]
    assert out[0, -1, 2] > out[0, -1, 0]
    assert (out == out[0]).all()


@given(SEEDS, st.lists(st.integers(1, 90), min_size=1, max_size=5), st.booleans())
@settings(max_examples=20, deadline=None)
def test_strips_make_the_same_picture(seed: int, heights: list[int], gray: bool) -> None:
    """However a picture is cut into strips, written elsewhere or in place, the samples are those of the whole."""
    picture = noise(seed, 8, sum(heights), 30) if gray else noise(seed, 8, sum(heights), 30, 3)
    grid = np.random.default_rng(seed).uniform(-60, 60, (4, 5, 6)).astype(np.float32)
    whole, delta = render(picture, grid, srgb(8))
    painter = Render(grid, height=len(picture), source=srgb(8), target=srgb(8))
    tops = np.cumsum([0, *heights[:-1]])
    strips = [picture[top : top + height].copy() for top, height in zip(tops, heights, strict=True)]
    parts = [painter.strip(strip, out=None if gray else strip) for strip in strips]
    assert np.array_equal(np.concatenate(parts), whole)
    assert painter.delta_l() == delta


@given(SEEDS, st.floats(-60, 60), st.floats(-60, 60))
@settings(max_examples=20, deadline=None)
def test_another_space_keeps_the_lightness(seed: int, a: float, b: float) -> None:
    """From a 16-bit space with gamma 1.8 into 8-bit sRGB, lightness is the master's."""
    source = power(1.8, 16)
    gray = noise(seed, 16, 20, 30)
    painter = Render(constant(a, b), height=20, source=source, target=srgb(8))
    out = painter.strip(gray)
    assert out.dtype == np.uint8
    assert np.abs(after(out) - lightness((gray / 65535) ** 1.8)).max() < BARS[8]
    assert painter.delta_l().maximum < BARS[8]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_compiled_kernel_does_what_its_source_says(
    channels: int, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel run as plain Python gives the compiled one's samples and figures."""
    space = srgb(depth)
    strip = noise(7, depth, 6, 9, channels)
    grid = np.random.default_rng(7).uniform(-110, 110, (4, 3, 4)).astype(np.float32)
    grid[2:] /= 100
    grid[:, :, :2] = 0
    compiled, delta = render(strip[:, :, 0] if channels == 1 else strip, grid, space)
    out = np.empty((6, 9, 3), space.dtype)
    histogram, sums = np.zeros(5000, np.int64), np.zeros(2)
    table = lightness(np.arange(4098) / 4096).astype(np.float32)
    for name in [name for name in vars(kernel) if name.startswith(("_row_", "_linear_"))]:
        monkeypatch.setattr(kernel, name, getattr(kernel, name).py_func)
    source = space.light, space.lightness, space.luminance
    target = space.samples, space.light, space.luminance, space.matrix
    halvings = 14 if depth == 8 else 22
    kernel.render_strip.py_func(
        strip, grid, 0, 6, source, target, table, depth == 16, True, halvings, out, histogram, sums
    )
    assert np.abs(out.astype(int) - compiled).max() <= 1
    assert histogram.sum() == 54
    assert sums[1] == pytest.approx(delta.maximum, abs=0.05)
