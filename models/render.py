"""The render: joins ab with the master's own lightness, strip by strip, in one compiled pass.

For each pixel L* comes from the master's sample, a and b from a coarse grid: bilinear values, and slopes on L*
(`models.chroma`). A color outside the gamut is brought in by lowering its chroma along constant lightness and hue,
never by clipping. Where a and b are 0 a gray sample comes out as it went in. |delta L*| is measured on the rounded
samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lab import lightness
from models.spaces import Samples, Space, srgb

#: Entries of the table from luminance to L*; between them it is interpolated, within 0.0005 L*.
_LIGHTNESS_STEPS = 1 << 12

#: The histogram of |delta L*|: bins of 0.001 (`kernel.BINS_A_UNIT`) up to 5.
_DELTA_BIN = 0.001
_DELTA_BINS = 5000

#: Rows that are rendered at once: the working set of a row, not of the strip, must stay in a core's cache.
STRIP_ROWS = 64

#: Halvings of the chroma factor where a color lies outside the gamut: what they leave is below a quarter of a sample.
_HALVINGS = {8: 14, 16: 22}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeltaL:
    """|L* of derivative - L* of master| over all pixels, measured on the rounded samples."""

    #: largest
    maximum: float
    #: mean
    mean: float
    #: 99.9th percentile, to 0.001
    p999: float


class Render:
    """The render of one picture, fed with its strips from top to bottom."""

    def __init__(self, grid: NDArray[np.float32], *, height: int, source: Space, target: Space) -> None:
        """Takes ab, float32[4, gh, gw] of `models.chroma`, and the spaces of the master and of the derivative."""
        self._grid = np.ascontiguousarray(grid, np.float32)
        self._height = height
        self._target = target
        self._source_tables = source.light, source.lightness, source.luminance
        self._target_tables = target.samples, target.light, target.luminance, target.matrix
        self._same = source is target
        self._histogram = np.zeros(_DELTA_BINS, np.int64)
        self._sums = np.zeros(2, np.float64)
        self._top = 0

    def strip(self, samples: Samples, out: Samples | None = None) -> Samples:
        """Colors the next rows: gray [rows, w] or RGB [rows, w, 3] samples of the source space.

        Returns RGB [rows, w, 3] samples of the target space, in `out` where that is given; `out` may be the samples.
        """
        rows, width = samples.shape[:2]
        if out is None:
            out = np.empty((rows, width, 3), self._target.dtype)
        strip = samples if samples.ndim == 3 else samples[:, :, None]
        for start in range(0, rows, STRIP_ROWS):
            part = slice(start, start + STRIP_ROWS)
            _kernel()(
                np.ascontiguousarray(strip[part]),
                self._grid,
                self._top + start,
                self._height,
                self._source_tables,
                self._target_tables,
                _lightness_table(),
                self._target.depth == 16,
                self._same,
                _HALVINGS[self._target.depth],
                out[part],
                self._histogram,
                self._sums,
            )
        self._top += rows
        return out

    def delta_l(self) -> DeltaL:
        """Returns how far the lightness moved so far."""
        pixels = int(self._histogram.sum())
        rank = int(np.searchsorted(np.cumsum(self._histogram), 0.999 * pixels))
        return DeltaL(
            maximum=round(float(self._sums[1]), 4),
            mean=round(float(self._sums[0]) / pixels, 5),
            p999=round(min((rank + 1) * _DELTA_BIN, float(self._sums[1])), 4),
        )


def render(samples: Samples, grid: NDArray[np.float32], space: Space) -> tuple[Samples, DeltaL]:
    """Colors a whole picture in one space; see `Render`."""
    painter = Render(grid, height=samples.shape[0], source=space, target=space)
    return painter.strip(samples), painter.delta_l()


def warm(cache_dir: Path) -> None:
    """Compiles the kernel, or loads it from `cache_dir`, so that the first picture need not wait."""
    keep_kernels_in(cache_dir)
    grid = np.zeros((4, 2, 2), np.float32)
    for depth in (8, 16):
        space = srgb(depth)
        render(np.zeros((2, 2), space.dtype), grid, space)


def keep_kernels_in(cache_dir: Path) -> None:
    """Makes numba keep compiled kernels in a folder; call it before the first render."""
    from numba.core import config  # noqa: PLC0415 - numba takes half a second to import

    config.CACHE_DIR = str(cache_dir / "kernels")  # type: ignore[attr-defined]  # set from the environment at import


@cache
def _lightness_table() -> NDArray[np.float32]:
    levels = np.arange(_LIGHTNESS_STEPS + 2) / _LIGHTNESS_STEPS
    return lightness(levels).astype(np.float32)


@cache
def _kernel() -> Callable[..., Any]:
    """Returns the compiled kernel. It is imported here, since the client's commands need not pay for numba."""
    from models.kernel import render_strip  # noqa: PLC0415

    compiled: Callable[..., Any] = render_strip
    return compiled
