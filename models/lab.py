"""CIE Lab of sRGB samples in closed form.

sRGB transfer curve and primaries: IEC 61966-2-1. L*a*b*: CIE 15:2004, with the white point of D65 that makes R = G = B
come out at a = b = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Linear sRGB to XYZ, D65.
XYZ_OF_RGB = np.array(
    [
        [0.4123907992659595, 0.35758433938387796, 0.1804807884018343],
        [0.21263900587151036, 0.7151686787677559, 0.07219231536073371],
        [0.01933081871559185, 0.11919477979462599, 0.9505321522496606],
    ]
)

#: White: XYZ of R = G = B = 1.
WHITE = XYZ_OF_RGB.sum(axis=1)

#: From XYZ relative to white, back to linear sRGB: rows sum to 1, so that gray stays gray.
RGB_OF_RELATIVE_XYZ = np.linalg.inv(XYZ_OF_RGB) * WHITE

#: Where the cube root gives way to a line: (6/29)^3 and 3 (6/29)^2 (CIE 15:2004, 8.2.1).
_EPSILON = (6 / 29) ** 3
_SLOPE = 3 * (6 / 29) ** 2


def linear(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns linear light 0..1 of sRGB-encoded values 0..1."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns sRGB-encoded values 0..1 of linear light 0..1."""
    safe = np.maximum(light, 0.0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * safe ** (1 / 2.4) - 0.055)


def lightness(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns L* 0..100 of a luminance relative to white, 0..1."""
    root = np.where(luminance > _EPSILON, np.cbrt(luminance), luminance / _SLOPE + 4 / 29)
    return 116 * root - 16


def luminance(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the luminance relative to white, 0..1, of L* 0..100: what `lightness` undoes."""
    root = (lightness + 16) / 116
    return np.where(root > 6 / 29, root**3, _SLOPE * (root - 4 / 29))


def lab_of(photo: NDArray[np.unsignedinteger[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns L* float32[h, w] and ab float32[2, h, w] of an sRGB photo, uint8[h, w, 3]."""
    x, y, z = np.moveaxis(linear(np.arange(256) / 255)[photo] @ (XYZ_OF_RGB.T / WHITE), -1, 0)
    found = lightness(y)
    # lightness is 116 f - 16 of any of the three.
    a, b = (lightness(x) - found) * (500 / 116), (found - lightness(z)) * (200 / 116)
    return found.astype(np.float32), np.stack([a, b]).astype(np.float32)
