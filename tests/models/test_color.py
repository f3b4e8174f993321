"""Bins, decoding and lightness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bins import COUNT, centers
from models.decoding import annealed_mean
from models.lab import encoded, lightness, linear
from shared.errors import NetFailed


def test_the_bins_are_those_of_the_paper() -> None:
    """There are 313, in steps of 10, sorted by a and then b."""
    bins = centers()
    assert bins.shape == (COUNT, 2)
    assert np.array_equal(bins, np.array(sorted(map(tuple, bins)), np.float32))
    assert len({tuple(row) for row in bins}) == COUNT
    assert not (bins % 10).any()
    assert tuple(bins[0]) == (-90, 50)
    assert tuple(bins[-1]) == (100, 0)


def test_low_temperature_gives_the_mode_and_one_the_mean() -> None:
    """Near 0 the annealed mean is the most likely bin's center, at 1 the plain mean."""
    dice = np.random.default_rng(0)
    logits = dice.normal(size=(2, COUNT, 3, 4)).astype(np.float32)
    mode = annealed_mean(logits, 0.001)
    assert np.allclose(mode, centers()[logits.argmax(axis=1)].transpose(0, 3, 1, 2), atol=1e-3)
    chances = np.exp(logits.astype(np.float64))
    chances /= chances.sum(axis=1, keepdims=True)
    mean = np.einsum("nbhw,bc->nchw", chances, centers())
    assert np.allclose(annealed_mean(logits, 1.0), mean, atol=1e-3)


@pytest.mark.parametrize(
    "logits",
    [
        pytest.param(np.full((1, COUNT, 2, 2), np.nan, np.float32), id="no numbers"),
        pytest.param(np.full((1, COUNT, 2, 2), np.inf, np.float32), id="infinite"),
        pytest.param(np.zeros((1, COUNT, 2, 2), np.float32), id="all alike"),
        pytest.param(np.zeros((1, 7, 2, 2), np.float32), id="wrong channels"),
    ],
)
def test_a_net_that_says_nothing_fails(logits: np.ndarray) -> None:
    """An error in the net is never a gray picture called done."""
    with pytest.raises(NetFailed):
        annealed_mean(logits, 0.38)


@given(st.floats(0, 1))
def test_the_transfer_curve_inverts(value: float) -> None:
    """Encoding undoes linear light."""
    assert encoded(linear(np.array(value))) == pytest.approx(value, abs=1e-6)


def test_lightness_spans_0_to_100() -> None:
    """Black is 0, white 100, and middle gray where CIE puts it."""
    assert lightness(np.array([0.0, 1.0, 0.18418651851244416])) == pytest.approx([0, 100, 50], abs=1e-9)
