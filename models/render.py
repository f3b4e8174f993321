"""The render: joins ab with the master's own lightness, strip by strip, in one compiled pass.

For each pixel L* comes from the master's sample, a and b from a coarse grid: bilinear values, and slopes on L*
(`models.chroma`). A color outside the gamut is brought in by lowering its chroma along constant lightness and hue,
never by clipping. Where a and b are 0 a gray sample comes out as it went in. |delta L*| is measured on the rounded
samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples, Space, srgb

#: Bins of the histogram of |delta L*|: 0.001 each (`kernel.BINS_A_UNIT`), so up to 10; the last takes what is beyond.
_BINS = 10_000

#: Share of the pixels that the percentile lies above.
_TAIL_FROM = 0.999

#: Rows that are rendered at once: the kernel goes down its columns, so that both pictures' rows should be in a cache.
_ROWS = 256

#: Samples of the scratch memory in a line of the processor's cache, 64 bytes.
_LINE = 16

#: Largest value of a grid: far beyond any color, near enough that its cube is a number.
_GRID_LIMIT = 1e4


@dataclass(frozen=True, kw_only=True, slots=True)
class DeltaL:
    """|L* of derivative - L* of master| over all pixels, measured on the rounded samples."""

    #: largest
    maximum: float
    #: mean
    mean: float
    #: 99.9th percentile, to 0.001
    p999: float


class _Figures:
    """Figures of |delta L*| that the kernel adds to. Integers, so that 10^9 pixels sum up exactly, in any order."""

    def __init__(self, height: int) -> None:
        """Takes the rows of the whole picture."""
        #: see `kernel.render_strip`
        self.histogram = np.zeros((_kernel().PARTS, _BINS), np.int64)
        self.sums = np.zeros(4, np.int64)
        memory = np.zeros(_kernel().SCRATCH + _LINE, np.float32)
        # From the start of a line of the cache on: loads across two lines cost twice.
        skipped = -memory.ctypes.data // memory.itemsize % _LINE
        self.scratch = memory[skipped : skipped + _kernel().SCRATCH]
        self._rows = height
        self._pixels = 0

    def expect(self, rows: int, width: int) -> int:
        """Counts the pixels of the next rows in; returns how many of the picture's reach the percentile at least.

        Raises ValueError for more rows than the picture has: what its percentile needs could be left out by then.
        """
        self._pixels += rows * width
        whole = self._rows * width
        if self._pixels > whole:
            raise ValueError(f"a picture of {self._rows} rows has no more")
        return whole - ceil(_TAIL_FROM * whole) + 1

    def delta_l(self) -> DeltaL:
        """Returns the figures so far; zeros where nothing was measured."""
        bins = self.histogram.sum(axis=0)
        pixels = max(1, self._pixels)
        # Whatever is in no bin, or was before the floor rose, lies up to the floor.
        floor = int(self.sums[2])
        bins[:floor] = 0
        bins[floor] = pixels - bins[floor + 1 :].sum()
        total, largest = (int(count) / _kernel().COUNTS_A_UNIT for count in self.sums[:2])
        rank = int(np.searchsorted(np.cumsum(bins), _TAIL_FROM * pixels))
        # Beyond the last bin the largest is all that is known.
        upper = (rank + 1) / _kernel().BINS_A_UNIT if rank < _BINS - 1 else largest
        return DeltaL(maximum=round(largest, 4), mean=round(total / pixels, 5), p999=round(min(upper, largest), 4))


class Render:
    """The render of one picture, fed with its strips from top to bottom."""

    def __init__(self, grid: NDArray[np.float32], *, height: int, source: Space, target: Space) -> None:
        """Takes ab, float32[2 or 4, gh, gw] of `models.chroma`, and the spaces of the master and of the derivative.

        Raises ValueError for a grid that holds anything but numbers, or colors far beyond all.
        """
        # The kernel leaves every test for numbers out.
        if not (np.abs(grid) < _GRID_LIMIT).all():
            raise ValueError(f"a grid holds numbers below {_GRID_LIMIT}")
        self._grid = _parts(grid)
        self._height = height
        self._source = source
        self._target = target
        self._figures = _Figures(height)
        self._top = 0

    def strip(self, samples: Samples, out: Samples | None = None) -> Samples:
        """Colors the next rows: gray [rows, w] or RGB [rows, w, 3] samples of the source space.

        Returns RGB [rows, w, 3] samples of the target space, in `out` where that is given; `out` may be the samples.
        Raises ValueError for more rows than the picture has.
        """
        source, target = self._source, self._target
        strip = _with_channels(samples, source)
        if out is None:
            out = np.empty((*strip.shape[:2], 3), target.dtype)
        rows, colors = _rows(strip), _rows(out)
        tail = self._figures.expect(*strip.shape[:2])
        for first in range(0, len(strip), _ROWS):
            part = slice(first, first + _ROWS)
            _kernel().render_strip(
                rows[part],
                self._grid,
                self._top + first,
                self._height,
                (source.light, source.roots, source.luminance),
                (target.light, target.luminance, target.samples, target.nearest, target.matrix),
                source is target,
                colors[part],
                self._figures.scratch,
                self._figures.histogram,
                self._figures.sums,
                tail,
            )
        self._top += len(strip)
        return out

    def delta_l(self) -> DeltaL:
        """Returns how far the lightness moved so far."""
        return self._figures.delta_l()


class Comparison:
    """How far the lightness of a derivative that was decoded again is from its master's."""

    def __init__(self, source: Space, target: Space, *, height: int) -> None:
        """Takes the spaces of the master and of the derivative, and the rows of both."""
        self._source = source
        self._target = target
        self._figures = _Figures(height)

    def strip(self, master: Samples, derivative: Samples) -> None:
        """Measures the next rows: gray [rows, w] or RGB [rows, w, 3] of the source, RGB of the target space.

        Raises ValueError where the sizes differ, or for more rows than there are.
        """
        before, after = _with_channels(master, self._source), _with_channels(derivative, self._target)
        if before.shape[:2] != after.shape[:2] or after.shape[2] != 3:
            raise ValueError(f"samples of {before.shape} are compared with samples of {after.shape}")
        tail = self._figures.expect(*before.shape[:2])
        _kernel().compare_strip(
            _rows(before),
            _rows(after),
            (self._source.light, self._source.roots, self._source.luminance),
            (self._target.light, self._target.luminance),
            self._figures.scratch,
            self._figures.histogram,
            self._figures.sums,
            tail,
        )

    def delta_l(self) -> DeltaL:
        """Returns the figures so far."""
        return self._figures.delta_l()


def render(samples: Samples, grid: NDArray[np.float32], space: Space) -> tuple[Samples, DeltaL]:
    """Colors a whole picture in one space; see `Render`."""
    painter = Render(grid, height=samples.shape[0], source=space, target=space)
    return painter.strip(samples), painter.delta_l()


def warm(cache_dir: Path) -> None:
    """Compiles the kernels, or loads them from `cache_dir`, so that the first picture need not wait."""
    from numba.core import config  # noqa: PLC0415 - numba takes half a second to import

    from models.reduction import Reduction  # noqa: PLC0415 - both modules have kernels, only this one warms them

    config.CACHE_DIR = str(cache_dir / "kernels")  # type: ignore[attr-defined]  # set from the environment at import
    grid = np.zeros((4, 2, 2), np.float32)
    for source, target in ((srgb(8), srgb(8)), (srgb(16), srgb(16)), (srgb(16), srgb(8))):
        samples = np.zeros((2, 2), source.dtype)
        color = Render(grid, height=2, source=source, target=target).strip(samples)
        Comparison(source, target, height=2).strip(samples, color)
        reduction = Reduction(2, 2, 1, 1, 1)
        reduction.add(samples)
        reduction.result()


def _parts(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns what a and b add to f(X/Xn) and f(Z/Zn), and the slopes of both on f(Y/Yn), as float32[4, gh, gw].

    Of a grid of a and b, and of their slopes on L* = 116 f(Y/Yn) - 16 where it has them: CIE 15:2004, 8.2.1.
    """
    shares = np.array([1 / 500, -1 / 200])[:, None, None]
    ab = shares * grid[:2]
    slopes = shares * grid[2:] if len(grid) == 4 else np.zeros_like(ab)
    return np.concatenate((ab - 16 * slopes, 116 * slopes)).astype(np.float32)


def _with_channels(samples: Samples, space: Space) -> Samples:
    """Returns samples as [rows, w, channels] without gaps; the kernel trusts both, and their type."""
    if samples.dtype != space.dtype or samples.ndim not in (2, 3) or samples.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"{samples.dtype} samples of {samples.shape} are none of a {space.depth}-bit space")
    return np.ascontiguousarray(samples if samples.ndim == 3 else samples[:, :, None])


def _rows(samples: Samples) -> Samples:
    """Returns samples [rows, w, channels] without gaps as [rows, w x channels]."""
    return samples.reshape(len(samples), samples.shape[1] * samples.shape[2])


@cache
def _kernel() -> Any:
    """Returns the module of compiled functions, imported only here: the client's commands need not pay for it."""
    from models import kernel  # noqa: PLC0415

    found: ModuleType = kernel
    return found
