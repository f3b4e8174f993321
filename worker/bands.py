"""Bands: as many rows at once as stay in a core's cache from where they are rendered to where they are coded."""

from __future__ import annotations

#: Rows of a band are a multiple of the first, as few as make about the second.
_ROWS, _SIZE = 64, 1 << 18


def rows_of(row: int) -> int:
    """Returns the rows of a band of a picture whose rows have so many pixels, or bytes."""
    return _ROWS * max(1, _SIZE // (_ROWS * row))
