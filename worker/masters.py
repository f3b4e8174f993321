"""Masters on their way from storage to a decoder: small ones in memory, large ones in a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from typing import IO

from shared import layout
from shared.errors import MasterDamaged, MasterMissing
from shared.storage import ObjectStore

#: Masters up to this size stay in memory, bytes.
_IN_MEMORY = 32 << 20

_CHUNK = 1 << 20


def fetch(store: ObjectStore, tenant: str, sha256: str) -> IO[bytes]:
    """Returns the master's bytes as a seekable file at its start, proved against its digest.

    Raises MasterMissing or MasterDamaged.
    """
    digest = hashlib.sha256()
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        with store.get(layout.master(tenant, sha256)) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                spool.write(chunk)
    except KeyError:
        spool.close()
        raise MasterMissing(f"The master {sha256} is no longer in storage.", seen=sha256) from None
    except BaseException:
        spool.close()
        raise
    if digest.hexdigest() != sha256:
        spool.close()
        raise MasterDamaged(f"The master {sha256} now has the SHA-256 {digest.hexdigest()}.", seen=digest.hexdigest())
    spool.seek(0)
    return spool
