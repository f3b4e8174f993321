"""The storage port: where every byte lives, and the only truth.

An object, once created by `put_if_absent`, never changes; only keys that are documented as *last write wins* go through
`put`. Keys are printable ASCII in `/`-separated segments that are not empty and do not begin with a dot; anything else
is a ValueError. No key is a folder of another (`a` and `a/b`). Adapters raise StorageUnavailable for trouble that
waiting can end and StorageUnfit for what the operator has to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from shared.storage.direct import DirectUploads, NotOffered

#: What can be stored: bytes, or a file of the caller's that is read to its end.
Source = bytes | Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectInfo:
    """What is known of a stored object without reading it."""

    #: full key
    key: str
    #: bytes
    size: int
    #: seconds since the epoch, by the storage's clock
    modified: float


class ObjectStore(Protocol):
    """A flat space of objects with create-only puts."""

    @property
    def breadth(self) -> int:
        """Returns how many operations are worth doing side by side: 1 where none waits for a network or a disk."""

    def put_if_absent(
        self, key: str, source: Source, *, sha256: str | None = None, media_type: str = "application/octet-stream"
    ) -> bool:
        """Creates the object, durably, unless the key exists; returns whether this call created it.

        Of calls that race for a key exactly one returns True. With `sha256` the bytes are proved before the key
        exists: ChecksumMismatch is raised and nothing is kept if they differ.
        """

    def put(self, key: str, source: Source, *, media_type: str = "application/octet-stream") -> None:
        """Creates or replaces the object, durably and at once for every reader."""

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Opens the object's bytes, or `length` of them from `start`; raises KeyError where there is none."""

    def head(self, key: str) -> ObjectInfo | None:
        """Returns what is known of the object, or None."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the objects whose keys start with `prefix`, by key; `prefix` ends in `/` or is empty."""

    def children(self, prefix: str) -> Iterator[str]:
        """Yields, sorted, the distinct next segments below `prefix`, of objects and folders alike, without a `/`."""

    def delete(self, key: str) -> None:
        """Removes the object; a missing one is no error."""

    def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
        """Returns a link that anyone may read the object with for `seconds`, or None where the API streams instead."""

    def direct(self) -> DirectUploads | NotOffered:
        """Returns how clients send straight to this storage, whose server is proved first; see DirectUploads."""

    def probe(self) -> None:
        """Proves that create-only holds under a race; raises StorageUnfit with what failed."""
