"""Uploads on their way into storage: streamed to one temporary file, hashed and judged as they come."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from shared import layout
from shared.errors import ChecksumMismatch, TooLarge, UnsupportedMedia
from shared.formats import READABLE, SNIFF_BYTES, Format, sniff
from shared.storage import ObjectStore
from shared.storage.disk_errors import disk_errors


class Spool:
    """One upload. Bytes beyond the limit are counted but not kept; the file is gone once the spool is closed."""

    def __init__(self, limit: int) -> None:
        """Opens the file; `limit` is the largest upload that is kept, bytes."""
        with disk_errors(tempfile.gettempdir()):
            self._file = tempfile.NamedTemporaryFile(prefix="photochrom-")  # noqa: SIM115 - closed by close()
        self._digest = hashlib.sha256()
        self.limit = limit
        self.size = 0
        self.head = b""

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the file."""
        with suppress(OSError):  # what it still holds may have no room
            self._file.close()

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self.size += len(data)
        if self.size > self.limit:
            return
        if len(self.head) < SNIFF_BYTES:
            self.head += data[: SNIFF_BYTES - len(self.head)]
        self._digest.update(data)
        with disk_errors(self._file.name):
            self._file.write(data)

    @property
    def sha256(self) -> str:
        """SHA-256 of what came, hexadecimal."""
        return self._digest.hexdigest()

    def check_size(self) -> None:
        """Raises TooLarge with limit and value seen."""
        check_size(self.size, self.limit)

    def check_format(self) -> Format:
        """Returns the format by the first bytes; raises UnsupportedMedia."""
        return check_format(self.head)

    def store(self, store: ObjectStore, tenant: str, *, looked: bool = False) -> str:
        """Makes the bytes a master and returns its SHA-256; one that is there already stays.

        A look at the storage saves sending what it has; `looked`: the caller had one, and it was not there.
        """
        with disk_errors(self._file.name):
            self._file.flush()
        key = layout.master(tenant, self.sha256)
        if looked or store.head(key) is None:
            store.put_if_absent(key, Path(self._file.name), sha256=self.sha256)
        return self.sha256


def check_size(size: int, limit: int) -> None:
    """Raises TooLarge for a file of more bytes than `limit`."""
    if size > limit:
        raise TooLarge(f"The file has {size:,} bytes; this server accepts {limit:,}.", limit=limit, seen=size)


def check_format(head: bytes) -> Format:
    """Returns the format of a file by its first bytes; raises UnsupportedMedia."""
    fmt = sniff(head)
    if fmt is None:
        seen = f"begins with {head[:8].hex(' ')}" if head else "is empty"
        raise UnsupportedMedia(f"The file {seen}: it is no {READABLE}.", seen=head[:8].hex(), limit=READABLE)
    return fmt


def take_upload(store: ObjectStore, tenant: str, sha256: str, body: IO[bytes], *, limit: int) -> tuple[Spool, Format]:
    """Streams one upload, which the storage does not have, into it under the digest that was promised.

    Raises TooLarge, UnsupportedMedia or ChecksumMismatch; nothing is kept then.
    """
    with Spool(limit) as spool:
        while chunk := body.read(1 << 20):
            spool.write(chunk)
            spool.check_size()
        if spool.sha256 != sha256:
            raise ChecksumMismatch(
                f"The bytes that arrived have the SHA-256 {spool.sha256}.", limit=sha256, seen=spool.sha256
            )
        fmt = spool.check_format()
        spool.store(store, tenant, looked=True)
        return spool, fmt
