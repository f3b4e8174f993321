"""Previews: sizes, and that shrinking in steps shows what shrinking at once would."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from worker.previews import SIDE, preview


@given(st.integers(1, 5000), st.integers(1, 5000), st.booleans())
def test_the_longer_side_is_bounded_and_the_shape_kept(width: int, height: int, gray: bool) -> None:
    """A preview is as large as its picture, up to 1,024 pixels, never less than one, and keeps its proportions."""
    samples = np.full((height, width) if gray else (height, width, 3), 90, np.uint8)
    with Image.open(io.BytesIO(preview(samples))) as picture:
        assert picture.mode == ("L" if gray else "RGB")
        scale = min(1, SIDE / max(width, height))
        assert picture.size == (max(1, round(width * scale)), max(1, round(height * scale)))
        assert picture.getextrema() == ((90, 90) if gray else ((90, 90),) * 3)


@pytest.mark.parametrize("factor", [1.3, 2, 3.7, 8.1])
def test_a_preview_shows_what_the_picture_shows(factor: float) -> None:
    """Shrunk in steps or at once, by the mean over each cell: a few levels apart, none on the whole."""
    scene = cv2.resize(skimage.data.astronaut(), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    samples = cv2.resize(scene, None, fx=factor, fy=factor * 0.75, interpolation=cv2.INTER_LINEAR)
    with Image.open(io.BytesIO(preview(samples))) as picture:
        seen = np.asarray(picture.convert("RGB"), np.float64)
    wanted = cv2.resize(samples, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float64)
    assert abs((seen - wanted).mean()) < 0.5
    assert np.abs(seen - wanted).mean() < 3
