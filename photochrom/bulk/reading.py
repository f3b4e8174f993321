"""Reading scans: their SHA-256 with all cores, in order, a little ahead of whoever wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from photochrom.bulk.collection import Found
from photochrom.bulk.crew import Crew, Halt
from photochrom.files import fixity
from photochrom.files.fixity import cores

#: What is handed to a thread at once: so many files, or as many as have so many bytes.
_FILES, _BYTES = 64, 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What reading a scan came to."""

    #: the scan
    found: Found
    #: SHA-256 of its bytes; empty where they could not be read
    sha256: str
    #: whether the bytes were read just now
    fresh: bool = False
    #: stable code and words, where it cannot be read or is not what somebody vouches for
    problem: tuple[str, str] | None = None


def read(pictures: Iterable[Found], halt: Halt) -> Iterator[list[Reading]]:
    """Yields the readings of scans by groups, in order; a handful are read ahead, and unchanged files not again."""
    crew = Crew(cores(), halt)
    ahead: deque[Future[list[Reading]]] = deque()
    try:
        for group in _groups(pictures):
            ahead.append(crew.submit(_read_all, group))
            if len(ahead) > 2 * cores():
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        crew.close()


def _groups(pictures: Iterable[Found]) -> Iterator[list[Found]]:
    group: list[Found] = []
    size = 0
    for found in pictures:
        group.append(found)
        size += 0 if found.sha256 else found.size
        if len(group) >= _FILES or size >= _BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _read_all(group: list[Found]) -> list[Reading]:
    return [_read(found) for found in group]


def _read(found: Found) -> Reading:
    if found.sha256 and set(found.digests) <= {"sha256"}:
        here, fresh = {"sha256": found.sha256}, False
    else:
        try:
            here, fresh = fixity.digests(Path(found.path), {"sha256", *found.digests}), True
        except OSError as error:
            return Reading(found=found, sha256="", problem=("file_error", error.strerror or str(error)))
    words = fixity.mismatch(found.digests, here)
    problem = (fixity.MISMATCH, words) if words else None
    return Reading(found=found, sha256=here["sha256"], fresh=fresh, problem=problem)
