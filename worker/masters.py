"""Masters on their way from storage to a decoder, in temporary files without a name."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from shared import layout
from shared.clock import Clock
from shared.errors import MasterDamaged, MasterMissing, StorageUnavailable
from shared.records import is_unreadable
from shared.storage import ObjectStore
from shared.storage.disk_errors import disk_errors

_CHUNK = 1 << 20

#: Pauses between the reads that must fail before the bytes are taken for lost, seconds.
_PAUSES = (1.0, 4.0)


class _Unreadable(Exception):
    """The storage cannot give an object's bytes."""


def fetch(
    store: ObjectStore, tenant: str, sha256: str, clock: Clock, alive: Callable[[], None] = lambda: None
) -> IO[bytes]:
    """Returns the master's bytes as a file of the system at its start, proved against its digest.

    Raises MasterMissing or MasterDamaged; StorageUnavailable, also where this machine has no room for it. A storage
    that cannot read this one object, and proves to be well else, has damaged it: waiting would not end. `alive` is
    called before each read after the first, since a disk may try for a minute before it gives up.
    """
    for pause in _PAUSES:
        with suppress(_Unreadable):
            return _spooled(store, tenant, sha256)
        clock.sleep(pause)
        alive()
    # Before the read that decides and after it: a storage that was away until the first proof, or since the last read,
    # has damaged nothing.
    store.probe()
    try:
        return _spooled(store, tenant, sha256)
    except _Unreadable as error:
        store.probe()
        raise MasterDamaged(f"The storage cannot read the master {sha256}: {error}", seen=str(error)) from error


def _spooled(store: ObjectStore, tenant: str, sha256: str) -> IO[bytes]:
    digest = hashlib.sha256()
    with disk_errors(tempfile.gettempdir()):
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for chunk in _chunks(store, layout.master(tenant, sha256)):
            digest.update(chunk)
            with disk_errors(tempfile.gettempdir()):
                spool.write(chunk)
        with disk_errors(tempfile.gettempdir()):
            spool.flush()
    except KeyError:
        spool.close()
        raise MasterMissing(f"The master {sha256} is no longer in storage.", seen=sha256) from None
    except BaseException:
        with suppress(OSError):  # what it still holds may have no room
            spool.close()
        raise
    if digest.hexdigest() != sha256:
        spool.close()
        raise MasterDamaged(f"The master {sha256} now has the SHA-256 {digest.hexdigest()}.", seen=digest.hexdigest())
    spool.seek(0)
    return spool


def _chunks(store: ObjectStore, key: str) -> Iterator[bytes]:
    """Yields an object's bytes; raises KeyError, StorageUnavailable, or _Unreadable where only this one is at fault."""
    try:
        with store.get(key) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except StorageUnavailable as error:
        if is_unreadable(error):
            raise _Unreadable(error.detail) from error
        raise
