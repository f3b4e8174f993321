"""Masters for these benches: tiny ones by the thousand, and how they come into storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from photochrom import Client
from shared import layout
from shared.storage.directory import DirectoryStore

#: Side of a tiny master, pixels.
TINY = 16

_THREADS = 4


def tiny(number: int) -> bytes:
    """Returns a gray PNG of 16 x 16 that no other number gives."""
    noise = np.random.default_rng(number).integers(0, 256, (TINY, TINY), dtype=np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


def tinies(count: int, *, first: int = 0) -> Iterator[bytes]:
    """Yields so many of them."""
    return (tiny(number) for number in range(first, first + count))


def store(objects: Path, masters: Iterable[bytes]) -> list[str]:
    """Puts masters into directory storage as the API would, without waiting for the disk; returns their digests."""
    place = DirectoryStore(objects, fsync=False)
    digests = []
    for data in masters:
        digests.append(hashlib.sha256(data).hexdigest())
        place.put_if_absent(layout.master(layout.DEFAULT_TENANT, digests[-1]), data)
    return digests


def upload(client: Client, paths: Iterable[Path]) -> list[str]:
    """Sends masters to the API; returns their digests."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(client.upload, paths))
