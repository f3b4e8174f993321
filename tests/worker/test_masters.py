"""Masters on their way from storage: what is damaged, and what is only away."""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pytest

from shared import layout
from shared.clock import ManualClock
from shared.errors import MasterDamaged, StorageUnavailable
from shared.storage.disk_errors import disk_errors
from shared.storage.memory import MemoryStore
from worker import masters

DATA = b"a master" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Sick(MemoryStore):
    """A storage whose reads fail, so many times, amid the bytes."""

    def __init__(self, error: int, times: int, *, well: bool = True) -> None:
        super().__init__()
        self.put_if_absent(layout.master("default", DIGEST), DATA)
        self.error, self.left, self.well = error, times, well

    @contextmanager
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """Opens the object."""
        with super().get(key, start=start, length=length) as stream:
            yield Breaking(stream, self)

    def probe(self) -> None:
        """Says whether the rest of it is well."""
        if not self.well:
            raise StorageUnavailable("The folder is gone.")


class Breaking(io.RawIOBase):
    """A stream that breaks off after its first bytes."""

    def __init__(self, stream: BinaryIO, store: Sick) -> None:
        self._stream, self._store, self._first = stream, store, True

    def read(self, size: int = -1) -> bytes:
        """Returns a few bytes, then fails."""
        if self._first or not self._store.left:
            self._first = False
            return self._stream.read(100 if self._store.left else size)
        self._store.left -= 1
        with disk_errors("master"):
            raise OSError(self._store.error, "broken")


def test_an_object_that_cannot_be_read_is_damaged() -> None:
    """Three reads have failed, and the storage is well else: waiting longer would keep the job open for ever."""
    clock, store, alive = ManualClock(), Sick(errno.EIO, 3), []
    begun = clock.now()
    with pytest.raises(MasterDamaged, match="cannot read the master"):
        masters.fetch(store, "default", DIGEST, clock, lambda: alive.append(clock.now() - begun))
    assert store.left == 0
    assert clock.now() - begun == 5
    assert alive == [1, 5]


@pytest.mark.parametrize("times", [1, 2])
def test_a_read_that_comes_back_is_no_damage(times: int) -> None:
    """What fails once or twice is read again, from its beginning."""
    with masters.fetch(Sick(errno.EIO, times), "default", DIGEST, ManualClock()) as spool:
        assert spool.read() == DATA


def test_a_storage_that_comes_back_with_its_probe_has_damaged_nothing() -> None:
    """A mount that was away for all the reads so far, and is there again, is read once more."""
    store = Sick(errno.EIO, 1_000)

    def probe() -> None:
        store.left = 0

    store.probe = probe  # type: ignore[method-assign]
    with masters.fetch(store, "default", DIGEST, ManualClock()) as spool:
        assert spool.read() == DATA


def test_a_storage_that_is_away_is_waited_for() -> None:
    """Where its probe fails, or for any other reason, the item goes back and is not at fault."""
    with pytest.raises(StorageUnavailable, match="is gone"):
        masters.fetch(Sick(errno.EIO, 3, well=False), "default", DIGEST, ManualClock())
    store = Sick(errno.ESTALE, 3)
    with pytest.raises(StorageUnavailable, match="stale"):
        masters.fetch(store, "default", DIGEST, ManualClock())
    assert store.left == 2
