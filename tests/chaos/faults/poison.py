"""Poison: masters that go beyond a limit, mutants of good ones, and signals to a child amid its picture.

Production has no switch for any of it. What files cannot provoke (segfault, abort) is done by the child's process id,
from outside. `poisons` are to be submitted; `StrikeChildren` is a fault like the others, that fails no picture;
`Executioner.condemn` ends every child that has a certain master, which then fails with `decode_crashed`.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import PictureError, errors
from tests.chaos.processes import children
from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since
from tests.fuzz.mutants import mutants
from tests.makers import PNG_SIGNATURE, png_chunk, png_head
from tests.tiff_files import LONG, SHORT
from tests.worker.bombs import packed_zeros

#: What a bad picture may end with.
CODES = frozenset(error.code for error in errors() if issubclass(error, PictureError)) - {
    "master_missing",
    "master_damaged",
    "worker_lost",
    "net_failed",
}

#: Sandbox memory under which `greedy` is too much, MiB.
GREEDY_MEGABYTES = 512

#: Deaths by which a kernel ends a decoder that went wrong, or was too large.
_DEATHS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL)

#: How often children are looked for that are at work, seconds.
_LOOK_SECONDS = 0.005

#: Descriptor of a child's wire; the master is opened above it.
_WIRE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Poison:
    """A master, and how its item may end."""

    name: str
    data: bytes
    #: codes of the failures that are right
    codes: frozenset[str]
    #: whether it may be colored as well: a mutant may be no worse than its master
    may_succeed: bool = False


def poisons(seed: int, *, count: int) -> Iterator[Poison]:
    """Yields the greedy one, the endless one, and `count` mutants."""
    yield Poison(name="greedy", data=greedy(), codes=frozenset({"too_expensive"}))
    yield Poison(name="endless", data=endless(), codes=frozenset({"too_expensive"}))
    for made in mutants(seed, count):
        yield Poison(name=made.name, data=made.data, codes=CODES, may_succeed=True)


def greedy(side: int = 9_900) -> bytes:
    """A good PNG of 98 megapixels in 16-bit RGB, 600 MB unpacked and a few hundred kB packed.

    It is within the limits of the header and needs more memory than GREEDY_MEGABYTES.
    """
    body = packed_zeros(side * (1 + side * 6))
    head = PNG_SIGNATURE + png_head(side, side, bits=16, color=2)
    return head + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def endless(rows: int = 8_000_000) -> bytes:
    """A good TIFF of 8 megapixels, 48 MB, with a strip a pixel: each strip is packed for itself.

    A picture is decoded more than once, and takes more processor time than one of its size gets.
    """
    strip = zlib.compress(b"\x80")
    strip += bytes(len(strip) % 2)
    offsets = 8 + len(strip)
    counts = offsets + 4 * rows
    fields = (
        (256, LONG, 1, 1),
        (257, LONG, 1, rows),
        (258, SHORT, 1, 8),
        (259, SHORT, 1, 8),
        (262, SHORT, 1, 1),
        (273, LONG, rows, offsets),
        (277, SHORT, 1, 1),
        (278, LONG, 1, 1),
        (279, SHORT, rows, counts),
    )
    directory = b"".join(struct.pack("<HHII", *field) for field in fields)
    return (
        struct.pack("<2sHI", b"II", 42, counts + 2 * rows)
        + strip
        + struct.pack("<I", 8) * rows
        + struct.pack("<H", len(strip)) * rows
        + struct.pack("<H", len(fields))
        + directory
        + bytes(4)
    )


@dataclass(kw_only=True)
class StrikeChildren:
    """A signal to a child of the sandbox amid a picture, at most one a picture: a fresh child makes it."""

    executioner: Executioner
    name: str = "death of a sandbox child"
    pause: tuple[float, float] = (0.1, 1.0)

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Waits for a child that is at work and ends it."""
        while not self.executioner.strike():
            time.sleep(_LOOK_SECONDS)
        return since(time.time(), self.name)


class Executioner:
    """Ends children of the sandbox amid a picture. Needs the right to read their files (root, or CAP_SYS_PTRACE)."""

    def __init__(self, dice: random.Random, workers: Callable[[], Sequence[int]]) -> None:
        """Takes what tells the ids of the worker processes, those that hold a net (`Process.workers`)."""
        self._dice = dice
        self._workers = workers
        #: how often a child was struck while it had a master, by the master's digest
        self.struck: Counter[str] = Counter()
        #: by signal
        self.deaths: Counter[signal.Signals] = Counter()
        self._ended: set[int] = set()

    def strike(self) -> str | None:
        """Ends one child at random that has a master which was not struck yet; returns the digest, or None."""
        found = [(pid, digest) for pid, digest in self.at_work() if not self.struck[digest]]
        if not found:
            return None
        pid, digest = self._dice.choice(found)
        return digest if self._end(pid, digest, self._dice.choice(_DEATHS)) else None

    def condemn(self, digest: str, death: signal.Signals = signal.SIGSEGV) -> int:
        """Ends each child that has this master now, or stops it (SIGSTOP); returns how many there were."""
        return sum(self._end(pid, digest, death) for pid, has in self.at_work() if has == digest)

    def at_work(self) -> list[tuple[int, str]]:
        """Returns the children that have a master, with its digest."""
        found = [child for worker in self._workers() for nursery in _nurseries(worker) for child in children(nursery)]
        return [(pid, digest) for pid in found if (digest := _master(pid))]

    def _end(self, pid: int, digest: str, death: signal.Signals) -> bool:
        if pid in self._ended:  # it dies still
            return False
        try:
            os.kill(pid, death)
        except ProcessLookupError:
            return False
        self._ended.add(pid)
        self.struck[digest] += 1
        self.deaths[death] += 1
        return True


def _nurseries(worker: int) -> list[int]:
    return [pid for pid in children(worker) if b"\0worker.sandbox\0" in _read(Path(f"/proc/{pid}/cmdline"))]


def _master(pid: int) -> str | None:
    """Returns the digest of the master that a child has: the file that it may only read, open beside the wire."""
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            flags = re.search(rb"flags:\t(\d+)", _read(Path(f"/proc/{pid}/fdinfo/{link.name}")))
            readable = flags and int(flags[1], 8) & os.O_ACCMODE == os.O_RDONLY
            # It has no name any more; libraries that are open do.
            if int(link.name) > _WIRE and readable and str(link.readlink()).endswith(" (deleted)"):
                with link.open("rb") as master:
                    return hashlib.file_digest(master, "sha256").hexdigest()
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
