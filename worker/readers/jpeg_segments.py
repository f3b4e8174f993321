"""The segments of a JPEG file up to its first scan (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from shared.errors import Corrupt, Truncated, UnsupportedPicture

SOS = 0xDA
EOI = 0xD9
#: The first of APP0..APP15.
APP0 = 0xE0
COMMENT = 0xFE

#: Frames that are read: baseline, extended, progressive, lossless; extended and progressive in arithmetic coding.
READ_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)
#: Every marker of a frame: C4, C8 and CC stand for tables.
_FRAMES = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
#: Markers without a segment: TEM and the restarts.
_BARE = (0x01, *range(0xD0, 0xD8))

#: Segments before the first scan at most; a profile and an XMP packet of 1 GiB would have some 17,000 each.
_MOST_SEGMENTS = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What a frame header says (T.81, B.2.2)."""

    #: its marker's second byte
    marker: int
    #: bits a sample
    precision: int
    #: where the byte with the precision stands in the file
    precision_at: int
    #: pixels
    width: int
    #: pixels
    height: int
    #: components
    components: int

    @property
    def lossless(self) -> bool:
        """Whether differences of samples are coded, no cosines."""
        return self.marker == 0xC3


def segments(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yields the second byte of the marker, the offset and the bytes of each segment's body, the first scan's last.

    Raises Truncated where the file ends before a scan, Corrupt where bytes lie between the segments.
    """
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at < len(data) and data[at] != 0xFF:
            raise Corrupt(f"A JPEG marker is missing at byte {at:,}.", seen=at)
        # Any number of FF may stand before a marker (T.81, B.1.1.2).
        while at < len(data) and data[at] == 0xFF:
            at += 1
        if at + 3 > len(data):
            raise Truncated(f"The file ends at byte {len(data):,}, before its first scan.", seen=len(data))
        marker = data[at]
        at += 1
        if marker in _BARE:
            continue
        if marker == EOI:
            raise Truncated(f"The picture ends at byte {at:,}, before its first scan.", seen=at)
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or marker == 0:
            raise Corrupt(f"The JPEG segment at byte {at:,} is none.", seen=at)
        if at + length > len(data):
            raise Truncated(
                f"A segment of the file goes to byte {at + length:,}; the file ends at {len(data):,}.",
                seen=len(data),
                limit=at + length,
            )
        yield marker, at + 2, data[at + 2 : at + length]
        if marker == SOS:
            return
        at += length
    raise Corrupt(f"The file has more than {_MOST_SEGMENTS:,} segments before its first scan.", limit=_MOST_SEGMENTS)


def is_frame(marker: int) -> bool:
    """Tells whether a marker opens a frame of any kind, read here or not."""
    return marker in _FRAMES


def read_frame(marker: int, at: int, body: memoryview) -> Frame:
    """Returns what a frame's segment says. Raises UnsupportedPicture or Corrupt."""
    if marker not in READ_FRAMES:
        raise UnsupportedPicture(
            f"The JPEG has a frame of kind SOF{marker - 0xC0}; baseline, extended, progressive and lossless ones are "
            "read (SOF0, 1, 2, 3, 9 and 10).",
            seen=f"SOF{marker - 0xC0}",
        )
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise Corrupt("The frame header of the JPEG is cut off.", seen=len(body))
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    if not height:
        raise UnsupportedPicture("The JPEG tells its height only after its first scan; such files are not read.")
    if not width:
        raise Corrupt("The JPEG has a width of 0.", seen=0)
    if components not in (1, 3, 4):
        raise UnsupportedPicture(
            f"The JPEG has {components} components; 1, 3 and 4 are read.", seen=components, limit=[1, 3, 4]
        )
    frame = Frame(
        marker=marker, precision=precision, precision_at=at, width=width, height=height, components=components
    )
    if precision not in (range(2, 17) if frame.lossless else (8, 12)):
        raise Corrupt(f"The JPEG claims {precision} bits a sample, which its kind cannot have.", seen=precision)
    return frame
