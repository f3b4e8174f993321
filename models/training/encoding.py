"""The paper's targets: ab as a distribution over the bins, how common each bin is, and what a rare one is worth.

All formulas: R. Zhang, P. Isola, A. A. Efros: Colorful Image Colorization, ECCV 2016, sections 2.1 and 2.2.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT, SIGMA, centers, smoothing

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: How many bins share one color (section 2.1).
NEIGHBORS = 5

#: Share of the uniform distribution in the prior that the weights are made from (section 2.2).
MIX = 0.5

#: The table of neighbors reaches from -REACH to REACH in a and in b: all colors of sRGB lie within.
REACH = 128

#: Colors that are encoded at once: bounds memory at about 40 MB.
_CHUNK = 1 << 14


def soft_encode(ab: Floats) -> tuple[Whole, Floats]:
    """Returns the NEIGHBORS bins nearest to each color, nearest first, and what each gets: Gaussian, sum 1.

    `ab` is float64[m, 2]; the results are int64[m, 5] and float64[m, 5].
    """
    bins = np.empty((len(ab), NEIGHBORS), np.int64)
    for start in range(0, len(ab), _CHUNK):
        bins[start : start + _CHUNK] = _nearest(ab[start : start + _CHUNK])
    return bins, shares(ab, bins)


def shares(ab: Floats, bins: Whole) -> Floats:
    """Returns what the given bins int64[m, k] get of each color float64[m, 2]: float64[m, k], rows sum to 1."""
    squares = ((centers().astype(np.float64)[bins] - ab[:, None]) ** 2).sum(axis=2)
    # The nearest is taken off first: a color far outside the gamut would have only zeros otherwise.
    raw = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * SIGMA**2))
    return raw / raw.sum(axis=1, keepdims=True)


@cache
def neighbors() -> Whole:
    """Returns the nearest bins of every whole ab: int64[2 REACH + 1, 2 REACH + 1, 5], by a, then b, both from -REACH.

    A color takes the bins of the whole ab next to it: other than its own only where two are within half a unit of
    being equally far.
    """
    line = np.arange(-REACH, REACH + 1, dtype=np.float64)
    a, b = np.meshgrid(line, line, indexing="ij")
    bins, _ = soft_encode(np.stack([a.ravel(), b.ravel()], axis=1))
    return bins.reshape(len(line), len(line), NEIGHBORS)


def prior(counts: Floats) -> Floats:
    """Returns the empirical distribution over the bins, smoothed in ab by a Gaussian of SIGMA: float64[313], sum 1.

    `counts` is float64[313]: how many colors fell into each bin. Each bin spreads its mass over the gamut only, so that
    none is lost at the border.
    """
    found: Floats = smoothing() @ (counts / counts.sum())
    return found


def weights(p: Floats, mix: float = MIX) -> Floats:
    """Returns the weight of each bin: ((1 - mix) p + mix / 313)^-1, scaled so that its mean under p is 1 (equation 4).

    `p` is float64[313] with sum 1; `mix` is above 0 and up to 1 (the paper's lambda), where 1 weighs all alike.
    """
    raw = 1 / ((1 - mix) * p + mix / COUNT)
    scaled: Floats = raw / (p @ raw)
    return scaled


def _nearest(ab: Floats) -> Whole:
    """Returns the nearest bins of some colors, nearest first; of those that are equally far any may be left out."""
    at = centers().astype(np.float64)
    # The color's own square is the same for every bin.
    farness = (at**2).sum(axis=1) - 2 * ab @ at.T
    chosen = np.argpartition(farness, NEIGHBORS, axis=1)[:, :NEIGHBORS]
    order = np.argsort(np.take_along_axis(farness, chosen, axis=1), axis=1)
    found: Whole = np.take_along_axis(chosen, order, axis=1)
    return found
