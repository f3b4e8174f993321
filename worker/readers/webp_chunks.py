"""The chunks of a WebP file (RFC 9649, section 2), and what they say of the picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from shared.errors import Corrupt, Truncated
from worker.readers.contents import quoted

#: Bit of VP8X's first byte.
_ALPHA = 0x10

#: Chunks beside each other at most.
_MOST_CHUNKS = 1 << 16

#: Bytes of ANMF before its chunks.
_FRAME_BYTES = 16


@dataclass(kw_only=True, slots=True)
class Summary:
    """What the chunks say."""

    #: pixels
    width: int = 0
    #: pixels
    height: int = 0
    #: whether the picture has an alpha channel
    alpha: bool = False
    #: whether the first frame is coded without loss
    lossless: bool = False
    #: frames
    frames: int = 0
    #: contents of ICCP, EXIF and "XMP "; the first of each
    blocks: dict[bytes, memoryview] = field(default_factory=dict)


def summarize(data: memoryview) -> Summary:
    """Returns what a file's chunks say. Raises Truncated where the file is shorter than it claims, or Corrupt."""
    (size,) = struct.unpack_from("<I", data, 4) if len(data) >= 12 else (12,)
    if size + 8 > len(data):
        raise Truncated(f"The file claims {size + 8:,} bytes; it has {len(data):,}.", seen=len(data), limit=size + 8)
    summary = Summary()
    canvas = None
    for kind, body in _chunks(data[12 : size + 8]):
        if kind == b"VP8X" and canvas is None and not summary.frames:
            if len(body) < 10:
                raise Corrupt("The VP8X chunk is cut off.", seen=len(body))
            canvas = body[0], 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        elif kind in (b"VP8 ", b"VP8L"):
            if not summary.frames:
                _read_frame(summary, kind, body)
            summary.frames += 1
        elif kind == b"ANMF":
            if not summary.frames:
                _read_animated(summary, body)
            summary.frames += 1
        elif kind in (b"ICCP", b"EXIF", b"XMP "):
            summary.blocks.setdefault(kind, body)
    if not summary.frames:
        raise Truncated("The file has no picture.", seen=0)
    if canvas:
        flags, summary.width, summary.height = canvas
        summary.alpha = bool(flags & _ALPHA)
    return summary


def _chunks(data: memoryview) -> list[tuple[bytes, memoryview]]:
    chunks: list[tuple[bytes, memoryview]] = []
    at = 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            raise Corrupt(
                f"The chunk {quoted(kind)} has {length:,} bytes; the file has room for {len(data) - at - 8:,}.",
                seen=length,
                limit=len(data) - at - 8,
            )
        if len(chunks) == _MOST_CHUNKS:
            raise Corrupt(f"The file has more than {_MOST_CHUNKS:,} chunks.", limit=_MOST_CHUNKS)
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    return chunks


def _read_frame(summary: Summary, kind: bytes, body: memoryview) -> None:
    if kind == b"VP8 ":
        # RFC 6386, 9.1: three bytes of tag, a start code, 14 bits each of width and height.
        if len(body) < 10 or bytes(body[3:6]) != b"\x9d\x01\x2a":
            raise Corrupt("The VP8 chunk does not begin with a key frame.")
        width, height = struct.unpack_from("<HH", body, 6)
        summary.width, summary.height = width & 0x3FFF, height & 0x3FFF
        return
    # RFC 9649, 3.4: a signature, 14 bits each of width - 1 and height - 1, whether alpha is used.
    if len(body) < 5 or body[0] != 0x2F:
        raise Corrupt("The VP8L chunk does not begin with its signature.")
    (bits,) = struct.unpack_from("<I", body, 1)
    summary.width, summary.height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    summary.alpha = bool(bits >> 28 & 1)
    summary.lossless = True


def _read_animated(summary: Summary, body: memoryview) -> None:
    for kind, inner in _chunks(body[_FRAME_BYTES:]):
        if kind in (b"VP8 ", b"VP8L"):
            return _read_frame(summary, kind, inner)
    raise Corrupt("The first frame has no picture.")
