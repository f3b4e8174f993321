"""The reduction: the mean over each pixel's area, however the picture comes in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models import area
from models.reduction import Reduction, scaled

SIZES = st.integers(1, 70)


def noise(seed: int, height: int, width: int, channels: int, depth: int) -> np.ndarray:
    """Returns samples of all values."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    dtype = np.uint8 if depth == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**depth, shape, dtype=dtype)


def reduced(picture: np.ndarray, to_width: int, to_height: int, rows: int) -> np.ndarray:
    """Feeds a picture in strips of so many rows."""
    height, width = picture.shape[:2]
    reduction = Reduction(width, height, to_width, to_height, 1 if picture.ndim == 2 else picture.shape[2])
    for top in range(0, height, rows):
        reduction.add(picture[top : top + rows])
    return reduction.result()


@given(st.integers(0, 99), SIZES, SIZES, SIZES, SIZES, st.sampled_from([1, 3, 4]), st.sampled_from([8, 16]))
@settings(max_examples=150, deadline=None)
def test_it_is_the_mean_over_each_area(
    seed: int, width: int, height: int, to_width: int, to_height: int, channels: int, depth: int
) -> None:
    """OpenCV's area interpolation of the whole picture gives the same within a level."""
    to_width, to_height = min(width, to_width), min(height, to_height)
    picture = noise(seed, height, width, channels, depth)
    wanted = cv2.resize(picture, (to_width, to_height), interpolation=cv2.INTER_AREA).reshape(to_height, to_width, -1)
    seen = reduced(picture, to_width, to_height, 7)
    assert seen.dtype == picture.dtype
    assert np.abs(seen.reshape(wanted.shape).astype(int) - wanted).max() <= 1


@given(st.integers(0, 99), st.integers(1, 60), st.integers(1, 60), st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_strips_do_not_show(seed: int, to_width: int, to_height: int, rows: int) -> None:
    """However the rows are handed over, the result is that of the whole."""
    picture = noise(seed, 60, 60, 3, 16)
    assert np.array_equal(reduced(picture, to_width, to_height, rows), reduced(picture, to_width, to_height, 60))


@pytest.mark.parametrize(
    ("shape", "size", "depth"),
    [
        pytest.param((37, 700, 3), (433, 20), 8, id="a row is longer than a tile of the kernel"),
        pytest.param((5, 1030, 1), (1029, 5), 8, id="rows are kept"),
        pytest.param((50, 600, 4), (600, 49), 16, id="columns are kept"),
        pytest.param((33, 640, 3), (64, 3), 16, id="areas are whole"),
        pytest.param((33_000, 3, 1), (2, 7), 16, id="sums are larger than 31 bits"),
    ],
)
@pytest.mark.parametrize("rows", [1, 16, 33_000])
def test_the_mean_is_rounded_once(shape: tuple[int, int, int], size: tuple[int, int], depth: int, rows: int) -> None:
    """No sample is farther than half a level from the exact mean."""
    height, width, channels = shape
    picture = noise(1, height, width, channels, depth)
    seen = reduced(picture, *size, rows).reshape(size[1], size[0], channels)
    exact = picture.reshape(shape).astype(np.int64)
    for axis, (to_side, side) in enumerate(zip(size[::-1], (height, width), strict=True)):
        parts = np.repeat(exact, to_side, axis=axis)
        exact = np.add.reduceat(parts, np.arange(to_side) * side, axis=axis)
    assert (2 * np.abs(seen.astype(np.int64) * width * height - exact)).max() <= width * height


def test_a_large_even_picture_stays_even() -> None:
    """Sums over many samples lose nothing: the brightest 16-bit sample stays the brightest."""
    white = np.full((3000, 2000), 65535, np.uint16)
    assert (reduced(white, 3, 2, 64) == 65535).all()


def test_what_does_not_fit_is_refused() -> None:
    """A reduction does not enlarge, and has no result before its rows are there."""
    with pytest.raises(ValueError, match="cannot be reduced"):
        Reduction(10, 10, 11, 10, 1)
    with pytest.raises(ValueError, match="0 of 10 rows"):
        Reduction(10, 10, 5, 5, 1).result()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.zeros((11, 10), np.uint8), id="too many"),
        pytest.param(np.zeros((2, 11), np.uint8), id="too wide"),
        pytest.param(np.zeros((2, 9), np.uint8), id="too narrow"),
        pytest.param(np.zeros((2, 10, 3), np.uint8), id="other channels"),
    ],
)
def test_the_kernel_never_sees_rows_of_another_picture(rows: np.ndarray) -> None:
    """Rows of another shape, or beyond the last, are refused before the compiled code could write past its sums."""
    reduction = Reduction(10, 10, 5, 5, 1)
    with pytest.raises(ValueError, match="do not go on at row 0 of 10"):
        reduction.add(rows)


def test_the_compiled_kernel_does_what_its_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel run as plain Python gives the compiled one's means."""
    compiled = {channels: reduced(noise(3, 9, 11, channels, 8), 4, 5, 9).reshape(5, -1) for channels in (1, 3)}
    for part in ("_borders", "_add_rows", "_part_row", "_sum_areas", "_sum_areas_of_three"):
        monkeypatch.setattr(area, part, getattr(area, part).py_func)
    for channels in (1, 3):
        picture = noise(3, 9, 11, channels, 8)
        columns, out = np.zeros(11 * channels, np.int32), np.zeros((5, 4 * channels), np.uint8)
        area.reduce_strip.py_func(picture.reshape(9, -1), channels, 0, 9, columns, out)
        assert np.array_equal(out, compiled[channels])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_last_step_is_filtered_in_floats(depth: int, channels: int) -> None:
    """Each channel is what Pillow's cubic makes of it in floats, rounded once, and black and white are not passed."""
    top = 2**depth - 1
    picture = np.where(noise(5, 90, 120, channels, depth) > top // 2, top, noise(6, 90, 120, channels, depth) // 9)
    seen = scaled(picture, (50, 40))
    assert seen.dtype == picture.dtype
    for plane, found in zip(np.atleast_3d(picture).T, np.atleast_3d(seen).T, strict=True):
        floats = Image.fromarray(plane.T.astype(np.float32)).resize((50, 40), Image.Resampling.BICUBIC)
        assert np.array_equal(np.rint(np.clip(floats, 0, top)), found.T)
