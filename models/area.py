"""The kernel of the reduction: loops over samples that numba compiles. See `models.reduction`.

Import it only where pictures are reduced, as `models.kernel`.
"""

from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}

#: See `models.kernel`.
_part = njit(inline="always", **_OPTIONS)
_compiled = njit(cache=True, **_OPTIONS)


@_part
def _finish_row(column_sums, channels, scale, out):
    """Writes one reduced row, float32[w', channels], of column sums float64[w * channels] and clears them.

    `scale` is what one column of one row counts.
    """
    to_width = out.shape[0]
    width = column_sums.shape[0] // channels
    for x in range(to_width):
        # In units of 1 / w' of a column, so that whole numbers tell where a border is.
        begin, end = x * width, (x + 1) * width
        first, last = begin // to_width, (end - 1) // to_width
        first_share = (min((first + 1) * to_width, end) - begin) / to_width
        last_share = (end - last * to_width) / to_width if last > first else 0.0
        for channel in range(channels):
            inner = 0.0
            for at in range(first + 1, last):
                inner += column_sums[at * channels + channel]
            inner += column_sums[first * channels + channel] * first_share
            inner += column_sums[last * channels + channel] * last_share
            out[x, channel] = inner * scale
    column_sums[:] = 0.0


@_compiled
def reduce_strip(strip, channels, top, height, column_sums, out):
    """Takes a strip into a reduction.

    `strip` uint8 or uint16[rows, w * channels] begins at row `top` of a picture of `height` rows. `column_sums`
    float64[w * channels], zero at first, holds the rows of the reduced row that is not finished; `out`
    float32[h', w', channels] is written. A row on a border of reduced rows counts for each by its share.
    """
    to_height, to_width = out.shape[0], out.shape[1]
    scale = to_width * channels / strip.shape[1] * to_height / height
    for y in range(strip.shape[0]):
        row = strip[y]
        # In units of 1 / h' of a row.
        begin = (top + y) * to_height
        number = begin // height
        border = (number + 1) * height
        if begin + to_height < border:
            for x in range(row.shape[0]):
                column_sums[x] += row[x]
            continue
        share = (border - begin) / to_height
        for x in range(row.shape[0]):
            column_sums[x] += row[x] * share
        _finish_row(column_sums, channels, scale, out[number])
        if share < 1.0:
            for x in range(row.shape[0]):
                column_sums[x] = row[x] * (1.0 - share)
