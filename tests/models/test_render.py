"""The render: exact lightness, exact grays, colors brought into the gamut, at 8 and 16 bits."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.reference import ADOBE, PROPHOTO, SPACES, SRGB, Colorimetry, Exact, power, rendered
from models import kernel
from models.lab import XYZ_OF_RGB, lightness, linear
from models.render import Comparison, DeltaL, Render, _parts, render
from models.spaces import master_lightness, srgb

#: The most that L* may move, by depth. Linear samples of 8 bits are too coarse for it in the dark: half of one is 1.8.
BARS = {8: 0.6, 16: 0.05}

#: Levels that a sample may be off, by depth.
LEVELS = {8: 1, 16: 2}

SEEDS = st.integers(0, 2**32 - 1)
DEPTHS = st.sampled_from([8, 16])
AB = st.floats(-110, 110)

#: All spaces but the linear one.
CURVED = st.sampled_from([space for space in SPACES if space.name != "gamma 1.0"])


def noise(seed: int, depth: int, *shape: int) -> np.ndarray:
    """Returns gray samples of all values."""
    dtype = np.uint8 if depth == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**depth, shape, dtype=dtype)


def constant(a: float, b: float) -> np.ndarray:
    """Returns the grid of one color all over."""
    return np.array([a, b], np.float32).reshape(2, 1, 1)


def after(out: np.ndarray) -> np.ndarray:
    """Returns L* of sRGB samples in float64."""
    return lightness(linear(out / np.iinfo(out.dtype).max) @ XYZ_OF_RGB[1])


@given(SEEDS, DEPTHS, st.sampled_from([1, 2, 65, 130]), st.sampled_from(SPACES))
@settings(max_examples=30, deadline=None)
def test_gray_in_is_gray_out(seed: int, depth: int, height: int, color: Colorimetry) -> None:
    """Where ab is 0 each gray sample comes out as it went in, in any space, and lightness has not moved."""
    gray = noise(seed, depth, height, 9)
    for planes in (2, 4):
        out, delta = render(gray, np.zeros((planes, 4, 4), np.float32), color.space(depth))
        assert out.dtype == gray.dtype
        assert np.array_equal(out, np.repeat(gray[:, :, None], 3, axis=2))
        assert delta.maximum < 0.001


@pytest.mark.parametrize("color", SPACES, ids=lambda color: color.name)
def test_every_gray_survives(color: Colorimetry) -> None:
    """All 65,536 grays of 16 bits come back where half of the picture has no color, beside a half that has."""
    gray = np.arange(65536, dtype=np.uint16).reshape(64, 1024)
    grid = np.zeros((2, 1, 64), np.float32)
    grid[:, :, 33:] = 40
    out, _ = render(gray, grid, color.space(16))
    assert (out[:, :512] == gray[:, :512, None]).all()
    assert np.ptp(out[:, 600:], axis=2).mean() > 100


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


@given(SEEDS, DEPTHS, AB, AB)
@settings(max_examples=25, deadline=None)
def test_what_was_lighter_stays_lighter(seed: int, depth: int, a: float, b: float) -> None:
    """The order of lightness is kept, up to what rounding to samples moves."""
    gray = np.sort(noise(seed, depth, 1, 500), axis=1)
    out, delta = render(gray, constant(a, b), srgb(depth))
    assert np.diff(after(out)).min() > -2 * delta.maximum - 1e-3


@given(DEPTHS, AB, AB, st.sampled_from(SPACES), st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_samples_are_those_of_the_formula(depth: int, a: float, b: float, color: Colorimetry, first: int) -> None:
    """Each sample is within 1 level at 8 bits, and 2 at 16, of a float64 reference, in and out of the gamut."""
    top = 2**depth - 1
    gray = np.unique([*np.linspace(first, top, 200).round(), *range(40)]).astype(srgb(depth).dtype)
    found = rendered(gray, np.array([a]), np.array([b]), color.space(depth))
    assert (
        Exact(gray, np.float64(np.float32(a)), np.float64(np.float32(b)), color).distance(found[0]).max()
        <= LEVELS[depth]
    )


@given(DEPTHS, AB, AB, CURVED)
@settings(max_examples=60, deadline=None)
def test_lightness_survives_in_any_space(depth: int, a: float, b: float, color: Colorimetry) -> None:
    """L* moves by less than the bar for any tone curve and any primaries, and by what the render says."""
    gray = np.linspace(0, 2**depth - 1, 256).round().astype(srgb(depth).dtype)[None]
    out, delta = render(gray, constant(a, b), color.space(depth))
    moved = np.abs(color.lightness(out) - color.grays(gray))
    assert moved.max() < BARS[depth]
    assert delta.maximum == pytest.approx(moved.max(), abs=0.002)


@given(DEPTHS, AB, AB)
@settings(max_examples=20, deadline=None)
def test_linear_samples_move_by_half_of_one_at_most(depth: int, a: float, b: float) -> None:
    """Where samples are linear, light moves by half a sample at most: what rounding has to leave."""
    top = 2**depth - 1
    gray = np.linspace(0, top, 256).round().astype(srgb(depth).dtype)[None]
    out, _ = render(gray, constant(a, b), power(1.0).space(depth))
    assert np.abs(out @ XYZ_OF_RGB[1] - gray).max() <= 0.6


def test_the_reference_knows_its_formulas() -> None:
    """The reference's own spaces invert, and have the published shares of red, green and blue in luminance."""
    for color in SPACES:
        levels = np.linspace(0, 1, 101)
        assert np.allclose(color.encode(color.decode(levels)), levels, atol=1e-9)
    for color, shares in (
        (SRGB, (0.2126, 0.7152, 0.0722)),
        (ADOBE, (0.2973, 0.6274, 0.0753)),
        (PROPHOTO, (0.2880, 0.7119, 0.0001)),
    ):
        assert color.xyz_of_rgb[1] == pytest.approx(shares, abs=2e-4)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("gray", [0, 1, 2**7, -2, -1])
def test_black_and_white_have_room_for_no_color(depth: int, gray: int) -> None:
    """At the ends of the scale the strongest colors end in samples that exist, and black and white stay themselves."""
    space = srgb(depth)
    value = np.full((1, 600), gray % 2**depth, space.dtype)
    for a, b in ((110, 110), (-110, 110), (9999, -9999)):
        out, delta = render(value, constant(a, b), space)
        assert delta.maximum < BARS[depth]
        if gray in {0, -1}:
            assert (out == value[:, :, None]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e5])
def test_a_grid_that_is_no_color_is_refused(bad: float) -> None:
    """The kernel never sees what is no number."""
    with pytest.raises(ValueError, match="numbers"):
        render(np.zeros((2, 2), np.uint8), constant(bad, 0), srgb(8))


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros((2, 2), np.uint16), id="other depth"),
        pytest.param(np.zeros((2, 2, 4), np.uint8), id="alpha"),
        pytest.param(np.zeros((2, 2, 2), np.uint8), id="two channels"),
        pytest.param(np.zeros(4, np.uint8), id="a row"),
    ],
)
def test_samples_of_another_kind_are_refused(samples: np.ndarray) -> None:
    """The kernel never sees samples that its tables do not cover."""
    with pytest.raises(ValueError, match="8-bit space"):
        render(samples, constant(0, 0), srgb(8))


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
    out, delta = render(sepia, np.zeros((2, 2, 2), np.float32), srgb(depth))
    assert np.abs(np.diff(out.astype(int), axis=2)).max() <= 1
    assert delta.maximum < BARS[depth]
    wanted = lightness(linear(sepia / (2**depth - 1)) @ XYZ_OF_RGB[1])
    assert np.allclose(master_lightness(sepia, srgb(depth)), wanted, atol=0.001)


def test_color_is_interpolated_over_the_whole_picture() -> None:
    """A grid that is red on the left and blue on the right gives such a picture, without a seam between strips."""
    ab = np.zeros((2, 2, 2), np.float32)
    ab[0, :, 0], ab[1, :, 1] = 40, -40
    out, _ = render(np.full((200, 50), 128, np.uint8), ab, srgb(8))
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
    source = power(1.8).space(16)
    gray = noise(seed, 16, 20, 30)
    painter = Render(constant(a, b), height=20, source=source, target=srgb(8))
    out = painter.strip(gray)
    assert out.dtype == np.uint8
    assert np.abs(after(out) - lightness((gray / 65535) ** 1.8)).max() < BARS[8]
    assert painter.delta_l().maximum < BARS[8]


@given(SEEDS, DEPTHS, DEPTHS, st.booleans(), st.lists(st.integers(1, 90), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_comparison_measures_what_a_decoded_derivative_lost(
    seed: int, depth: int, to_depth: int, gray: bool, heights: list[int]
) -> None:
    """|delta L*| is that of float64, between any depths and spaces, however the strips are cut."""
    shape = (sum(heights), 11)
    source, target = power(1.8), SRGB
    master = noise(seed, depth, *shape) if gray else noise(seed, depth, *shape, 3)
    derivative = noise(seed + 1, to_depth, *shape, 3)
    comparison = Comparison(source.space(depth), target.space(to_depth), height=sum(heights))
    tops = np.cumsum([0, *heights])
    for top, bottom in pairwise(tops):
        comparison.strip(master[top:bottom], derivative[top:bottom])
    before = source.grays(master) if gray else source.lightness(master)
    moved = np.abs(target.lightness(derivative) - before)
    delta = comparison.delta_l()
    assert delta.maximum == pytest.approx(moved.max(), abs=0.002)
    assert delta.mean == pytest.approx(moved.mean(), abs=0.002)
    whole = Comparison(source.space(depth), target.space(to_depth), height=sum(heights))
    whole.strip(master, derivative)
    assert whole.delta_l() == delta


@given(
    SEEDS,
    st.lists(st.integers(1, 90), min_size=1, max_size=6),
    st.sampled_from([1, 3, 7, 11, 385, 800]),
    st.sampled_from(["flat", "few", "many", "rising", "falling"]),
)
@settings(max_examples=150, deadline=None)
def test_the_percentile_is_that_of_all_pixels(seed: int, heights: list[int], width: int, kind: str) -> None:
    """Though most pixels are not binned, p999 after each strip is that of a histogram of all, wherever moves lie."""
    dice = np.random.default_rng(seed)
    height = sum(heights)
    reach = dice.integers(1, 3000)
    spread = {
        "flat": np.full((height, width), reach),
        "few": np.where(dice.random((height, width)) < 0.002, reach, dice.integers(0, 9)),
        "many": dice.integers(0, reach + 1, (height, width)),
        "rising": np.linspace(0, reach, height * width).reshape(height, width),
        "falling": np.linspace(reach, 0, height * width).reshape(height, width),
    }[kind].astype(np.uint16)
    master = np.full((height, width), 20_000, np.uint16)
    derivative = np.repeat((master + spread)[:, :, None], 3, axis=2)
    space = srgb(16)
    moved = np.abs(space.roots[derivative[:, :, 0]] - space.roots[master]) * np.float32(116)
    # Of a picture that goes on for so long no pixel can be left out yet.
    comparison, endless = (Comparison(space, space, height=rows) for rows in (height, 10**9))
    bottom = 0
    for rows in heights:
        part = slice(bottom, bottom + rows)
        for one in (comparison, endless):
            one.strip(master[part], derivative[part])
        bottom += rows
        delta, seen = comparison.delta_l(), moved[:bottom].ravel()
        assert delta == endless.delta_l()
        rank = int(np.ceil(0.999 * seen.size)) - 1
        assert delta.p999 == pytest.approx(np.partition(seen, rank)[rank], abs=1.1e-3)


def test_most_pixels_are_in_no_bin() -> None:
    """What cannot be among the 0.1 % that moved most is left out, or the render would count all it has."""
    gray = noise(3, 8, 400, 700)
    painter = Render(constant(20, 30), height=400, source=srgb(8), target=srgb(8))
    painter.strip(gray)
    assert 0 < painter._figures.histogram.sum() < 0.1 * gray.size


@pytest.mark.parametrize("rows", [3, 300])
def test_a_picture_has_no_more_rows_than_it_said(rows: int) -> None:
    """More would be measured without what was left out for the fewer."""
    gray = np.zeros((rows, 2), np.uint8)
    painter = Render(constant(0, 0), height=rows, source=srgb(8), target=srgb(8))
    comparison = Comparison(srgb(8), srgb(8), height=rows)
    color = painter.strip(gray)
    comparison.strip(gray, color)
    with pytest.raises(ValueError, match=f"{rows} rows"):
        painter.strip(gray[:1])
    with pytest.raises(ValueError, match=f"{rows} rows"):
        comparison.strip(gray[:1], color[:1])


def test_a_comparison_of_the_same_is_zero() -> None:
    """A derivative that was rendered and kept moved what the render said; a gray one that is the same, nothing."""
    gray = noise(5, 8, 40, 50)
    painter = Render(constant(20, 30), height=40, source=srgb(8), target=srgb(8))
    out = painter.strip(gray)
    comparison, same = (Comparison(srgb(8), srgb(8), height=40) for _ in range(2))
    comparison.strip(gray, out)
    same.strip(gray, np.repeat(gray[:, :, None], 3, axis=2))
    assert comparison.delta_l() == painter.delta_l()
    assert same.delta_l().maximum < 0.001


def test_a_comparison_needs_pictures_of_one_size() -> None:
    """Rows that do not lie on each other are refused."""
    with pytest.raises(ValueError, match="compared"):
        Comparison(srgb(8), srgb(8), height=2).strip(np.zeros((2, 3), np.uint8), np.zeros((2, 4, 3), np.uint8))


def test_figures_survive_the_wire_and_many_pixels() -> None:
    """DeltaL crosses as a mapping; nothing measured is nothing moved; the rarest large move is the maximum only."""
    comparison = Comparison(srgb(8), srgb(8), height=2000)
    assert comparison.delta_l() == DeltaL(maximum=0, mean=0, p999=0)
    gray = np.full((400, 500), 128, np.uint8)
    color = np.repeat(gray[:, :, None], 3, axis=2)
    color[0, 0] = 255
    for _ in range(5):
        comparison.strip(gray, color)
    delta = comparison.delta_l()
    moved = float(lightness(np.array(1.0)) - lightness(linear(np.array(128 / 255))))
    assert delta.maximum == pytest.approx(moved, abs=0.001)
    assert delta.mean == pytest.approx(moved / 200_000, abs=1e-5)
    assert delta.p999 <= 0.001
    assert DeltaL(**asdict(delta)) == delta


def test_sums_of_a_thousand_megapixels_are_exact() -> None:
    """The figures are integers: 10^9 pixels that moved by 100 fit, and are added in any order."""
    painter = Render(constant(0, 0), height=1, source=srgb(8), target=srgb(8))
    figures = painter._figures
    assert figures.sums.dtype == figures.histogram.dtype == np.int64
    assert 10**9 * 100 * kernel.COUNTS_A_UNIT < 2**63


@given(SEEDS, st.sampled_from([1, 511, 512, 513, 1030]), st.sampled_from([1, 2, 3, 70]))
@settings(max_examples=20, deadline=None)
def test_tiles_do_not_show(seed: int, width: int, height: int) -> None:
    """A picture wider than a tile is what its mirror image is, mirrored."""
    gray = noise(seed, 8, height, width)
    grid = np.random.default_rng(seed).uniform(-30, 30, (4, 5, 7)).astype(np.float32)
    grid[2:] /= 100
    out, _ = render(gray, grid, srgb(8))
    mirrored, _ = render(gray[:, ::-1], np.ascontiguousarray(grid[:, :, ::-1]), srgb(8))
    assert np.abs(out.astype(int) - mirrored[:, ::-1]).max() <= 1


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
    out = np.empty((6, 27), space.dtype)
    histogram, sums = np.zeros((kernel.PARTS, 5000), np.int64), np.zeros(4, np.int64)
    memory = np.zeros(kernel.SCRATCH, np.float32)
    for name, found in list(vars(kernel).items()):
        if hasattr(found, "py_func"):
            monkeypatch.setattr(kernel, name, found.py_func)
    source = space.light, space.roots, space.luminance
    target = space.light, space.luminance, space.samples, space.nearest, space.matrix
    rows = strip.reshape(6, 9 * channels)
    kernel.render_strip(rows, _parts(grid), 0, 6, source, target, True, out, memory, histogram, sums, 1)
    assert np.abs(out.reshape(6, 9, 3).astype(int) - compiled).max() <= 1
    assert histogram[:, sums[2] + 1 :].sum() == sums[3]
    assert sums[1] / kernel.COUNTS_A_UNIT == pytest.approx(delta.maximum, abs=0.05)
    moved = np.zeros_like(sums)
    kernel.compare_strip(rows, out, source, target[:2], memory, histogram, moved, 1)
    assert np.abs(moved - sums)[:2].max() <= 200
