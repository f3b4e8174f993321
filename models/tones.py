"""Tones: whether a picture is gray, toned as old prints and their scans are, or in color."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.lab import lightness
from models.spaces import Samples, Space

Array = NDArray[np.float64]

#: Points that a picture is looked at with.
_POINTS = 128 * 128

#: Points that hues are compared with: over each one's area grain, compression and the fringes of channels that lie
#: apart cancel out, things do not.
_AREAS = 32 * 32

#: Groups of points of like lightness, for each of which a tone has one color.
_GROUPS = 16

#: Chroma that all but one area in a hundred of a gray picture stay below.
_GRAY = 2.0

#: Spread of ab beside a function of lightness, from which on a picture is in color.
_COLOR = 1.1


class Tone(StrEnum):
    """What the colors of a master are."""

    GRAY = "gray"  # none
    TONED = "toned"  # a function of lightness: sepia, cyanotype, a split tone, a cast; also with stains
    COLOR = "color"  # those of the things it shows


def tone_of(samples: Samples, space: Space) -> Tone:
    """Returns the tone of a small picture, RGB [h, w, 3] samples of a space; some 1,000 points a side are plenty.

    What a tone adds is the median ab of points of like L*. What is left of ab after that, as a mean over areas, is
    counted as a spread, (minor^2 x major)^(1/3) of the axes of its ellipse: a stain, a vignette or a cast leaves one
    long axis, the colors of things leave two.

    The thresholds were chosen on 1,000 color photographs and the same made gray and toned in nine ways, with grain,
    JPEG of quality 60 to 95, stains, vignettes and channels that lie apart. `python -m bench tones` prints what they do
    to others: of 24 color photographs made gray and toned, 2,592 pictures, 11 were called color (9 with stains, 2
    cyanotypes), and no color photograph toned; of 3,000 small ones 1 % were called toned, being of one hue over all.
    """
    light, a, b = _lab(_reduced(space.light[samples], _POINTS), space)
    if np.quantile(np.hypot(_reduced(a, _AREAS), _reduced(b, _AREAS)), 0.99) < _GRAY:
        return Tone.GRAY
    left = np.stack([_reduced(_beside_tone(light, channel), _AREAS).ravel() for channel in (a, b)])
    minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh(left @ left.T / left.shape[1]), 0))
    return Tone.COLOR if np.cbrt(minor * minor * major) > _COLOR else Tone.TONED


def _reduced(values: NDArray[np.floating[Any]], points: int) -> Array:
    """Returns the means over `points` areas, or the values where they are fewer; float64[h, w] or [h, w, 3]."""
    height, width = values.shape[:2]
    scale = min(1.0, (points / (width * height)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float64)


def _lab(light: Array, space: Space) -> tuple[Array, Array, Array]:
    """Returns L*, a and b float64[h, w] of linear RGB [h, w, 3]."""
    relative = light @ np.linalg.inv(space.matrix.astype(np.float64)).T
    # lightness is 116 f - 16 of any of the three.
    x, y, z = (lightness(relative[:, :, number]) for number in range(3))
    return y, (x - y) * (500 / 116), (y - z) * (200 / 116)


def _beside_tone(light: Array, channel: Array) -> Array:
    """Returns what differs from the median of points of like lightness, float64[h, w]."""
    levels, values = light.ravel(), channel.ravel()
    groups = np.array_split(np.argsort(levels, kind="stable"), min(_GROUPS, len(levels)))
    centers = [levels[group].mean() for group in groups]
    medians = [np.median(values[group]) for group in groups]
    return channel - np.interp(light, centers, medians)
