"""Sources on their way to masters: streamed from their bucket, hashed, stored and remembered.

A prune may run meanwhile. As in `shared.condemned`, both sides write before they look: here the digest of a source is
remembered, then it is looked whether a prune is about to take that master, then the master is stored or relied on.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from shared import layout
from shared.condemned import condemned
from shared.errors import InvalidSetting, MastersCondemned, NotAPicture, SourceChanged
from shared.formats import READABLE, sniff
from shared.items import Item, Source
from shared.services import Services
from shared.sources import Sources
from shared.sources.remembered import recall, remember
from shared.storage.disk_errors import disk_errors

_CHUNK = 1 << 20


def recalled(services: Services, tenant: str, item: Item) -> Item:
    """Returns the item with its master where it is a source that somebody has fetched; else as it is.

    Raises MastersCondemned while a prune is about to remove that master.
    """
    if item.source is None or item.master is not None:
        return item
    master = recall(services.store, tenant, item.source)
    if master is not None:
        _spare(services, tenant, master)
    return replace(item, master=master)


def fetch(services: Services, tenant: str, item: Item, alive: Callable[[], None]) -> tuple[Item, IO[bytes]]:
    """Makes a source a master; returns the item with its digest, and its bytes as a file at its start.

    `alive` is called now and then while bytes come. Raises SourceMissing, SourceChanged or NotAPicture, and keeps
    nothing then; InvalidSetting where this worker has no sources; Unavailable where waiting helps.
    """
    if services.sources is None or item.source is None:
        raise InvalidSetting(
            "A job names sources, and PHOTOCHROM_SOURCES is not set on this worker host: set it as on the API, for "
            "example default=s3://archive/scans/.",
            setting="PHOTOCHROM_SOURCES",
        )
    with disk_errors(tempfile.gettempdir()):
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        master = _read(services.sources, item.source, spool, alive)
        remember(services.store, tenant, item.source, master)
        _spare(services, tenant, master)
        key = layout.master(tenant, master)
        if services.store.head(key) is None:
            alive()
            # The file has no name but this one, so that it ends with this process.
            services.store.put_if_absent(key, Path(f"/proc/self/fd/{spool.fileno()}"), sha256=master)
    except BaseException:
        with suppress(OSError):  # what it still holds may have no room
            spool.close()
        raise
    alive()
    spool.seek(0)
    return replace(item, master=master), spool


def _read(sources: Sources, source: Source, spool: IO[bytes], alive: Callable[[], None]) -> str:
    """Copies a source into the spool; returns its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with sources.open(source) as stream:
        while chunk := stream.read(_CHUNK):
            if not size and sniff(chunk) is None:
                begins = chunk[:8].hex(" ")
                raise NotAPicture(f"The source begins with {begins}: it is no {READABLE}.", seen=begins)
            digest.update(chunk)
            size += len(chunk)
            with disk_errors(tempfile.gettempdir()):
                spool.write(chunk)
            alive()
    with disk_errors(tempfile.gettempdir()):
        spool.flush()
    if not size:
        raise NotAPicture("The source is empty.", seen="")
    if size != source.size:
        raise SourceChanged(
            f"{source.address} gave {size:,} bytes and had {source.size:,} when it was submitted.",
            limit=source.size,
            seen=size,
        )
    return digest.hexdigest()


def _spare(services: Services, tenant: str, master: str) -> None:
    if master in condemned(services.store, services.clock, tenant):
        raise MastersCondemned("A prune is removing this source's master at this moment.", seen=master)
