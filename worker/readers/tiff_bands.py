"""Bands of rows of a TIFF page, put together from its strips or tiles with memory for a few of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.readers.tiff_file import File
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_segments import read_rows
from worker.readers.tiff_tags import Compression

#: Bytes that a band should have, and those that it should not exceed.
_GOOD_BYTES, _MOST_BYTES = 1 << 22, 1 << 24
#: Rows that a band should have, up to that.
_GOOD_ROWS = 64

#: A row of compressed segments with more bytes than this is no strip: a page of such is held in memory as a whole.
_STREAMED_BYTES = 1 << 26


def is_streamed(layout: Layout) -> bool:
    """Tells whether bands take memory for a few strips only."""
    if layout.compression is Compression.NONE:
        return True
    planes = layout.samples if layout.planar else 1
    return layout.segment_row_bytes * layout.segment_height * layout.across * planes <= _STREAMED_BYTES


def bands(file: File, layout: Layout, channels: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Yields the rows from top to bottom as they lie in the file, [rows, width, channels], dtype of the layout.

    Of the channels only those asked for are given, and decoded where each has a plane of its own. A band is writable
    and nobody else's. Raises UnsupportedPicture, Truncated or Corrupt.
    """
    rows = _band_rows(layout)
    step = rows
    if layout.compression is not Compression.NONE:
        # Only of what is not compressed a part can be read.
        step = max(1, rows // layout.segment_height) * layout.segment_height
    for top in range(0, layout.height, step):
        band = _band(file, layout, channels, top, min(top + step, layout.height))
        for first in range(0, len(band), rows):
            yield band[first : first + rows]


def _band_rows(layout: Layout) -> int:
    good = max(_GOOD_ROWS, _GOOD_BYTES // layout.row_bytes)
    return max(1, min(good, _MOST_BYTES // layout.row_bytes))


def _band(file: File, layout: Layout, channels: tuple[int, ...], top: int, bottom: int) -> NDArray[Any]:
    """Returns rows of the page; those of compressed segments begin with the first of one."""
    height = layout.segment_height
    rows = range(top // height, -(-bottom // height))
    if len(rows) == layout.across == 1 and not layout.planar:
        start = rows[0] * height
        return _chosen(read_rows(file, layout, rows[0], top - start, bottom - start), channels)[:, : layout.width]
    band = np.empty((bottom - top, layout.width, len(channels)), layout.dtype)
    # A plane and its place in the band.
    planes = [(plane, band[:, :, place, np.newaxis]) for place, plane in enumerate(channels)]
    for plane, target in planes if layout.planar else [(0, band)]:
        for row in rows:
            start = row * height
            first, last = max(top, start), min(bottom, start + height)
            for column in range(layout.across):
                index = (plane * layout.down + row) * layout.across + column
                samples = read_rows(file, layout, index, first - start, last - start)
                left = column * layout.segment_width
                part = target[first - top : last - top, left : left + layout.segment_width]
                part[:] = (samples if layout.planar else _chosen(samples, channels))[:, : part.shape[1]]
    return band


def _chosen(samples: NDArray[Any], channels: tuple[int, ...]) -> NDArray[Any]:
    if channels == tuple(range(samples.shape[2])):
        return samples
    return np.take(samples, channels, axis=2)
