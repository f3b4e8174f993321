"""Deletion: how an ended job leaves storage and index.

A marker under deleting/ comes first and goes last. A deletion that breaks off before `job.json` is gone leaves a job
that can be deleted again; after that the job is gone for everybody. Either way the sweeper finds the marker and
goes on. Masters, derivatives and previews stay: other jobs may name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from shared import layout
from shared.index import Index
from shared.ledger import Ledger
from shared.storage import ObjectStore

#: Records that one call removes: about a second's work. The records of a large job take many calls.
AT_ONCE = 2_000

_THREADS = 16


def delete(ledger: Ledger, index: Index, tenant: str, job_id: str) -> bool:
    """Deletes a job that has ended, and up to `AT_ONCE` of its records; returns whether none is left.

    May be called again at any moment: by the client, by the sweeper, by both.
    """
    store, marker = ledger.store, layout.deleting(tenant, job_id)
    store.put_if_absent(marker, b"{}", media_type="application/json")
    ledger.drop_webhook(tenant, job_id)
    store.delete(layout.job(tenant, job_id))
    # After job.json: recovery registers a job, then looks whether that file is still there. A submission that slept and
    # registers late brings back what storage does not have: the worker that claims an item of it forgets the job.
    index.forget(tenant, job_id)
    keys = [info.key for info in islice(store.list(layout.job_folder(tenant, job_id)), AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(store.delete, keys))
    if len(keys) == AT_ONCE:
        return False
    store.delete(marker)
    return True


def deletions(store: ObjectStore, tenant: str | None = None) -> Iterator[tuple[str, str]]:
    """Yields tenant and id of each job whose deletion has begun, of one tenant or of all."""
    prefix = layout.DELETING if tenant is None else layout.deleting(tenant, "")
    for entry in store.list(prefix):
        owner, job_id = entry.key.removeprefix(layout.DELETING).split("/")
        yield owner, job_id


def is_whole(ledger: Ledger, tenant: str, job_id: str, parts: int) -> bool:
    """Tells whether the manifest has all its parts and no deletion takes them away.

    The marker is looked for first: once it is gone, so is the manifest.
    """
    store = ledger.store
    if store.head(layout.deleting(tenant, job_id)):
        return False
    return sum(1 for _ in store.children(layout.manifests(tenant, job_id))) == parts
