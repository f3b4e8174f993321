"""Masters on their way from storage to a decoder, in temporary files without a name."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from typing import IO

from shared import layout
from shared.errors import MasterDamaged, MasterMissing
from shared.storage import ObjectStore
from shared.storage.disk_errors import disk_errors

_CHUNK = 1 << 20


def fetch(store: ObjectStore, tenant: str, sha256: str) -> IO[bytes]:
    """Returns the master's bytes as a file of the system at its start, proved against its digest.

    Raises MasterMissing or MasterDamaged; StorageUnavailable, also where this machine has no room for it.
    """
    digest = hashlib.sha256()
    with disk_errors(tempfile.gettempdir()):
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with store.get(layout.master(tenant, sha256)) as stream:
            while chunk := stream.read(_CHUNK):
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
