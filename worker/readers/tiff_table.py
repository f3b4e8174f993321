"""The table of a TIFF page's strips or tiles: read, and checked against the file before one of them is decoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from worker.readers import tiff_tags as tag
from worker.readers.tiff_directories import Directory
from worker.readers.tiff_file import File
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_tags import Compression


def read_offsets(directory: Directory, compression: Compression, segments: int, *, tiled: bool) -> NDArray[np.uint64]:
    """Returns where each of so many segments begins. Raises UnsupportedPicture, Truncated or Corrupt."""
    if compression is Compression.OLD_JPEG:
        return _old_jpeg(directory, segments)[:1]
    return _read_table(directory, tag.TILE_OFFSETS if tiled else tag.STRIP_OFFSETS, segments)


def read_counts(
    directory: Directory, compression: Compression, segments: int, segment_bytes: int, *, tiled: bool
) -> NDArray[np.uint64]:
    """Returns the bytes of each of so many segments, which have `segment_bytes` when decoded; raises likewise."""
    if compression is Compression.OLD_JPEG:
        return _old_jpeg(directory, segments)[1:]
    which = tag.TILE_BYTES if tiled else tag.STRIP_BYTES
    if compression is Compression.NONE and segments == 1 and which not in directory:
        # Old writers leave it out, and it follows from the size.
        return np.array([segment_bytes], np.uint64)
    return _read_table(directory, which, segments)


def _read_table(directory: Directory, which: int, segments: int) -> NDArray[np.uint64]:
    table = directory.numbers(which, most=segments)
    if table is None or len(table) < segments or table.dtype.kind != "u":
        raise Corrupt(
            f"The page needs {segments:,} strips or tiles; field {which} tells of "
            f"{0 if table is None else len(table):,}.",
            seen=0 if table is None else len(table),
            limit=segments,
        )
    return table.astype(np.uint64)


def _old_jpeg(directory: Directory, segments: int) -> NDArray[np.uint64]:
    """Returns offset and length of the one JPEG stream of TIFF 6.0, section 22."""
    offset = directory.whole(tag.OLD_JPEG_OFFSET, 0)
    length = directory.whole(tag.OLD_JPEG_BYTES, 0)
    strips = directory.wholes(tag.STRIP_OFFSETS, (offset,), most=1)
    if segments != 1 or not (offset and length and offset <= strips[0] < offset + length):
        raise UnsupportedPicture(
            "Old-style JPEG in loose parts is not read; that in one stream is, and JPEG of TIFF Technical Note 2.",
            seen=int(Compression.OLD_JPEG),
        )
    return np.array([offset, length], np.uint64)


def check(layout: Layout, file: File) -> None:
    """Raises Truncated unless each segment has bytes and lies within the file, Corrupt where it is too short."""
    offsets, counts = layout.offsets, layout.counts
    missing = (offsets == 0) | (counts == 0)
    if missing.any():
        index = int(missing.argmax())
        raise Truncated(
            f"{layout.name(index)} has no bytes: the file was not finished, or is sparse, which is not read.",
            seen=int(missing.sum()),
        )
    size = np.uint64(file.size)
    outside = (counts > size) | (offsets > size - np.minimum(counts, size))
    if outside.any():
        index = int(outside.argmax())
        file.require(int(offsets[index]), int(counts[index]), layout.name(index))
    if layout.compression is Compression.NONE:
        needed = layout.needed_bytes()
        short = counts < needed
        if short.any():
            index = int(short.argmax())
            raise Corrupt(
                f"{layout.name(index)} has {int(counts[index]):,} bytes; its rows need {int(needed[index]):,}.",
                seen=int(counts[index]),
                limit=int(needed[index]),
            )


def joined(layout: Layout) -> Layout:
    """Returns uncompressed strips that lie one behind the other as one strip, which takes far fewer reads."""
    if layout.compression is not Compression.NONE or layout.tiled or layout.planar:
        return layout
    if (layout.offsets[1:] != layout.offsets[:-1] + layout.needed_bytes()[:-1]).any():
        return layout
    return replace(
        layout, segment_height=layout.height, offsets=layout.offsets[:1], counts=layout.counts.sum(keepdims=True)
    )
