"""Memory storage: the in-memory twin, for tests."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from shared.storage import ObjectInfo, Source
from shared.storage.direct import NotOffered
from shared.storage.keys import check_key, check_prefix
from shared.storage.probing import race
from shared.storage.streams import open_source, prove


class MemoryStore:
    """An ObjectStore that ends with its process. Safe for threads."""

    breadth = 1

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def put_if_absent(
        self, key: str, source: Source, *, sha256: str | None = None, media_type: str = "application/octet-stream"
    ) -> bool:
        """Creates the object unless it exists; see ObjectStore."""
        data = _read(source)
        prove(io.BytesIO(data), sha256)
        with self._lock:
            mine = (data, time.time())
            return self._objects.setdefault(check_key(key), mine) is mine

    def put(self, key: str, source: Source, *, media_type: str = "application/octet-stream") -> None:
        """Creates or replaces the object; see ObjectStore."""
        data = _read(source)
        with self._lock:
            self._objects[check_key(key)] = (data, time.time())

    @contextmanager
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """Opens the object or a range of it; see ObjectStore."""
        data, _ = self._objects[check_key(key)]
        yield io.BytesIO(data[start : None if length is None else start + length])

    def head(self, key: str) -> ObjectInfo | None:
        """Returns what is known of the object, or None."""
        found = self._objects.get(check_key(key))
        return found and ObjectInfo(key=key, size=len(found[0]), modified=found[1])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the objects below `prefix`; see ObjectStore."""
        for key in self._keys(prefix):
            info = self.head(key)
            if info:
                yield info

    def children(self, prefix: str) -> Iterator[str]:
        """Yields the next segments below `prefix`; see ObjectStore."""
        yield from sorted({key[len(prefix) :].partition("/")[0] for key in self._keys(prefix)})

    def delete(self, key: str) -> None:
        """Removes the object."""
        with self._lock:
            self._objects.pop(check_key(key), None)

    def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
        """Returns None: no one else can reach this process's memory."""
        return None

    def direct(self) -> NotOffered:
        """Returns that there is no such thing, for the same reason."""
        return NotOffered()

    def probe(self) -> None:
        """Proves that create-only holds; see ObjectStore."""
        race(self, self.put_if_absent, where="Memory", way="dictionary")

    def _keys(self, prefix: str) -> Sequence[str]:
        check_prefix(prefix)
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))


def _read(source: Source) -> bytes:
    with open_source(source) as stream:
        return stream.read()
