"""Leftovers: uploads straight to storage that nobody came back for."""

from __future__ import annotations

from shared import layout, logs
from shared.clock import Clock
from shared.storage import ObjectStore
from shared.uploads import remove_leftover

_log = logs.logger(__name__)

#: After this an upload that is no master is removed, seconds: its links are good for an hour, and asking for fresh ones
#: goes on with it for a day.
KEEP_UPLOADS = 25 * 3600


def remove_leftovers(store: ObjectStore, clock: Clock) -> int:
    """Removes old unproved bytes, and aborts old uploads in pieces, of every tenant; returns how many objects went."""
    removed = 0
    for tenant in list(store.children(layout.TENANTS)):
        for info in list(store.list(layout.uploads(tenant))):
            if clock.now() - info.modified > KEEP_UPLOADS:
                remove_leftover(store, tenant, info)
                removed += 1
    if removed:
        _log.info("uploads_discarded", objects=removed)
    return removed
