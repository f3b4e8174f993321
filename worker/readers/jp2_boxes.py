"""The boxes of a JP2 file (ISO/IEC 15444-1, annex I)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from shared.errors import Corrupt, Truncated
from worker.readers.contents import quoted

#: Boxes beside each other at most.
_MOST_BOXES = 1 << 16


def boxes(data: memoryview) -> Iterator[tuple[bytes, int, memoryview]]:
    """Yields type, first byte and contents of each box of a file or of a superbox.

    Raises Truncated where a box goes beyond what holds it, Corrupt for what is none.
    """
    at = 0
    for _ in range(_MOST_BOXES):
        # Fewer bytes than a box has are padding.
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1:
            if at + 16 > len(data):
                raise Truncated("The file ends within the header of a box.", seen=len(data), limit=at + 16)
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = at + length if length else len(data)
        if end < start:
            raise Corrupt(f"The box {quoted(kind)} claims {length:,} bytes.", seen=length)
        if end > len(data):
            raise Truncated(
                f"The box {quoted(kind)} goes to byte {end:,}; there are {len(data):,}.", seen=len(data), limit=end
            )
        yield kind, start, data[start:end]
        at = end
    raise Corrupt(f"The file has more than {_MOST_BOXES:,} boxes.", limit=_MOST_BOXES)


def make_box(kind: bytes, body: bytes) -> bytes:
    """Returns a box of less than 4 GiB."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def read_resolution(data: memoryview) -> tuple[float, float] | None:
    """Returns the dots a meter, horizontally and vertically, of a `res ` superbox: as captured, else as displayed."""
    kinds = {kind: body for kind, _, body in boxes(data)}
    body = kinds.get(b"resc") or kinds.get(b"resd")
    if body is None or len(body) < 10:
        return None
    vertical, below_v, horizontal, below_h, power_v, power_h = struct.unpack_from(">HHHHbb", body)
    if not below_v or not below_h:
        return None
    return horizontal / below_h * 10.0**power_h, vertical / below_v * 10.0**power_v
