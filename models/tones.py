"""Tones: whether a picture is gray, toned as old prints are, or in color."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples, Space


class Tone(StrEnum):
    """What the colors of a master are."""

    GRAY = "gray"  # none
    TONED = "toned"  # a function of lightness: sepia, cyanotype, a cast
    COLOR = "color"  # those of the things it shows


def tone_of(samples: Samples, space: Space) -> Tone:
    """Returns the tone of RGB samples [h, w, 3]."""
    light = space.light[samples]
    relative = light @ np.linalg.inv(space.matrix).T
    f = np.cbrt(np.maximum(relative, 0))
    lab: NDArray[np.float32] = np.stack(
        [116 * f[:, :, 1] - 16, 500 * (f[:, :, 0] - f[:, :, 1]), 200 * (f[:, :, 1] - f[:, :, 2])], -1
    )
    flat = lab.reshape(-1, 3)
    if np.percentile(np.hypot(flat[:, 1], flat[:, 2]), 99) < 2:
        return Tone.GRAY
    cells = np.clip(flat[:, 0] / 5, 0, 19).astype(int)
    counts = np.maximum(np.bincount(cells, minlength=20), 1)
    residual = np.zeros(len(flat))
    for channel in (1, 2):
        means = np.bincount(cells, flat[:, channel], minlength=20) / counts
        residual += (flat[:, channel] - means[cells]) ** 2
    return Tone.COLOR if np.sqrt(residual.mean()) > 5 else Tone.TONED
