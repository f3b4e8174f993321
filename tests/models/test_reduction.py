"""The reduction: the mean over each pixel's area, however the picture comes in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import area
from models.reduction import Reduction

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
    picture = noise(3, 9, 11, 3, 8)
    compiled = reduced(picture, 4, 5, 9)
    monkeypatch.setattr(area, "_finish_row", area._finish_row.py_func)
    sums, out = np.zeros(33, np.uint32), np.zeros((5, 4, 3), np.float32)
    area.reduce_strip.py_func(picture.reshape(9, -1), 3, 0, 9, sums, out)
    assert np.abs(np.rint(out) - compiled).max() <= 1
