"""Dimensions: what kind of picture a file is and how many pixels it has, from its header alone.

Nothing is decoded, and a header is believed: this is for counting, the service looks for itself. Kinds are named as
PRONOM tells them apart.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_SET
from pathlib import Path
from typing import Any, BinaryIO

#: Markers of JPEG frames (ITU-T T.81, table B.1): SOF0..15 without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

#: Markers of JPEG that have no length.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})

#: TIFF field type -> struct code, of those that width and length may have.
_TIFF_TYPES = {3: "H", 4: "I", 16: "Q"}

#: Most entries, segments or boxes that are looked at.
_PATIENCE = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What a header says."""

    #: jpeg, png, tiff, bigtiff, jp2, j2k, webp or bmp
    kind: str
    #: pixels of the first page, as stored
    width: int
    #: pixels of the first page, as stored
    height: int

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


def header(path: Path) -> Header | None:
    """Returns what a file's header says, or None where it says nothing that is understood. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        for magic, read in _READERS.items():
            if start.startswith(magic):
                try:
                    found = read(stream)
                except (struct.error, ValueError, OverflowError):
                    return None
                return found if found and found.width > 0 and found.height > 0 else None
    return None


def _go(stream: BinaryIO, place: int, whence: int = SEEK_SET) -> None:
    try:
        stream.seek(place, whence)
    except OSError as error:  # farther than any file is long
        raise ValueError(place) from error


def _take(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _jpeg(stream: BinaryIO) -> Header | None:
    _go(stream, 2)
    for _ in range(_PATIENCE):
        mark, marker = _take(stream, ">BB")
        while marker == 0xFF:
            (marker,) = _take(stream, ">B")
        if mark != 0xFF or marker in (0xD9, 0xDA):
            return None
        if marker in _BARE:
            continue
        (length,) = _take(stream, ">H")
        if marker in _FRAMES:
            _, height, width = _take(stream, ">BHH")
            return Header(kind="jpeg", width=width, height=height)
        _go(stream, length - 2, SEEK_CUR)
    return None


def _png(stream: BinaryIO) -> Header:
    _go(stream, 16)
    width, height = _take(stream, ">II")
    return Header(kind="png", width=width, height=height)


def _tiff(stream: BinaryIO) -> Header | None:
    order = "<" if stream.read(2) == b"II" else ">"
    (version,) = _take(stream, f"{order}H")
    big = version == 43
    if big:
        _go(stream, 8)
    (offset,) = _take(stream, f"{order}{'Q' if big else 'I'}")
    _go(stream, offset)
    (count,) = _take(stream, f"{order}{'Q' if big else 'H'}")
    sides: dict[int, int] = {}
    for _ in range(min(count, _PATIENCE)):
        tag, kind, _ = _take(stream, f"{order}HH{'Q' if big else 'I'}")
        value = stream.read(8 if big else 4)
        if tag in (256, 257) and kind in _TIFF_TYPES:
            (sides[tag],) = struct.unpack_from(f"{order}{_TIFF_TYPES[kind]}", value)
    if len(sides) < 2:
        return None
    return Header(kind="bigtiff" if big else "tiff", width=sides[256], height=sides[257])


def _boxes(stream: BinaryIO) -> Header | None:
    """Reads JPEG 2000 boxes (ITU-T T.800, annex I) to the image header in the JP2 header."""
    for _ in range(_PATIENCE):
        length, kind = _take(stream, ">I4s")
        body = 8
        if length == 1:
            (length,) = _take(stream, ">Q")
            body = 16
        if kind == b"ihdr":
            height, width = _take(stream, ">II")
            return Header(kind="jp2", width=width, height=height)
        if kind != b"jp2h":
            if length < body:
                return None
            _go(stream, length - body, SEEK_CUR)
    return None


def _codestream(stream: BinaryIO) -> Header:
    _go(stream, 8)
    right, lower, left, upper = _take(stream, ">IIII")
    return Header(kind="j2k", width=right - left, height=lower - upper)


def _webp(stream: BinaryIO) -> Header | None:
    _go(stream, 12)
    kind = stream.read(4)
    _go(stream, 20)
    body = stream.read(10)
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
    else:
        return None
    return Header(kind="webp", width=width, height=height)


def _bmp(stream: BinaryIO) -> Header:
    _go(stream, 14)
    (size,) = _take(stream, "<I")
    width, height = _take(stream, "<HH" if size == 12 else "<ii")
    return Header(kind="bmp", width=width, height=abs(height))


_READERS: dict[bytes, Callable[[BinaryIO], Header | None]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG": _png,
    b"II*\0": _tiff,
    b"II+\0": _tiff,
    b"MM\0*": _tiff,
    b"MM\0+": _tiff,
    b"\0\0\0\x0c": _boxes,
    b"\xff\x4f\xff\x51": _codestream,
    b"RIFF": _webp,
    b"BM": _bmp,
}
