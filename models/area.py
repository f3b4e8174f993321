"""The kernel of the reduction: loops over samples that numba compiles. See `models.reduction`.

Import it only where pictures are reduced, as `models.kernel`. Places in a row are unsigned throughout: a signed one
might count from the end, and to find out takes as long as the sum it is for.
"""

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}

#: See `models.kernel`.
_part = njit(inline="always", **_OPTIONS)
_compiled = njit(cache=True, **_OPTIONS)

#: Columns that are summed at once over all rows of a reduced one: the sums stay in a core's first cache.
_TILE = 512

_ONE = np.uint64(1)
_TWO = np.uint64(2)
_THREE = np.uint64(3)


@_part
def _borders(width, to_width, channels):
    """Returns where each reduced column begins, and where the last ends: uint64[w' + 1], float64[w' + 1].

    The place of a column's first sample in the row, and how much of that column lies to the left, in 1 / w' of it. Once
    a strip, since divisions take longer than all else.
    """
    places, cuts = np.empty(to_width + 1, np.uint64), np.empty(to_width + 1)
    for x in range(to_width + 1):
        places[x], cuts[x] = x * width // to_width * channels, x * width % to_width
    return places, cuts


@_part
def _add_rows(strip, first, end, left, share, columns):
    """Adds so many rows of a strip, each by a share, to a tile of column sums."""
    for y in range(first, end):
        row = strip[y, left : left + _TILE]
        for x in range(row.shape[0]):
            columns[x] += row[x] * share


@_part
def _part_row(row, share, rest, columns, ended):
    """Ends a tile of column sums with the share of a row, into `ended`, and begins the next with the rest of it."""
    for x in range(row.shape[0]):
        ended[x] = columns.dtype.type(columns[x] + row[x] * share)
        columns[x] = row[x] * rest


@_part
def _sum_areas(ended, channels, places, cuts, sums):
    """Writes the sum over each reduced pixel's area, float64[w' * channels].

    It is the rest of the column where the pixel begins, the columns within, and what lies left of its end.
    """
    step = np.uint64(channels)
    whole = np.float64(places.shape[0] - 1)
    for channel in range(channels):
        own = np.uint64(channel)
        end, cut, to = places[0] + own, cuts[0], own
        for x in range(places.shape[0] - 1):
            at, share = end, whole - cut
            end, cut = places[np.uint64(x) + _ONE] + own, cuts[np.uint64(x) + _ONE]
            total = ended[at] * share + ended[end] * cut
            at += step
            while at < end:
                total += ended[at] * whole
                at += step
            sums[to] = total
            to += step


@_part
def _sum_areas_of_three(ended, places, cuts, sums):
    """Does the same where there are three channels, which share their places: in three quarters of the time."""
    whole = np.float64(places.shape[0] - 1)
    end, cut, to = places[0], cuts[0], np.uint64(0)
    for x in range(places.shape[0] - 1):
        at, share = end, whole - cut
        end, cut = places[np.uint64(x) + _ONE], cuts[np.uint64(x) + _ONE]
        first = ended[at] * share + ended[end] * cut
        second = ended[at + _ONE] * share + ended[end + _ONE] * cut
        third = ended[at + _TWO] * share + ended[end + _TWO] * cut
        at += _THREE
        while at < end:
            first += ended[at] * whole
            second += ended[at + _ONE] * whole
            third += ended[at + _TWO] * whole
            at += _THREE
        sums[to], sums[to + _ONE], sums[to + _TWO] = first, second, third
        to += _THREE


@_compiled
def reduce_strip(strip, channels, top, height, columns, out):
    """Takes a strip into a reduction.

    `strip` uint8 or uint16[rows, w * channels] begins at row `top` of a picture of `height` rows. `columns`
    int[w * channels], zero at first, holds the sums of the reduced row that is not finished, of a type that holds
    `height` times the largest sample; `out` [h', w' * channels] of the strip's type is written. A row on a border of
    reduced rows counts for each by its share. All sums are whole numbers, also those in float64: none reaches 2^53.
    """
    # In units of 1 / h' of a row and 1 / w' of a column.
    to_height, width, to_width = np.int64(out.shape[0]), columns.shape[0] // channels, out.shape[1] // channels
    places, cuts = _borders(width, to_width, channels)
    # The last place is behind the row, with a share of 0.
    ended, sums = np.zeros(columns.shape[0] + channels), np.empty(out.shape[1])
    scale = 1.0 / (np.float64(width) * height)
    y = 0
    while y < strip.shape[0]:
        number = (top + y) * to_height // height
        border = (number + 1) * height
        # The row in which the reduced one ends, or at whose end.
        last = (border - 1) // to_height - top
        share = border - (top + last) * to_height
        for left in range(0, columns.shape[0], _TILE):
            tile = columns[left : left + _TILE]
            _add_rows(strip, y, min(last, strip.shape[0]), left, to_height, tile)
            if last < strip.shape[0]:
                row = strip[last, left : left + _TILE]
                _part_row(row, share, to_height - share, tile, ended[left : left + _TILE])
        if last < strip.shape[0]:
            if channels == 3:
                _sum_areas_of_three(ended, places, cuts, sums)
            else:
                _sum_areas(ended, channels, places, cuts, sums)
            for at in range(sums.shape[0]):
                out[number, at] = np.rint(sums[at] * scale)
        y = last + 1
