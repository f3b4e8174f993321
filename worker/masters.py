"""Masters on their way from storage to a decoder, in temporary files without a name."""

from __future__ import annotations

import hashlib
import tempfile
from typing import IO

from shared import layout
from shared.errors import MasterDamaged, MasterMissing
from shared.storage import ObjectStore

_CHUNK = 1 << 20


def fetch(store: ObjectStore, tenant: str, sha256: str) -> IO[bytes]:
    """Returns the master's bytes as a file of the system at its start, proved against its digest.

    Raises MasterMissing or MasterDamaged.
    """
    digest = hashlib.sha256()
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
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
    spool.flush()
    spool.seek(0)
    return spool
