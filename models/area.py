"""The kernel of the reduction: loops over samples that numba compiles. See `models.reduction`.

Import it only where pictures are reduced, as `models.kernel`.
"""

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}

#: See `models.kernel`.
_part = njit(inline="always", **_OPTIONS)
_compiled = njit(cache=True, **_OPTIONS)


@_part
def _borders(width, to_width):
    """Returns of each reduced column its first and last column, and what each of both counts in 1 / w' of a column.

    int64[4, w']. Once a strip, since divisions take longer than all else.
    """
    found = np.empty((4, to_width), np.int64)
    for x in range(to_width):
        begin, end = x * width, (x + 1) * width
        first, last = begin // to_width, (end - 1) // to_width
        found[0, x], found[1, x] = first, last
        found[2, x] = min((first + 1) * to_width, end) - begin
        found[3, x] = end - last * to_width if last > first else 0
    return found


@_part
def _finish_row(columns, channels, borders, scale, out):
    """Writes one reduced row, float32[w', channels], of column sums uint[w * channels] and clears them."""
    to_width = out.shape[0]
    for x in range(to_width):
        first, last = borders[0, x], borders[1, x]
        for channel in range(channels):
            inner = np.uint64(0)
            for at in range(first + 1, last):
                inner += np.uint64(columns[at * channels + channel])
            inner *= np.uint64(to_width)
            inner += np.uint64(columns[first * channels + channel]) * np.uint64(borders[2, x])
            inner += np.uint64(columns[last * channels + channel]) * np.uint64(borders[3, x])
            out[x, channel] = np.float64(inner) * scale
    columns[:] = 0


@_compiled
def reduce_strip(strip, channels, top, height, columns, out):
    """Takes a strip into a reduction.

    `strip` uint8 or uint16[rows, w * channels] begins at row `top` of a picture of `height` rows. `columns`
    uint[w * channels], zero at first, holds the sums of the reduced row that is not finished, of a type that holds
    `height` times the largest sample; `out` float32[h', w', channels] is written. A row on a border of reduced rows
    counts for each by its share.
    """
    to_height, to_width = out.shape[0], out.shape[1]
    width = strip.shape[1] // channels
    borders = _borders(width, to_width)
    scale = 1.0 / (np.float64(width) * height)
    for y in range(strip.shape[0]):
        row = strip[y]
        # In units of 1 / h' of a row, so that sums are whole numbers and exact.
        begin = (top + y) * to_height
        number = begin // height
        share = columns.dtype.type(min((number + 1) * height - begin, to_height))
        for x in range(row.shape[0]):
            columns[x] += row[x] * share
        if begin + to_height < (number + 1) * height:
            continue
        _finish_row(columns, channels, borders, scale, out[number])
        rest = columns.dtype.type(begin + to_height - (number + 1) * height)
        if rest > 0:
            for x in range(row.shape[0]):
                columns[x] = row[x] * rest
