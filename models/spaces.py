"""Color spaces of samples: tables from samples to light and lightness, and back.

A space is a matrix RGB space with one tone curve at 8 or 16 bits. Gray samples follow the tone curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lab import XYZ_OF_RGB, lightness, linear

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
#: uint8 or uint16.
Samples = NDArray[np.unsignedinteger[Any]]

#: Steps of the tables from light to samples, by depth. They are even in the place of linear light (`light_at`), in
#: which any tone curve is nearly straight: at 8 bits the nearest sample is looked up, within 0.1 of a level; at 16 it
#: is interpolated.
STEPS = {8: 1 << 12, 16: 1 << 14}

#: Half of the bits of 1.0 in float32.
HALF_ONE = 0x3F80_0000 >> 1

#: The light of white in the table of nearest samples: what 24 bits hold.
WHITE = (1 << 24) - 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Space:
    """A matrix RGB color space with one tone curve; tables for one depth."""

    #: bits a sample, 8 or 16
    depth: int
    #: linear light 0..1 of each sample, float32[2**depth]
    light: NDArray[np.float32]
    #: L* 0..100 of each gray sample, float32[2**depth]
    lightness: NDArray[np.float32]
    #: f(Y/Yn) of each gray sample, (L* + 16) / 116, float32[2**depth]
    roots: NDArray[np.float32]
    #: the unrounded sample at each step of the place of light, and one more for an interpolation at the top:
    #: float32[STEPS + 2]
    samples: NDArray[np.float32]
    #: 8 bits: at each step the nearest sample, in the lower 8 bits, and its light, of WHITE, above: uint32[STEPS + 1];
    #: 16 bits: none
    nearest: NDArray[np.uint32]
    #: share of each channel in luminance, float32[3], sum 1
    luminance: NDArray[np.float32]
    #: linear RGB of XYZ relative to white, float32[3, 3], rows sum to 1
    matrix: NDArray[np.float32]

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Of a sample."""
        return np.dtype(np.uint8) if self.depth == 8 else np.dtype(np.uint16)


def make_space(curve: Curve, xyz_of_rgb: NDArray[np.float64], depth: int) -> Space:
    """Returns the space of a rising tone curve (linear light 0..1 of encoded values 0..1) and its primaries in XYZ."""
    white = xyz_of_rgb.sum(axis=1)
    top = 2**depth - 1
    # A profile's curve may leave 0..1 by what its numbers were rounded to; the kernel trusts that light does not.
    light = np.clip(curve(np.arange(top + 1) / top), 0, 1)
    unrounded = _inverse(curve, light_at(np.minimum(np.arange(STEPS[depth] + 2) / STEPS[depth], 1))) * top
    gray_roots = (lightness(light) + 16) / 116
    return Space(
        depth=depth,
        light=light.astype(np.float32),
        lightness=lightness(light).astype(np.float32),
        roots=gray_roots.astype(np.float32),
        samples=unrounded.astype(np.float32),
        nearest=_nearest(light, unrounded[:-1]) if depth == 8 else np.zeros(0, np.uint32),
        luminance=(xyz_of_rgb[1] / white[1]).astype(np.float32),
        matrix=(np.linalg.inv(xyz_of_rgb) * white).astype(np.float32),
    )


@cache
def srgb(depth: int) -> Space:
    """Returns sRGB (IEC 61966-2-1)."""
    return make_space(linear, XYZ_OF_RGB, depth)


def master_lightness(samples: Samples, space: Space) -> NDArray[np.float32]:
    """Returns L* of gray [h, w] or RGB [h, w, 3] samples of the space's depth as float32[h, w]."""
    if samples.ndim == 2:
        return space.lightness[samples]
    luminance = space.light[samples] @ space.luminance
    return lightness(luminance.astype(np.float64)).astype(np.float32)


def light_at(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the linear light 0..1 at places 0..1: about their square, and just that at powers of two.

    The place of light is the float32 whose bits are half of the light's, and half of those of 1.0 more. That is its
    root but for straight lines in place of a curve, at a fraction of the cost.
    """
    halves = places.astype(np.float32).view(np.int32) - np.int32(HALF_ONE)
    light: NDArray[np.float32] = (np.maximum(halves, 0) << 1).view(np.float32)
    return light.astype(np.float64)


def _nearest(light: NDArray[np.float64], unrounded: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Returns the table of nearest samples of 8 bits; see `Space`."""
    # In the encoded scale, which is perceptually even: half-way between neighbors as a sample counts.
    samples = np.rint(unrounded).astype(np.uint32)
    lit = np.rint(light[samples] * WHITE).astype(np.uint32)
    return (lit << np.uint32(8)) | samples


def _inverse(curve: Curve, light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns encoded values 0..1 of linear light, between the values of a fine table of the curve."""
    levels = np.linspace(0, 1, 1 << 18) ** 2
    return np.interp(light, curve(levels), levels)
