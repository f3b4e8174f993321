"""Memory stays bounded, whatever a picture's size: whole processes, the net included."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.sizes import JPEG_BAR, TIFF_BAR, make_jpeg, make_tiff, measure


@pytest.mark.slow
def test_a_gigapixel_tiff_needs_little_memory(tmp_path: Path) -> None:
    """A gray 16-bit TIFF of 1,000 megapixels, 6 GB of color, is made within 700 MB."""
    taken = measure("ours", make_tiff(tmp_path, 1000, grain=0))
    assert taken is not None
    assert taken[1] < TIFF_BAR


@pytest.mark.slow
def test_a_large_jpeg_needs_what_it_holds(tmp_path: Path) -> None:
    """A JPEG of 100 megapixels, decoded and encoded as a whole, is made within 1.2 GB."""
    taken = measure("ours", make_jpeg(tmp_path, 100))
    assert taken is not None
    assert taken[1] < JPEG_BAR
