"""The race that a storage has to pass before anything is written to it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from shared.errors import StorageUnfit
from shared.storage import ObjectStore

#: Creates that race for one key. Three were let through by a server that checks and then writes (seaweedfs#8800).
RACERS = 8

#: `put_if_absent`, however it is done: key, bytes -> whether this call created the object.
Create = Callable[[str, bytes], bool]


def race(store: ObjectStore, create: Create, *, where: str, way: str, size: int = 1) -> None:
    """Lets 8 creates race for one new key and removes it again.

    `where` names the storage and `way` the kind of create, for the operator; `size` is that of the objects, bytes.
    Raises StorageUnfit unless exactly one create wins and its bytes are the ones that are kept.
    """
    key = f"probe/{secrets.token_hex(16)}"
    start = Barrier(RACERS)

    def enter(racer: int) -> bool:
        start.wait()
        return create(key, bytes([racer]) * size)

    try:
        with ThreadPoolExecutor(RACERS) as racers:
            won = list(racers.map(enter, range(RACERS)))
        if sum(won) != 1:
            raise StorageUnfit(
                f"{where} lets {sum(won)} of {RACERS} racing {way} creates of one key succeed, not one: results "
                "could be overwritten, so nothing is written there. Use a storage with atomic create-only puts.",
                seen=sum(won),
                limit=1,
            )
        with store.get(key) as stream:
            kept = stream.read()
        if kept != bytes([won.index(True)]) * size:
            raise StorageUnfit(
                f"{where} told one {way} create that it won and kept the bytes of another: nothing is written there."
            )
    finally:
        store.delete(key)
