"""JPEG inside TIFF (TIFF Technical Note 2): abbreviated streams made whole, and decoded strictly."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from worker.readers.jpeg_segments import APP0, EOI, SOS, Frame, is_frame, read_frame, segments

_SOI = b"\xff\xd8"
_APP14 = APP0 + 14
_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}
#: Rows that an encoder may add below a segment: up to a full row of its blocks (T.81, A.2.4).
_BLOCK_ROWS = 16
#: Scans of one segment at most. Encoders make about 10; each costs a pass over the whole segment.
_MOST_SCANS = 500


def decode(
    data: bytes, tables: bytes | None, size: tuple[int, int], rows: int, *, samples: int, bits: int, ycc: bool
) -> NDArray[Any]:
    """Returns the first `rows` of a segment of `size` (width, height), [rows, width, samples]; YCbCr becomes RGB.

    The TIFF says whether its samples are YCbCr (`ycc`). Where it says RGB or CMYK a JFIF or Adobe marker in the segment
    may say otherwise, and is believed: what writes such a marker wrote a JPEG file. Raises UnsupportedPicture,
    Truncated, Corrupt, or what the decoder says.
    """
    if data[:2] != _SOI:
        raise Corrupt("The JPEG data in the TIFF do not begin with their start marker.")
    stream, frame = _whole(data, tables, ycc=ycc)
    if (frame.components, frame.precision) != (samples, bits):
        raise Corrupt(
            f"The JPEG data in the TIFF have {frame.components} channels of {frame.precision} bits; the page says "
            f"{samples} of {bits}."
        )
    # Before the decoder makes room for it.
    if frame.width != size[0] or not rows <= frame.height < size[1] + _BLOCK_ROWS:
        raise Corrupt(
            f"A segment of the page has {frame.width:,} x {frame.height:,} pixels; it should have {size[0]:,} x "
            f"{size[1]:,}.",
            seen=[frame.width, frame.height],
            limit=list(size),
        )
    if stream.count(b"\xff\xda") > _MOST_SCANS:
        raise Corrupt(f"The JPEG data in the TIFF have more than {_MOST_SCANS} scans.", limit=_MOST_SCANS)
    if bits == 8:
        return _decode_strictly(stream, samples)[:rows]
    # The strict decoder knows 8 bits only. How the data are coded does not depend on the precision: it is told a lie,
    # and what comes out is thrown away.
    lie = bytearray(stream)
    lie[frame.precision_at] = 8
    _decode_strictly(lie, samples)
    return np.asarray(imagecodecs.jpeg8_decode(bytes(stream)).reshape(frame.height, frame.width, samples)[:rows])


def _whole(data: bytes, tables: bytes | None, *, ycc: bool) -> tuple[bytearray, Frame]:
    """Returns a stream that stands for itself and says what its colors are, and its frame."""
    joined = memoryview(_SOI + _inner(tables) + data[2:])
    stream = bytearray(_SOI)
    transform = 1 if ycc else 0
    frame = None
    start = end = 2
    for marker, at, body in segments(joined):
        end = at + len(body)
        if marker == APP0 and bytes(body[:5]) == b"JFIF\0":
            transform = 1
        elif marker == _APP14 and bytes(body[:5]) == b"Adobe" and len(body) >= 12:
            transform = transform if ycc else body[11]
        else:
            if is_frame(marker):
                if frame:
                    raise Corrupt("The JPEG data in the TIFF have two frame headers.")
                # Behind the marker that is put in front of everything.
                frame = read_frame(marker, len(stream) + 4 + 16, body)
            stream += struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
        if marker == SOS:
            start = end
    if frame is None:
        raise Corrupt("The JPEG data in the TIFF have a scan, but no frame header before it.")
    if frame.components == 4 and transform == 1:
        transform = 0
    # Adobe's marker (T.872, 6.5.3): no other tells a decoder what the colors are, whatever the components are called.
    stream[2:2] = struct.pack(">BBH5sHHHB", 0xFF, _APP14, 14, b"Adobe", 100, 0, 0, transform)
    stream += joined[start:]
    return stream, frame


def _inner(tables: bytes | None) -> bytes:
    """Returns the segments of JPEGTables without start and end."""
    if not tables:
        return b""
    if tables[:2] != _SOI:
        raise Corrupt("The JPEG tables of the page do not begin with their start marker.")
    return tables[2:-2] if tables[-2:] == bytes((0xFF, EOI)) else tables[2:]


def _decode_strictly(stream: bytearray, samples: int) -> NDArray[np.uint8]:
    try:
        return np.asarray(simplejpeg.decode_jpeg(stream, _SPACES[samples], strict=True))
    except ValueError as error:
        words = str(error)
        if "subsampling" in words or "color conversion" in words:
            raise UnsupportedPicture(
                f"The JPEG data in the TIFF are coded in a way that no strict decoder knows: {words}", seen=words
            ) from error
        if "Premature end" in words:
            raise Truncated(f"A segment of the page ends before its rows do: {words}", seen=words) from error
        raise Corrupt(f"The JPEG data in the TIFF are damaged: {words}", seen=words) from error
