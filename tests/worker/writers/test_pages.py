"""Pages: strips cut to another height."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.writers.dressed import dressing, picture, strips
from worker.writers.pages import cut


@given(
    height=st.integers(1, 60),
    rows=st.integers(1, 60),
    heights=st.lists(st.integers(1, 25), max_size=10),
)
def test_bands_have_the_height_that_was_asked_for(height: int, rows: int, heights: list[int]) -> None:
    """All bands but the last are `rows` high, and together they are the page."""
    samples = picture(height, 3)
    bands = [band.copy() for band in cut(dressing(samples), strips(samples, heights), rows)]
    assert np.array_equal(np.concatenate(bands), samples)
    assert {len(band) for band in bands[:-1]} <= {rows}
    assert 1 <= len(bands[-1]) <= rows
