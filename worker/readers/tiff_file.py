"""The bytes of a TIFF file: read at an offset, in full or not at all."""

from __future__ import annotations

from typing import IO

import numpy as np
from numpy.typing import NDArray

from shared.errors import Truncated


class File:
    """A seekable file of known size; whoever else reads it may move its position."""

    def __init__(self, source: IO[bytes]) -> None:
        """Finds out the size, in bytes."""
        self.source = source
        self.size = source.seek(0, 2)

    def require(self, offset: int, length: int, what: str) -> None:
        """Raises Truncated unless the bytes that `what` names lie within the file."""
        if offset + length > self.size:
            raise Truncated(
                f"{what} lies at bytes {offset:,} to {offset + length:,}; the file ends at byte {self.size:,}.",
                limit=self.size,
                seen=offset + length,
            )

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Returns `length` bytes at `offset`; raises Truncated where the file has fewer."""
        self.require(offset, length, what)
        self.source.seek(offset)
        data = self.source.read(length)
        if len(data) < length:
            raise Truncated(f"{what} could be read up to byte {offset + len(data):,} only.", seen=offset + len(data))
        return data

    def read_into(self, target: NDArray[np.uint8], offset: int, what: str) -> None:
        """Fills a contiguous uint8[n] from the bytes at `offset`; raises Truncated where the file has fewer."""
        self.require(offset, len(target), what)
        self.source.seek(offset)
        view = target.data
        filled = 0
        while filled < len(view):
            # A raw file may give less than it is asked for (io.RawIOBase.readinto).
            got = self.source.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                raise Truncated(f"{what} could be read up to byte {offset + filled:,} only.", seen=offset + filled)
            filled += got
