"""The render: joins ab with the master's own lightness, strip by strip, in one compiled pass.

For each pixel L* comes from the master's sample, a and b from a coarse grid by bilinear interpolation. A color outside
the gamut is brought in by lowering its chroma along constant lightness and hue, never by clipping. Where a and b are 0
a gray sample comes out as it went in. |delta L*| is measured on the rounded samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.lab import RGB_OF_RELATIVE_XYZ, XYZ_OF_RGB, encoded, lightness, linear

#: Entries of the table from linear light to samples: fine enough that its steps stay below a fifth of a sample.
_ENCODE_STEPS = 1 << 14

#: Entries of the table from luminance to L*; between them it is interpolated, within 0.001 L*.
_LIGHTNESS_STEPS = 1 << 12

#: The histogram of |delta L*|: bins of 0.005 up to 5.
_DELTA_BIN = 0.005
_DELTA_BINS = 1000

#: Rows of a strip: with its output it stays in a core's cache.
STRIP_ROWS = 64


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Space:
    """A matrix RGB color space with one tone curve, for 8-bit samples."""

    #: linear light 0..1 of each sample, float32[256]
    light: NDArray[np.float32]
    #: sample of each step of linear light, uint8[16384 + 1]
    samples: NDArray[np.uint8]
    #: share of each channel in luminance, float32[3], sum 1
    luminance: NDArray[np.float32]
    #: linear RGB of XYZ relative to white, float32[3, 3], rows sum to 1
    matrix: NDArray[np.float32]


def make_space(curve: NDArray[np.float64], xyz_of_rgb: NDArray[np.float64]) -> Space:
    """Returns the space of a rising tone curve (linear light of each sample, float64[256]) and its primaries in XYZ."""
    white = xyz_of_rgb.sum(axis=1)
    levels = np.arange(_ENCODE_STEPS + 1) / _ENCODE_STEPS
    # The nearest sample in the encoded, perceptually even scale: half-way between neighbors as a sample counts.
    positions = np.interp(levels, curve, np.arange(256))
    return Space(
        light=curve.astype(np.float32),
        samples=np.rint(positions).astype(np.uint8),
        luminance=(xyz_of_rgb[1] / white[1]).astype(np.float32),
        matrix=(np.linalg.inv(xyz_of_rgb) * white).astype(np.float32),
    )


@cache
def srgb() -> Space:
    """Returns sRGB."""
    levels = np.arange(_ENCODE_STEPS + 1) / _ENCODE_STEPS
    return Space(
        light=linear(np.arange(256) / 255).astype(np.float32),
        samples=np.rint(encoded(levels) * 255).astype(np.uint8),
        luminance=XYZ_OF_RGB[1].astype(np.float32),
        matrix=RGB_OF_RELATIVE_XYZ.astype(np.float32),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeltaL:
    """|L* of derivative - L* of master| over all pixels, measured on the rounded samples."""

    #: largest
    maximum: float
    #: mean
    mean: float
    #: 99.9th percentile, to 0.005
    p999: float


def master_lightness(samples: NDArray[np.uint8], space: Space) -> NDArray[np.float32]:
    """Returns L* of gray uint8[h, w] or RGB uint8[h, w, 3] samples as float32[h, w]."""
    if samples.ndim == 2:
        table: NDArray[np.float32] = lightness(space.light.astype(np.float64)).astype(np.float32)
        return table[samples]
    light = space.light[samples] @ space.luminance
    return lightness(light.astype(np.float64)).astype(np.float32)


def render(samples: NDArray[np.uint8], ab: NDArray[np.float32], space: Space) -> tuple[NDArray[np.uint8], DeltaL]:
    """Colors gray uint8[h, w] or RGB uint8[h, w, 3] samples with ab, float32[2, gh, gw] over the whole picture.

    Returns uint8[h, w, 3] in the same space, and how far the lightness moved.
    """
    height, width = samples.shape[:2]
    out = np.empty((height, width, 3), np.uint8)
    histogram = np.zeros(_DELTA_BINS, np.int64)
    sums = np.zeros(2, np.float64)
    tables = _lightness_table()
    kernel = _kernel()
    grid = np.ascontiguousarray(ab, np.float32)
    source = samples if samples.ndim == 3 else samples[:, :, None]
    for top in range(0, height, STRIP_ROWS):
        strip = np.ascontiguousarray(source[top : top + STRIP_ROWS])
        kernel(
            strip,
            grid,
            top,
            height,
            space.light,
            space.samples,
            space.luminance,
            space.matrix,
            tables,
            out[top : top + STRIP_ROWS],
            histogram,
            sums,
        )
    pixels = height * width
    rank = int(np.searchsorted(np.cumsum(histogram), 0.999 * pixels))
    delta = DeltaL(
        maximum=round(float(sums[1]), 4),
        mean=round(float(sums[0]) / pixels, 5),
        p999=round(min((rank + 1) * _DELTA_BIN, float(sums[1])), 4),
    )
    return out, delta


def warm(cache_dir: Path) -> None:
    """Compiles the kernel, or loads it from `cache_dir`, so that the first picture need not wait."""
    keep_kernels_in(cache_dir)
    gray = np.zeros((2, 2), np.uint8)
    ab = np.zeros((2, 2, 2), np.float32)
    render(gray, ab, srgb())
    render(np.zeros((2, 2, 3), np.uint8), ab, srgb())


def keep_kernels_in(cache_dir: Path) -> None:
    """Makes numba keep compiled kernels in a folder; call it before the first render."""
    from numba.core import config  # noqa: PLC0415 - numba takes half a second to import

    config.CACHE_DIR = str(cache_dir / "kernels")  # type: ignore[attr-defined]  # set from the environment at import


@cache
def _lightness_table() -> NDArray[np.float32]:
    levels = np.arange(_LIGHTNESS_STEPS + 2) / _LIGHTNESS_STEPS
    return lightness(levels).astype(np.float32)


@cache
def _kernel() -> Callable[..., None]:
    """Returns the compiled kernel. It is imported here, since the client's commands need not pay for numba."""
    from models.kernel import render_strip  # noqa: PLC0415

    compiled: Callable[..., None] = render_strip
    return compiled
