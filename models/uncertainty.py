"""Uncertainty: how little the net's distribution over the bins says, from 0 (one color for sure) to 1 (any color)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT

Array = NDArray[np.float32]

#: Rows that are looked at together: few enough for a processor's cache, and for memory that is used again at once. All
#: at once take three to six times as long.
_ROWS = 8

#: Bins of the histogram that the percentile is read from: one a step of the fourth decimal.
_BINS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Uncertainty:
    """Figures over all cells of a picture, 4 decimals."""

    #: mean, 0..1
    mean: float
    #: 95th percentile, 0..1
    p95: float


def entropy(logits: Array) -> Array:
    """Returns the entropy of softmax(logits) over the largest there can be, log 313: float32[n, h, w], 0..1.

    `logits` is float32[n, 313, h, w], finite. The distribution is the net's own, at temperature 1: how a picture is
    decoded does not change what the net knows of it. The entropy is that of Shannon (1948): log Z - sum(e^z z) / Z.
    """
    count, _, height, width = logits.shape
    found = np.empty((count, height, width), np.float32)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        shifted = logits[:, :, rows] - logits[:, :, rows].max(axis=1, keepdims=True)
        weights = np.exp(shifted)
        total = weights.sum(axis=1)
        weights *= shifted
        found[:, rows] = np.log(total) - weights.sum(axis=1) / total
    found /= np.float32(np.log(COUNT))
    # Rounding can leave the range by its last digit.
    return np.clip(found, 0, 1, out=found)


class Tally:
    """Adds up cells of any number of pages, in memory that does not grow."""

    def __init__(self) -> None:
        self._histogram = np.zeros(_BINS, np.int64)
        self._sum = 0.0

    def add(self, cells: Array) -> None:
        """Adds cells, each 0..1."""
        bins = np.minimum(cells.ravel() * _BINS, _BINS - 1).astype(np.int64)
        self._histogram += np.bincount(bins, minlength=_BINS)
        self._sum += float(cells.sum(dtype=np.float64))

    def figures(self) -> Uncertainty | None:
        """Returns the figures so far; None where nothing was added."""
        count = int(self._histogram.sum())
        if not count:
            return None
        rank = int(np.searchsorted(np.cumsum(self._histogram), 0.95 * count))
        return Uncertainty(mean=round(self._sum / count, 4), p95=round((rank + 0.5) / _BINS, 4))


def painted(cells: Array, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns a map of cells float32[h, w] as RGB uint8 of `size` (width, height): dark violet is 0, yellow is 1.

    The colors are viridis (van der Walt and Smith, 2015): even to the eye, in order also without color.
    """
    smooth = np.clip(cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC), 0, 1)
    levels = np.rint(smooth * 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    return np.asarray(colors, np.uint8)
