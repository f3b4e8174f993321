"""Previews: sizes, and that they show in sRGB what the picture shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.lab import XYZ_OF_RGB
from models.spaces import make_space, srgb
from worker.previews import SIDE, preview, preview_size


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_longer_side_is_bounded_and_the_shape_kept(width: int, height: int) -> None:
    """A preview is as large as its picture, up to 1,024 pixels, never less than one, and keeps its proportions."""
    small = preview_size(width, height)
    scale = min(1, SIDE / max(width, height))
    assert small == (max(1, round(width * scale)), max(1, round(height * scale)))
    assert max(small) <= SIDE


@pytest.mark.parametrize("gray", [True, False])
def test_a_preview_is_a_jpeg_of_its_size(gray: bool) -> None:
    """Samples that are somewhat larger are reduced; gray stays gray."""
    samples = np.full((300, 200) if gray else (300, 200, 3), 90, np.uint8)
    with Image.open(io.BytesIO(preview(samples, srgb(8), size=(100, 150)))) as picture:
        assert picture.mode == ("L" if gray else "RGB")
        assert picture.size == (100, 150)
        assert picture.getextrema() == ((90, 90) if gray else ((90, 90),) * 3)


@pytest.mark.parametrize("gray", [True, False])
def test_a_preview_is_in_srgb(gray: bool) -> None:
    """Samples of a linear 16-bit space come out as sRGB has them."""
    linear = make_space(lambda levels: levels, XYZ_OF_RGB, 16)
    samples = np.full((40, 40) if gray else (40, 40, 3), round(0.2140411 * 65535), np.uint16)
    with Image.open(io.BytesIO(preview(samples, linear, size=(40, 40)))) as picture:
        assert np.abs(np.asarray(picture).astype(int) - 127.5).max() <= 1.5


def test_a_wider_gamut_is_brought_over() -> None:
    """The green of a space with other primaries is a green that sRGB has, not the same numbers."""
    adobe = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    space = make_space(lambda levels: levels**2.2, adobe, 8)
    samples = np.full((40, 40, 3), (100, 150, 100), np.uint8)
    with Image.open(io.BytesIO(preview(samples, space, size=(40, 40)))) as picture:
        red, green, blue = np.asarray(picture)[20, 20].astype(int)
    # Computed with the same two matrices in float64: (65.9, 151.4, 97.0).
    assert red < 80
    assert abs(green - 151) <= 3
    assert abs(blue - 97) <= 4
