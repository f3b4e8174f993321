"""The port to sources: masters that lie in somebody's bucket and are fetched from there."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from shared.items import Source


class Sources(Protocol):
    """Buckets at the one S3 endpoint that the settings name, read only.

    Adapters raise StorageUnavailable for trouble that waiting can end and StorageUnfit for what the operator has to
    change.
    """

    def head(self, bucket: str, key: str) -> Source | None:
        """Returns the object as it is now, or None where there is none."""

    def open(self, source: Source) -> AbstractContextManager[BinaryIO]:
        """Opens the bytes of the object as it was when its ETag was taken.

        Raises SourceChanged where it has another ETag by now, SourceMissing where it is gone.
        """
