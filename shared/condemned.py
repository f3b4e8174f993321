"""Condemned masters: what a running prune is about to remove, so that no submission relies on it.

Storage has no transactions, so both sides write before they look. A prune writes down which masters it touches next,
then reads which jobs there are, then removes what none of them names. A submission stores its manifest, then looks for
such records, then whether its masters are there. At least one of the two sees what the other wrote (Dekker's idea, in
E. W. Dijkstra's EWD 123): either the prune spares the master, or the submission is put off to the end of the batch.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable

from shared import layout
from shared.clock import Clock
from shared.storage import ObjectStore

#: A prune removes what it has condemned within this, or leaves it, seconds.
ACT_SECONDS = 120

#: A record of this age is of a prune that died, seconds. Between the two lie a call's last retry at the storage
#: (three times 65 s) and five minutes by which clocks may differ.
STALE_SECONDS = 900


def condemn(store: ObjectStore, clock: Clock, tenant: str, masters: Iterable[str]) -> str:
    """Writes down the masters (digests) that a prune touches next; returns the record's key, to delete afterwards."""
    key = f"{layout.condemned(tenant)}{uuid.uuid4()}.json"
    record = {"at": clock.now(), "masters": sorted(masters)}
    store.put_if_absent(key, json.dumps(record).encode(), media_type="application/json")
    return key


def condemned(store: ObjectStore, clock: Clock, tenant: str) -> set[str]:
    """Returns the masters (digests) of a tenant that living prunes touch at this moment."""
    found: set[str] = set()
    for entry in store.list(layout.condemned(tenant)):
        try:
            with store.get(entry.key) as stream:
                record = json.load(stream)
        except KeyError:  # over since
            continue
        if clock.now() - record["at"] < STALE_SECONDS:
            found.update(record["masters"])
    return found
