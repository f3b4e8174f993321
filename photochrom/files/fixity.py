"""Fixity: whether a file still has the bytes that somebody vouches for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

#: Hexadecimal digits of each algorithm that archives use; MD5 and SHA-1 tell accidents, no more.
ALGORITHMS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}

#: Stable code of a scan whose bytes are not those that were vouched for.
MISMATCH = "fixity_mismatch"

_CHUNK = 1 << 20

#: Files that are handed to the threads at once.
_BATCH = 256


def is_digest(algorithm: str, text: str) -> bool:
    """Tells whether a text can be a digest of an algorithm of ALGORITHMS."""
    return len(text) == ALGORITHMS[algorithm] and set(text.lower()) <= set("0123456789abcdef")


def digests(path: Path, algorithms: Collection[str]) -> dict[str, str]:
    """Returns a file's digests, hexadecimal, by algorithm; reads it once. Raises OSError."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            for each in hashes.values():
                each.update(chunk)
    return {name: each.hexdigest() for name, each in hashes.items()}


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def mismatch(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Says in words where digests differ from those that were vouched for, or returns None."""
    for name, digest in expected.items():
        if found[name] != digest.lower():
            return f"The file has the {name.upper()} {found[name]}, the manifest says {digest.lower()}."
    return None


def many(
    files: Iterable[tuple[Path, Collection[str]]], *, threads: int
) -> Iterator[tuple[Path, dict[str, str] | OSError]]:
    """Yields each file with its digests, or with why it cannot be read, in order; keeps a few hundred in memory."""

    def one(file: tuple[Path, Collection[str]]) -> dict[str, str] | OSError:
        try:
            return digests(*file)
        except OSError as error:
            return error

    files = iter(files)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(files, _BATCH)):
            yield from zip((path for path, _ in batch), pool.map(one, batch), strict=True)
