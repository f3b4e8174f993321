"""The render's reference: what it computes, in float64 and by plain bisection, and the spaces it is held to."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.lab import XYZ_OF_RGB, encoded, lightness, linear, luminance
from models.render import Render
from models.spaces import Curve, Samples, Space, make_space, srgb

Array = NDArray[np.float64]

#: Halvings of the chroma factor: those that float64 has at 1, and those to the darkest factors.
_HALVINGS = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Colorimetry:
    """A color space as formulas."""

    #: name for people
    name: str
    #: linear light of encoded values, 0..1
    decode: Curve
    #: encoded values of linear light, 0..1
    encode: Curve
    #: linear RGB to XYZ, float64[3, 3]
    xyz_of_rgb: Array

    def space(self, depth: int) -> Space:
        """Returns its tables; sRGB's own are shared."""
        known = self.decode is linear and self.xyz_of_rgb is XYZ_OF_RGB
        return srgb(depth) if known else make_space(self.decode, self.xyz_of_rgb, depth)

    def lightness(self, samples: Samples) -> Array:
        """Returns L* of gray [...] or RGB [..., 3] samples."""
        light = self.decode(samples / np.iinfo(samples.dtype).max)
        white = self.xyz_of_rgb[1].sum()
        return lightness(light @ self.xyz_of_rgb[1] / white)

    def grays(self, samples: Samples) -> Array:
        """Returns L* of gray samples."""
        return lightness(self.decode(samples / np.iinfo(samples.dtype).max))


def power(gamma: float, name: str = "", xyz_of_rgb: Array = XYZ_OF_RGB) -> Colorimetry:
    """Returns a space with a power for its curve; sRGB's primaries unless others are given."""
    return Colorimetry(
        name=name or f"gamma {gamma}",
        decode=lambda levels: levels**gamma,
        encode=lambda light: light ** (1 / gamma),
        xyz_of_rgb=xyz_of_rgb,
    )


def primaries(corners: tuple[tuple[float, float], ...], white: tuple[float, float]) -> Array:
    """Returns linear RGB to XYZ of the chromaticities x, y of red, green, blue and white (SMPTE RP 177:1993)."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*corners, white)]).T
    result: Array = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    return result


SRGB = Colorimetry(name="sRGB", decode=linear, encode=encoded, xyz_of_rgb=XYZ_OF_RGB)
#: Samples even in L*, as in eciRGB v2 (ISO 22028-4).
EVEN = Colorimetry(
    name="L*",
    decode=lambda levels: luminance(levels * 100),
    encode=lambda light: lightness(light) / 100,
    xyz_of_rgb=XYZ_OF_RGB,
)
#: Adobe RGB (1998), 4.3.1: its exponent is 563/256.
ADOBE = power(563 / 256, "Adobe RGB", primaries(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), (0.3127, 0.3290)))
#: ROMM RGB without the line in its darkest tones, as ProPhoto profiles have it (ISO 22028-2).
PROPHOTO = power(
    1.8, "ProPhoto RGB", primaries(((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105)), (0.3457, 0.3585))
)
SPACES = (SRGB, power(1.0), power(1.8), power(2.2), EVEN, ADOBE, PROPHOTO)


class Exact:
    """The RGB samples of grays [...] with ab [...] (shapes that broadcast) in float64, before they are rounded."""

    def __init__(self, grays: Samples, a: Array, b: Array, color: Colorimetry) -> None:
        """Takes what a picture is rendered from."""
        self._top = np.iinfo(grays.dtype).max
        self._color = color
        self._rgb_of_relative = np.linalg.inv(color.xyz_of_rgb) * color.xyz_of_rgb.sum(axis=1)
        luma = color.decode(grays / self._top)
        self._parts = np.broadcast_arrays(luma, (lightness(luma) + 16) / 116, a / 500, -b / 200)
        self.samples = self._encoded(self._largest(np.zeros(self._parts[0].shape), np.ones(self._parts[0].shape)))

    def distance(self, samples: Samples) -> Array:
        """Returns how far the farthest of each pixel's samples [..., 3] is off, in levels.

        A line of constant hue can leave the gamut, come back and leave it again (light yellows do); the nearest of its
        exits counts. They are looked for only where the samples are not those of the bisection.
        """
        found = np.asarray(np.abs(samples - self.samples).max(axis=-1))
        odd = found > 1
        if odd.any():
            found[odd] = self._at(odd)._nearest(samples[odd], found[odd])
        return found

    def _nearest(self, samples: Samples, found: Array) -> Array:
        factors = np.linspace(0, 1, 1025)
        inside = self._fits(np.zeros_like(found))
        for low, high in pairwise(factors):
            was_inside, inside = inside, self._fits(np.full_like(found, high))
            exits = was_inside & ~inside
            if exits.any():
                there = self._at(exits)
                ends = np.full(int(exits.sum()), low), np.full(int(exits.sum()), high)
                off = np.abs(samples[exits] - there._encoded(there._largest(*ends))).max(axis=-1)
                found[exits] = np.minimum(found[exits], off)
        return found

    def _at(self, where: NDArray[np.bool_]) -> Exact:
        """Returns this for some of its pixels, in a row."""
        part = copy(self)
        part._parts = tuple(part_of[where] for part_of in self._parts)
        return part

    def _largest(self, low: Array, high: Array) -> Array:
        """Returns the largest factor of the chroma between two that bisection finds to fit."""
        low = np.where(self._fits(high), high, low)
        # A factor can be as small as the luminance of the darkest sample, 2e-11.
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            fits = self._fits(middle)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        return low

    def _fits(self, factor: Array) -> NDArray[np.bool_]:
        light = self._light(factor)
        fits: NDArray[np.bool_] = (light.min(axis=-1) >= 0) & (light.max(axis=-1) <= 1)
        return fits

    def _encoded(self, factor: Array) -> Array:
        return self._color.encode(np.clip(self._light(factor), 0, 1)) * self._top

    def _light(self, factor: Array) -> Array:
        luma, root, x_part, z_part = self._parts
        f = np.stack([root + factor * x_part, root, root + factor * z_part], axis=-1)
        relative = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
        # What differs from Y, as the rows sum to 1: a gray is exact in the darkest tones too.
        light: Array = luma[..., None] + (relative - relative[..., 1:2]) @ self._rgb_of_relative.T
        return light


def rendered(grays: Samples, a: Array, b: Array, space: Space) -> Samples:
    """Returns the render's RGB samples [ab, grays, 3] of grays [n] with each color a[m], b[m]."""
    grid = np.stack([a, b]).astype(np.float32)[:, :, None]
    painter = Render(grid, height=len(a), source=space, target=space)
    return painter.strip(np.repeat(grays[None], len(a), axis=0))
