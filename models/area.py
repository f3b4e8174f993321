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
    """Returns where each reduced column begins, and where the last ends: a column, and 1 / w' of it.

    int64[2, w' + 1]. Once a strip, since divisions take longer than all else.
    """
    found = np.empty((2, to_width + 1), np.int64)
    for x in range(to_width + 1):
        found[0, x], found[1, x] = x * width // to_width, x * width % to_width
    return found


@_part
def _finish_row(columns, channels, borders, scale, sums, out):
    """Writes one reduced row, [w', channels] of samples, from column sums uint[w * channels] and clears them.

    `sums` uint64[(w + 1) * channels] is scratch: what lies left of each column. A reduced column is what lies left of
    its end less what lies left of its beginning, in 1 / w' of a column.
    """
    for at in range(columns.shape[0]):
        sums[at + channels] = sums[at] + np.uint64(columns[at])
    to_width = out.shape[0]
    for channel in range(channels):
        before = np.uint64(0)
        for x in range(1, to_width):
            at = borders[0, x] * channels + channel
            here = sums[at] * np.uint64(to_width) + np.uint64(columns[at]) * np.uint64(borders[1, x])
            out[x - 1, channel] = np.rint(np.float64(np.int64(here - before)) * scale)
            before = here
        whole = sums[columns.shape[0] + channel] * np.uint64(to_width)
        out[to_width - 1, channel] = np.rint(np.float64(np.int64(whole - before)) * scale)
    columns[:] = 0


@_compiled
def reduce_strip(strip, channels, top, height, columns, out):
    """Takes a strip into a reduction.

    `strip` uint8 or uint16[rows, w * channels] begins at row `top` of a picture of `height` rows. `columns`
    uint[w * channels], zero at first, holds the sums of the reduced row that is not finished, of a type that holds
    `height` times the largest sample; `out` [h', w', channels] of the strip's type is written. A row on a border of
    reduced rows counts for each by its share.
    """
    to_height, to_width = out.shape[0], out.shape[1]
    width = strip.shape[1] // channels
    borders = _borders(width, to_width)
    sums = np.zeros(strip.shape[1] + channels, np.uint64)
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
        _finish_row(columns, channels, borders, scale, sums, out[number])
        rest = columns.dtype.type(begin + to_height - (number + 1) * height)
        if rest > 0:
            for x in range(row.shape[0]):
                columns[x] = row[x] * rest
