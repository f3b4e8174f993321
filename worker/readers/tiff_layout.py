"""The layout of a TIFF page: what its samples are, and where its strips or tiles lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.readers.tiff_directories import Order
from worker.readers.tiff_tags import Compression, Photometric


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Layout:
    """A page as it lies in the file: not yet upright, its samples as stored."""

    #: pixels
    width: int
    #: pixels
    height: int
    #: channels a pixel, with the extra ones
    samples: int
    #: bits a sample
    bits: int
    #: whether samples are floating point
    floating: bool
    #: meaning of the first channels
    photometric: Photometric
    #: ExtraSamples of the other channels, one each: 0 unspecified, 1 associated alpha, 2 unassociated alpha
    extras: tuple[int, ...]
    #: whether each channel lies by itself
    planar: bool
    #: how strips or tiles are compressed
    compression: Compression
    #: 1 none, 2 horizontal differences, 3 those of floating point
    predictor: int
    #: whether the lowest bit of a byte comes first
    reversed_bits: bool
    #: which byte of a number comes first
    order: Order
    #: whether segments are tiles, not strips
    tiled: bool
    #: pixels
    segment_width: int
    #: pixels; the last strip of a picture may have fewer rows
    segment_height: int
    #: where the segments lie in the file, bytes; uint64[planes * down * across]
    offsets: NDArray[np.uint64]
    #: bytes of the segments; uint64[planes * down * across]
    counts: NDArray[np.uint64]
    #: tables that JPEG segments share
    jpeg_tables: bytes | None
    #: T4Options: bit 0 says that rows may refer to their predecessor
    fax_options: int

    @property
    def across(self) -> int:
        """Segments in a row of them."""
        return -(-self.width // self.segment_width)

    @property
    def down(self) -> int:
        """Rows of segments."""
        return -(-self.height // self.segment_height)

    @property
    def segment_samples(self) -> int:
        """Channels a pixel in a segment."""
        return 1 if self.planar else self.samples

    @property
    def segment_row_bytes(self) -> int:
        """Bytes of a row of a segment, decoded; rows begin at full bytes (TIFF 6.0, section 3)."""
        return -(-self.segment_width * self.segment_samples * self.bits // 8)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of the picture in memory, as it is before samples are scaled."""
        return self.width * self.samples * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a sample in memory: unsigned or floating point, native byte order."""
        if self.floating:
            return np.dtype(f"f{self.bits // 8}")
        return np.dtype("u1" if self.bits <= 8 else "u2" if self.bits <= 16 else "u4")

    def name(self, index: int) -> str:
        """Returns what a segment is called in messages."""
        return f"{'Tile' if self.tiled else 'Strip'} {index + 1:,} of {len(self.offsets):,}"

    def needed_bytes(self) -> NDArray[np.uint64]:
        """Returns the bytes that the rows of each segment take, decoded; those below the picture are not needed."""
        rows = np.full(self.down, self.segment_height, np.uint64)
        rows[-1] = self.height - (self.down - 1) * self.segment_height
        planes = len(self.offsets) // (self.down * self.across)
        return np.tile(np.repeat(rows, self.across), planes) * np.uint64(self.segment_row_bytes)
