"""Soft encoding, prior and weights: the closed-form properties of the paper's formulas."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.bins import COUNT, centers
from models.training.encoding import NEIGHBORS, REACH, neighbors, prior, soft_encode, weights

AB = arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.floats(-200, 200))
COUNTS = arrays(np.float64, COUNT, elements=st.floats(0, 1e9)).filter(lambda counts: counts.sum() > 1e-3)


def distances(ab: np.ndarray) -> np.ndarray:
    """Distance of each color from each bin, float64[m, 313]."""
    return np.hypot(*(ab[:, None] - centers().astype(np.float64)[None]).transpose(2, 0, 1))


@given(AB)
def test_the_nearest_bins_share_a_color(ab: np.ndarray) -> None:
    """Five different bins, none farther than any other bin, get shares that sum to 1 and fall with the distance."""
    bins, shares = soft_encode(ab)
    away = np.take_along_axis(distances(ab), bins, axis=1)
    assert all(len(set(row)) == NEIGHBORS for row in bins.tolist())
    assert np.allclose(away, np.sort(distances(ab), axis=1)[:, :NEIGHBORS])
    assert np.allclose(shares.sum(axis=1), 1)
    assert (np.diff(shares, axis=1) <= 1e-12).all()


@given(AB)
def test_shares_are_gaussian(ab: np.ndarray) -> None:
    """Two shares of a color are to each other as exp(-d^2 / 50), whatever the other three are."""
    bins, shares = soft_encode(ab)
    squares = np.take_along_axis(distances(ab), bins, axis=1) ** 2
    expected = np.exp((squares[:, :1] - squares) / 50)
    assert np.allclose(shares, expected * shares[:, :1], atol=1e-9)


def test_a_bin_is_mostly_itself() -> None:
    """The center of a bin within the gamut gives exp(0) to itself and exp(-2) to each of the four next to it."""
    bins, shares = soft_encode(np.array([[0.0, 0.0]]))
    assert centers()[bins[0, 0]].tolist() == [0, 0]
    assert np.allclose(shares[0], np.array([1, *[np.exp(-2)] * 4]) / (1 + 4 * np.exp(-2)))


@given(st.integers(-20, 60), st.integers(-30, 50))
def test_encoding_keeps_the_mean(a: int, b: int) -> None:
    """Deep in the gamut the mean of the encoding is near the color: decoding undoes it."""
    color = np.array([[a, b]], np.float64)
    bins, shares = soft_encode(color)
    assert np.abs(shares[0] @ centers()[bins[0]] - color[0]).max() < 2.5


@given(st.floats(-REACH, REACH), st.floats(-REACH, REACH))
@settings(deadline=None)  # the first call makes the table
def test_the_table_is_the_encoding(a: float, b: float) -> None:
    """The table's nearest bin is at most half a cell's diagonal farther, twice, than the true one."""
    found = neighbors()[round(a) + REACH, round(b) + REACH]
    away = distances(np.array([[a, b]]))[0]
    assert (away[found] <= np.sort(away)[:NEIGHBORS] + np.sqrt(2) + 1e-9).all()


@given(COUNTS)
@settings(max_examples=50)
def test_the_prior_is_a_distribution(counts: np.ndarray) -> None:
    """Smoothing keeps the mass, makes nothing negative, and does not depend on how many colors were counted."""
    p = prior(counts)
    assert np.isclose(p.sum(), 1)
    assert (p >= 0).all()
    assert np.allclose(p, prior(7 * counts))


def test_the_prior_spreads_over_neighbors() -> None:
    """One bin's mass falls off around it as exp(-d^2 / 50)."""
    counts = np.zeros(COUNT)
    middle = int(np.flatnonzero((centers() == 0).all(axis=1))[0])
    counts[middle] = 5
    p = prior(counts)
    away = distances(np.zeros((1, 2)))[0]
    assert np.allclose(p, p[middle] * np.exp(-(away**2) / 50))


@given(COUNTS, st.floats(0.01, 1))
@settings(max_examples=50)
def test_weights_have_mean_one(counts: np.ndarray, mix: float) -> None:
    """E_p[v] = 1; the rarer bin never weighs less; no two weights differ by more than the mixed prior allows."""
    p = prior(counts)
    v = weights(p, mix)
    assert np.isclose(p @ v, 1)
    order = np.argsort(p)
    assert (np.diff(v[order]) <= 1e-9 * v.max()).all()
    assert v.max() / v.min() <= ((1 - mix) * p.max() + mix / COUNT) / (mix / COUNT) * (1 + 1e-9)


def test_lambda_one_weighs_all_alike() -> None:
    """With lambda 1 rebalancing is off: each weight is 1."""
    assert np.allclose(weights(prior(np.arange(COUNT, dtype=float)), 1.0), 1)
