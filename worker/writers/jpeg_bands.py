"""A JPEG picture that is coded band by band, so that no more than one band is held.

Each band is a restart interval of the only scan (ITU-T T.81, E.1.4): what was just rendered is coded while it lies in
the processor's cache, and damage to the file ends with its band.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import simplejpeg

from models.spaces import Samples
from worker.bands import rows_of
from worker.readers.jpeg_segments import APP0, SOS, is_frame, segments

#: Rows and columns of a unit where color is not subsampled. An interval has up to 65,535 of them (T.81, B.2.4.4); a
#: band of the widest JPEG, 65,500 pixels, has 65,504.
_UNIT = 8

_DRI, _RST0 = 0xDD, 0xD0
_END = b"\xff\xd9"


def coded(bands: Iterator[Samples], *, width: int, height: int, quality: int) -> Iterator[bytes | memoryview]:
    """Yields the parts of a 4:4:4 file, from behind its JFIF segment to its end.

    `bands` are RGB, uint8[rows, width, 3] of `bands.rows_of(width)` rows, the last of what is left of `height`.
    """
    rows = rows_of(width)
    first = _coded(next(bands), quality)
    tables, frame, scan, body = _places_in(first)
    head = bytearray(first[:body])
    # Behind the precision stands the height (T.81, B.2.2): the first band does not know that of the picture.
    struct.pack_into(">H", head, frame + 1, height)
    yield bytes(head[tables:scan])
    if height > rows:
        yield struct.pack(">BBHH", 0xFF, _DRI, 4, rows // _UNIT * -(-width // _UNIT))
    yield bytes(head[scan:])
    yield memoryview(first)[body : -len(_END)]
    for number, band in enumerate(bands):
        data = _coded(band, quality)
        if data[tables:frame] != first[tables:frame] or data[scan:body] != first[scan:body]:
            raise ValueError("a band is coded with tables that are not those of the first")
        yield bytes((0xFF, _RST0 + number % 8))
        yield memoryview(data)[body : -len(_END)]
    yield _END


def _coded(band: Samples, quality: int) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(band, quality=quality, colorspace="RGB", colorsubsampling="444")
    return data


def _places_in(data: bytes) -> tuple[int, int, int, int]:
    """Returns where these begin: tables, the body of the frame header, the marker of the scan, its bytes."""
    tables, frame = 2, 0
    for marker, at, body in segments(memoryview(data)):
        if marker == APP0:
            tables = at + len(body)
        elif is_frame(marker):
            frame = at
        elif marker == SOS:
            return tables, frame, at - 4, at + len(body)
    raise ValueError("the encoder wrote no scan")
