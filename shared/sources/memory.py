"""Sources in memory: the in-memory twin, for tests."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from shared.errors import SourceChanged, SourceMissing
from shared.items import Source


class MemorySources:
    """Buckets that end with their process."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        #: objects that were opened
        self.opened = 0

    def head(self, bucket: str, key: str) -> Source | None:
        """Returns the object as it is now; see Sources."""
        data = self.objects.get((bucket, key))
        return None if data is None else Source(bucket=bucket, key=key, etag=_etag(data), size=len(data))

    @contextmanager
    def open(self, source: Source) -> Iterator[BinaryIO]:
        """Opens the object as it was; see Sources."""
        data = self.objects.get((source.bucket, source.key))
        if data is None:
            raise SourceMissing()
        if _etag(data) != source.etag:
            raise SourceChanged()
        self.opened += 1
        yield io.BytesIO(data)


def _etag(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
