"""Streams: a caller's source to read from, the proof of its digest, and a stored object to read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Any, BinaryIO

from shared.errors import ChecksumMismatch
from shared.storage import Source

#: Bytes that are read or copied at once.
CHUNK = 1 << 20


def open_source(source: Source) -> IO[bytes]:
    """Opens a caller's source. Its own trouble (a missing file) is the caller's and stays an OSError."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0)


def prove(stream: IO[bytes], sha256: str | None) -> None:
    """Reads the stream to its end; raises ChecksumMismatch unless its bytes have the promised digest, if any."""
    if sha256 is not None:
        check_digest(hashlib.file_digest(stream, "sha256").hexdigest(), sha256)  # type: ignore[arg-type]


def check_digest(seen: str, promised: str) -> None:
    """Raises ChecksumMismatch unless the two SHA-256 (hex, lower case) are the same."""
    if seen != promised:
        raise ChecksumMismatch(
            f"The bytes have the SHA-256 {seen}, not the promised {promised}; nothing was kept.",
            expected=promised,
            seen=seen,
        )


class _Window(io.RawIOBase):
    """The next `length` bytes of a stream (None: all); what goes wrong while reading becomes our error."""

    def __init__(self, raw: Any, length: int | None, mapped: Callable[[], AbstractContextManager[None]]) -> None:
        self._raw = raw
        self._left = length
        self._mapped = mapped

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        if self._left is not None:
            view = view[: self._left]
        if not view:
            return 0
        with self._mapped():
            count: int = self._raw.readinto(view)
        if self._left is not None:
            self._left -= count
        return count


def window(raw: Any, length: int | None, mapped: Callable[[], AbstractContextManager[None]]) -> BinaryIO:
    """Returns a buffered, forward-only reader of the next `length` bytes of `raw` (None: to its end).

    `mapped` makes the context in which `raw` is read: there foreign exceptions turn into ours.
    """
    return io.BufferedReader(_Window(raw, length, mapped), CHUNK if length is None else min(CHUNK, length + 1))
