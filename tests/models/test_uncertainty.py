"""Uncertainty: the entropy of what the net says, its figures, and the map."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.bins import COUNT
from models.uncertainty import Tally, Uncertainty, entropy, painted
from models.windows import Windows, decoded


def test_the_ends_of_the_scale() -> None:
    """Logits that are all alike are 1, one that towers above all others is 0, two alike are log 2 / log 313."""
    flat = np.full((1, COUNT, 1, 3), 7.0, np.float32)
    flat[0, 5, 0, 1] = 500
    flat[0, 5:7, 0, 2] = 500
    assert np.allclose(entropy(flat)[0, 0], [1, 0, np.log(2) / np.log(COUNT)], atol=1e-6)


@given(arrays(np.float32, (2, COUNT, 1, 2), elements=st.floats(-40, 40, width=32)), st.floats(-50, 50, width=32))
def test_entropy_is_that_of_the_softmax(logits: np.ndarray, shift: float) -> None:
    """It equals a float64 reference within 1e-4, lies in 0..1, and does not care for what is added to all logits."""
    found = entropy(logits)
    wide = logits.astype(np.float64)
    weights = np.exp(wide - wide.max(axis=1, keepdims=True))
    share = weights / weights.sum(axis=1, keepdims=True)
    wanted = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=1) / np.log(COUNT)
    assert np.allclose(found, wanted, atol=1e-4)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.allclose(found, entropy(logits + np.float32(shift)), atol=1e-3)


@given(
    st.lists(arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 1, width=32)))
)
def test_figures_are_those_of_all_cells(pages: list[np.ndarray]) -> None:
    """Mean and 95th percentile of any number of pages are those of all their cells together."""
    tally = Tally()
    for page in pages:
        tally.add(page)
    if not pages:
        assert tally.figures() is None
        return
    cells = np.concatenate([page.ravel() for page in pages])
    figures = tally.figures()
    assert isinstance(figures, Uncertainty)
    assert abs(figures.mean - cells.mean(dtype=np.float64)) < 1e-4
    assert abs(figures.p95 - np.percentile(cells, 95, method="inverted_cdf")) < 2e-4


def test_a_map_goes_from_dark_to_light() -> None:
    """The map has the wanted size, violet where the net is sure, yellow where it is not, and grows lighter between."""
    steps = painted(np.linspace(0, 1, 56, dtype=np.float32)[None].repeat(56, 0), (200, 100))
    assert steps.shape == (100, 200, 3)
    assert tuple(steps[50, 0]) == (68, 1, 84)
    assert tuple(steps[50, -1]) == (253, 231, 37)
    assert (np.diff(steps[50].astype(int) @ [299, 587, 114])[5:-5] >= -1500).all()


class Stripes:
    """A net that is sure in its left half, and says the same of every color in its right one."""

    engine = "stripes"
    input_size = 224

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        """Logits of one window."""
        out = np.zeros((1, COUNT, 56, 56), np.float32)
        out[0, 3, :, :28] = 100
        return out


def test_windows_are_blended_as_their_colors_are() -> None:
    """In a panorama each cell's uncertainty is the weighted mean of the windows that see it."""
    where = Windows(count=3, wide=True)
    width, height = where.size(224)
    found = decoded(Stripes(), np.zeros((height, width), np.float32), where, entropy)
    assert found.shape == (1, 56, 112)
    assert np.allclose(found[0, :, :28], 0, atol=1e-6)
    assert np.allclose(found[0, :, -28:], 1, atol=1e-6)
    assert (np.abs(found[0, 0, 28:-28] - 0.5) <= 0.5).all()
    assert len(np.unique(found[0, 0, 28:56].round(4))) > 20
