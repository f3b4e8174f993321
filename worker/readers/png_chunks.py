"""The chunks of a PNG file (W3C PNG, third edition, section 5)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from shared.errors import Corrupt, Truncated
from worker.readers.contents import quoted

SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Chunks of pixels of a file at most: 100 megapixels of 16-bit RGB in pieces of 8 KiB are 75,000. And other chunks.
_MOST_CHUNKS = 1 << 20
_MOST_OTHERS = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """One chunk."""

    #: four letters
    kind: bytes
    #: where its body begins in the file
    start: int
    #: where its body ends; the check sum follows
    end: int

    @property
    def critical(self) -> bool:
        """Whether no reader may pass over it."""
        return self.kind[:1].isupper()

    def body(self, data: memoryview) -> memoryview:
        """Returns its bytes."""
        return data[self.start : self.end]

    def check(self, data: memoryview) -> None:
        """Raises Corrupt unless the check sum is right."""
        (wanted,) = struct.unpack_from(">I", data, self.end)
        if zlib.crc32(data[self.start - 4 : self.end]) != wanted:
            raise Corrupt(
                f"The check sum of the {quoted(self.kind)} chunk at byte {self.start:,} is wrong.", seen=self.start
            )


def read_chunks(data: memoryview) -> list[Chunk]:
    """Returns the chunks to IEND; what follows that is no matter.

    The check sums of all but the pixels' are proved. Raises Truncated where the file ends before IEND or has no IDAT,
    Corrupt for what is no chunk.
    """
    chunks: list[Chunk] = []
    at, others = len(SIGNATURE), 0
    while not chunks or chunks[-1].kind != b"IEND":
        if len(chunks) == _MOST_CHUNKS:
            raise Corrupt(f"The file has more than {_MOST_CHUNKS:,} chunks.", limit=_MOST_CHUNKS)
        if at + 12 > len(data):
            raise Truncated(f"The file ends at byte {len(data):,}, before its IEND chunk.", seen=len(data))
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            raise Corrupt(f"At byte {at:,} of the file a chunk should begin.", seen=at)
        if at + 12 + length > len(data):
            raise Truncated(
                f"The {quoted(kind)} chunk goes to byte {at + 12 + length:,}; the file ends at {len(data):,}.",
                seen=len(data),
                limit=at + 12 + length,
            )
        chunk = Chunk(kind=kind, start=at + 8, end=at + 8 + length)
        if kind not in (b"IDAT", b"fdAT"):
            chunk.check(data)
            others += 1
            if others > _MOST_OTHERS:
                raise Corrupt(f"The file has more than {_MOST_OTHERS:,} chunks beside its pixels.", limit=_MOST_OTHERS)
        chunks.append(chunk)
        at += 12 + length
    if not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise Truncated("The file has no IDAT chunk.", seen=0)
    return chunks


def make_chunk(kind: bytes, body: bytes) -> bytes:
    """Returns a chunk with its check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
