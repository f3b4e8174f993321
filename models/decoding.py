"""Decoding: from logits over the bins to ab. It is ours, not the graph's, so that temperature is a parameter."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT, centers
from shared.errors import NetFailed

Array = NDArray[np.float32]

#: The paper's temperature, between mode and mean (Zhang et al., ECCV 2016, section 2.3).
TEMPERATURE = 0.38


def annealed_mean(logits: Array, temperature: float) -> Array:
    """Returns the mean of the bin centers under softmax(logits / temperature).

    `logits` is float32[n, 313, h, w], the result float32[n, 2, h, w] in the units of ab. `temperature` is above 0: near
    0 the result is the mode, at 1 the mean (Zhang et al., ECCV 2016, equation 5). Raises NetFailed for logits that are
    not finite or say the same of every bin everywhere.
    """
    count, bins, height, width = logits.shape
    if bins != COUNT:
        raise NetFailed(f"The net gave {bins} channels; {COUNT} are the bins.", limit=COUNT, seen=bins)
    cells = height * width
    out = np.empty((count, 2, height, width), np.float32)
    for number in range(count):
        weights = logits[number].reshape(COUNT, cells)
        high = weights.max(axis=0)
        if not np.isfinite(high).all() or not np.isfinite(weights.sum()):
            raise NetFailed("The net gave values that are no numbers.")
        weights = weights - high
        if not weights.any():
            raise NetFailed("The net gave every color the same chance.")
        weights *= np.float32(1 / temperature)
        np.exp(weights, out=weights)
        # OpenCV multiplies with the threads that it was given; numpy would take every core.
        moments = cv2.gemm(_moments(), weights, 1.0, np.empty(0, np.float32), 0.0)
        out[number] = (moments[:2] / moments[2]).reshape(2, height, width)
    return out


@cache
def _moments() -> Array:
    """Returns float32[3, 313]: a, b and 1 of each bin, so that one product gives the sums and their weight."""
    return np.vstack([centers().T, np.ones(COUNT)]).astype(np.float32)
