"""The render's reference: what it computes, in float64 and by plain bisection, and the spaces it is held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.lab import XYZ_OF_RGB, encoded, lightness, linear, luminance
from models.render import Render
from models.spaces import Curve, Samples, Space, make_space, srgb

Array = NDArray[np.float64]

#: Halvings of the chroma factor: all that float64 can tell apart.
_HALVINGS = 60


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


def unrounded(grays: Samples, a: Array, b: Array, color: Colorimetry) -> Array:
    """Returns the RGB samples float64[..., 3] of grays and ab (shapes that broadcast), before they are rounded.

    Chroma is lowered until the color fits: the largest factor that bisection finds.
    """
    top = np.iinfo(grays.dtype).max
    root = (color.grays(grays) + 16) / 116
    rgb_of_relative = np.linalg.inv(color.xyz_of_rgb) * color.xyz_of_rgb.sum(axis=1)
    luma = color.decode(grays / top)

    def light(factor: Array) -> Array:
        f = np.stack([root + factor * a / 500, root + 0 * factor, root - factor * b / 200], axis=-1)
        relative = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
        # What differs from Y, as the rows sum to 1: a gray is exact in the darkest tones too.
        result: Array = luma[..., None] + (relative - relative[..., 1:2]) @ rgb_of_relative.T
        return result

    def fits(factor: Array) -> NDArray[np.bool_]:
        found = light(factor)
        result: NDArray[np.bool_] = (found.min(axis=-1) >= 0) & (found.max(axis=-1) <= 1)
        return result

    whole = np.ones(np.broadcast_shapes(root.shape, a.shape, b.shape))
    factor = np.where(fits(whole), whole, 0.0)
    too_much, step = factor == 0, 0.5
    # A factor can be as small as the luminance of the darkest sample: as many halvings again.
    for _ in range(2 * _HALVINGS):
        factor = np.where(too_much & fits(factor + step), factor + step, factor)
        step /= 2
    return color.encode(np.clip(light(factor), 0, 1)) * top


def rendered(grays: Samples, a: Array, b: Array, space: Space) -> Samples:
    """Returns the render's RGB samples [ab, grays, 3] of grays [n] with each color a[m], b[m]."""
    grid = np.stack([a, b]).astype(np.float32)[:, :, None]
    painter = Render(grid, height=len(a), source=space, target=space)
    return painter.strip(np.repeat(grays[None], len(a), axis=0))
