"""The annealed mean, over all logits and temperatures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.bins import COUNT, centers
from models.decoding import annealed_mean

temperatures = st.floats(0.05, 1)


@st.composite
def logits(draw: st.DrawFn) -> np.ndarray:
    """Logits of one cell, spread by 0.1 to 10."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.floats(0.1, 10))
    return dice.normal(0, spread, (1, COUNT, 1, 1)).astype(np.float32)


@given(logits(), temperatures, st.floats(-100, 100))
def test_a_constant_changes_nothing(cells: np.ndarray, temperature: float, constant: float) -> None:
    """A softmax does not see what is added to all bins, up to what float32 keeps of the sum."""
    moved = annealed_mean(cells + np.float32(constant), temperature)
    assert np.abs(moved - annealed_mean(cells, temperature)).max() < 0.1


@given(logits(), temperatures)
def test_it_is_the_mean_of_its_definition(cells: np.ndarray, temperature: float) -> None:
    """In double precision, by the formula, it is the same."""
    exponents = cells[0, :, 0, 0].astype(np.float64) / temperature
    chances = np.exp(exponents - exponents.max())
    right = chances @ centers() / chances.sum()
    assert np.abs(annealed_mean(cells, temperature)[0, :, 0, 0] - right).max() < 2e-3


@given(logits(), st.floats(0.01, 0.5))
def test_it_comes_nearer_to_the_mode(cells: np.ndarray, temperature: float) -> None:
    """With a falling temperature the most likely bin's chance grows: by the margin, only rounding is left at last."""
    order = np.argsort(cells[0, :, 0, 0])
    margin = cells[0, order[-1], 0, 0] - cells[0, order[-2], 0, 0]
    mode = centers()[order[-1]]
    off = np.abs(annealed_mean(cells, temperature)[0, :, 0, 0] - mode).max()
    # At most 312 others, each that much less likely, 220 away at most.
    assert off <= 220 * 312 * np.exp(-float(margin) / temperature) + 1e-3
