"""What sources turned out to be: (bucket, key, ETag) -> digest of the master, so that a second time costs no fetch."""

from __future__ import annotations

import hashlib
import json

from shared import layout
from shared.items import Source
from shared.storage import ObjectStore


def remember(store: ObjectStore, tenant: str, source: Source, master: str) -> None:
    """Records the digest of a source; the first record stays."""
    record = {"source": source.address, "etag": source.etag, "master": master}
    store.put_if_absent(_key(tenant, source), json.dumps(record).encode(), media_type="application/json")


def recall(store: ObjectStore, tenant: str, source: Source) -> str | None:
    """Returns the digest of a source, or None where nobody has fetched it; the master may be pruned since."""
    return read(store, _key(tenant, source))


def read(store: ObjectStore, key: str) -> str | None:
    """Returns the digest that one record holds, or None where it is gone."""
    try:
        with store.get(key) as stream:
            master: str = json.load(stream)["master"]
    except KeyError:
        return None
    return master


def _key(tenant: str, source: Source) -> str:
    text = json.dumps([source.bucket, source.key, source.etag])
    return layout.source(tenant, hashlib.sha256(text.encode()).hexdigest())
