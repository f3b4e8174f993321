"""The kernel of the reduction: loops over samples that numba compiles. See `models.reduction`.

Import it only where pictures are reduced, as `models.kernel`.
"""

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, fastmath={"contract"})


@_compiled
def _finish_row(column_sums, channels, out):
    """Writes one reduced row, float32[w', channels], of column sums float64[w * channels], and clears them."""
    to_width = out.shape[0]
    width = column_sums.shape[0] // channels
    for x in range(to_width):
        begin, end = x * width / to_width, (x + 1) * width / to_width
        first, last = int(begin), min(int(end), width - 1)
        first_share = min(first + 1.0, end) - begin
        last_share = end - last if last > first else 0.0
        for channel in range(channels):
            inner = 0.0
            for at in range(first + 1, last):
                inner += column_sums[at * channels + channel]
            inner += column_sums[first * channels + channel] * first_share
            inner += column_sums[last * channels + channel] * last_share
            out[x, channel] = inner * to_width / width
    column_sums[:] = 0.0


@_compiled
def reduce_strip(strip, channels, top, height, column_sums, out):
    """Takes a strip into a reduction.

    `strip` uint8 or uint16[rows, w * channels] begins at row `top` of a picture of `height` rows. `column_sums`
    float64[w * channels], zero at first, holds the rows of the reduced row that is not finished; `out`
    float32[h', w', channels] is written. A row on a border of reduced rows counts for each by its share.
    """
    to_height = out.shape[0]
    for y in range(strip.shape[0]):
        row = strip[y]
        # In units of 1 / height of a reduced row, so that whole numbers tell where a border is.
        begin = (top + y) * to_height
        number = begin // height
        rest = begin + to_height - (number + 1) * height
        share = np.float64((to_height - max(rest, 0)) / height)
        for x in range(row.shape[0]):
            column_sums[x] += np.float64(row[x]) * share
        if rest >= 0:
            _finish_row(column_sums, channels, out[number])
        if rest > 0:
            more = np.float64(rest / height)
            for x in range(row.shape[0]):
                column_sums[x] = np.float64(row[x]) * more
