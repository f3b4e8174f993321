"""JPEG 2000 and WebP inside TIFF: segments that know their own size."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, UnsupportedPicture
from worker.readers.codestream import SOC, check, read_stream
from worker.readers.contents import for_codec
from worker.readers.jp2_boxes import boxes
from worker.readers.webp_chunks import summarize


def decode_jpeg_2000(data: bytes, size: tuple[int, int], rows: int, *, samples: int, bits: int) -> NDArray[Any]:
    """Returns the first `rows` of a JPEG 2000 segment of `size` (width, height), [rows, width, samples].

    Raises UnsupportedPicture, Truncated or Corrupt; the decoder by itself makes gray of what is missing.
    """
    stream_bytes = _codestream(memoryview(data))
    stream = read_stream(stream_bytes)
    if any(component.dx != 1 or component.dy != 1 or component.signed for component in stream.components):
        raise UnsupportedPicture("The JPEG 2000 data in the TIFF have channels of different sizes, or signed ones.")
    width, height = stream.size(stream.components[0])
    _check_size((width, height), size, rows)
    depths = {component.depth for component in stream.components}
    if len(stream.components) != samples or depths != {bits}:
        raise Corrupt(
            f"The JPEG 2000 data in the TIFF have {len(stream.components)} channels of {sorted(depths)} bits; the page "
            f"says {samples} of {bits}."
        )
    check(stream_bytes, stream)
    decoded = imagecodecs.jpeg2k_decode(for_codec(stream_bytes), planar=False)
    return np.asarray(decoded.reshape(height, width, samples)[:rows])


def decode_webp(data: bytes, size: tuple[int, int], rows: int, *, samples: int) -> NDArray[np.uint8]:
    """Returns the first `rows` of a WebP segment of `size` (width, height), uint8[rows, width, samples].

    Raises UnsupportedPicture, Truncated or Corrupt.
    """
    if samples not in (3, 4):
        raise UnsupportedPicture(f"The page has {samples} channels in WebP; 3 and 4 are read.", seen=samples)
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise Corrupt("The WebP data in the TIFF do not begin as such.")
    summary = summarize(memoryview(data))
    width, height = summary.width, summary.height
    _check_size((width, height), size, rows)
    out = np.empty((height, width, samples), np.uint8)
    imagecodecs.webp_decode(data, hasalpha=samples == 4, out=out)
    return out[:rows]


def _check_size(seen: tuple[int, int], size: tuple[int, int], rows: int) -> None:
    """Raises Corrupt unless a segment is as wide as the page says, and has its rows; the last may have no more."""
    if seen[0] != size[0] or not rows <= seen[1] <= size[1]:
        raise Corrupt(
            f"A segment of the page has {seen[0]:,} x {seen[1]:,} pixels; it should have {size[0]:,} x {size[1]:,}.",
            seen=list(seen),
            limit=list(size),
        )


def _codestream(data: memoryview) -> memoryview:
    """Returns the codestream of a JP2 file, or the data where they are one."""
    if data[:2] == SOC:
        return data
    for kind, _, body in boxes(data):
        if kind == b"jp2c":
            return body
    raise Corrupt("The JPEG 2000 data in the TIFF hold no codestream.")
