"""Readers of picture files: one module a format."""

from __future__ import annotations

from typing import IO

from shared.errors import NotAPicture
from shared.formats import READABLE, SNIFF_BYTES, sniff
from worker.pictures import Master, Reader


def open_master(source: IO[bytes]) -> Master:
    """Opens a seekable file at its start by its first bytes; see `Reader.open_master`. Raises NotAPicture as well."""
    from worker.readers import bmp, jp2, jpeg, png, tiff, webp  # noqa: PLC0415 - only what reads pays for the decoders

    head = source.read(SNIFF_BYTES)
    source.seek(0)
    fmt = sniff(head)
    if fmt is None:
        seen = f"begins with {head[:8].hex(' ')}" if head else "is empty"
        raise NotAPicture(f"The file {seen}: it is no {READABLE}.", seen=head[:8].hex(), limit=READABLE)
    readers: dict[str, Reader] = {"bmp": bmp, "jp2": jp2, "jpeg": jpeg, "png": png, "tiff": tiff, "webp": webp}
    return readers[fmt.name].open_master(source)
