"""A file's bytes as one buffer: mapped where it is a file of the system, so that they cost no memory of ours."""

from __future__ import annotations

import io
import mmap
from typing import IO, cast

from shared.errors import Truncated


def contents(source: IO[bytes]) -> memoryview:
    """Returns the whole file, read-only, whatever its position; a map ends with the last slice of it.

    Raises Truncated for an empty file.
    """
    raw = getattr(source, "raw", source)
    # Only of a plain file does the descriptor stand for the bytes: that of a gzip file is the packed one's.
    if not isinstance(raw, io.FileIO):
        source.seek(0)
        data = memoryview(source.read())
        if not data:
            raise Truncated("The file is empty.", seen=0)
        return data
    try:
        return memoryview(mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise Truncated("The file is empty.", seen=0) from error


def quoted(data: memoryview | bytes) -> str:
    """Returns a few bytes of a file's structure, such as a chunk's type, for a message."""
    return bytes(data).decode("latin-1").encode("unicode_escape").decode()


def for_codec(data: memoryview) -> bytes:
    """Returns the same buffer as imagecodecs' types want it: they name bytes, its decoders take any buffer."""
    return cast("bytes", data)
