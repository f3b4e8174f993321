"""The 313 bins: the cells of the ab gamut that the net gives a distribution over."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Distance between neighboring bin centers, in a and in b.
STEP = 10

#: a -> first and last b, in the order of the net's output (Zhang et al., ECCV 2016, figure 3: the quantized ab space in
#: gamut).
_ROWS = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}

#: How many there are.
COUNT = 313

#: Standard deviation, in ab, of every Gaussian over the bins in the paper (sections 2.1 and 2.2).
SIGMA = 5.0


def centers() -> NDArray[np.float32]:
    """Returns the bin centers as float32[313, 2]: a, b."""
    cells = [(a, b) for a, (first, last) in _ROWS.items() for b in range(first, last + STEP, STEP)]
    return np.array(cells, dtype=np.float32)


@cache
def smoothing() -> NDArray[np.float64]:
    """Returns float64[313, 313] that smooths a distribution over the bins: the share of bin j's mass that bin i gets.

    A Gaussian of SIGMA in ab (Zhang et al., ECCV 2016, section 2.2), over the gamut only: columns sum to 1.
    """
    at = centers().astype(np.float64)
    raw = np.exp(-np.square(at[:, None] - at[None]).sum(axis=2) / (2 * SIGMA**2))
    return np.asarray(raw / raw.sum(axis=0), np.float64)
