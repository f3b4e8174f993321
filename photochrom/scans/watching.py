"""Watching folders: what appears there, once nobody writes to it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from photochrom.scans.scan import Scan

#: Files that are handed on at once, so that the first results do not wait for the last file.
_BATCH = 100


@dataclass(kw_only=True, slots=True)
class Watch:
    """Looks at folders again and again. A file is complete once size and time have stayed for `quiet` seconds."""

    #: what is watched
    paths: Sequence[Path]
    #: finds the files below paths, in order
    find: Callable[[Sequence[Path]], Iterable[Scan]]
    #: tells whether a file, as it is, was handed on before: path, size, time (ns)
    known: Callable[[Path, int, int], bool]
    #: seconds
    quiet: float
    #: says something that a person should know
    note: Callable[[str], None]
    #: sleeps, and raises what ends the watch
    sleep: Callable[[float], None]
    #: tells the time, s
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[int, int, float]] = field(default_factory=dict)
    _away: set[Path] = field(default_factory=set)

    def batches(self) -> Iterator[list[Scan]]:
        """Yields new and changed files, for ever."""
        while True:
            begun = self.clock()
            batch: list[Scan] = []
            for scan in self._complete():
                batch.append(scan)
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch
            # A look that takes long is not begun again at once.
            self.sleep(max(min(self.quiet, 1.0), self.clock() - begun))

    def _complete(self) -> Iterator[Scan]:
        """Yields what has become complete since the last look."""
        before, self._seen = self._seen, {}
        for scan in self.find(self._here()):
            try:
                found = scan.path.stat()
            except OSError:
                continue  # gone again
            here = (found.st_size, found.st_mtime_ns)
            if self.known(scan.path, *here):
                continue
            now = self.clock()
            *then, since = before.get(scan.path, (*here, now))
            since = since if tuple(then) == here else now
            if now - since >= self.quiet:
                yield scan
            else:
                self._seen[scan.path] = (*here, since)

    def _here(self) -> list[Path]:
        """Returns the paths that are there; says once that one is away, and that it is back."""
        here = []
        for path in self.paths:
            try:
                there = path.exists()
            except OSError:  # a mount whose server is away
                there = False
            if there == (path in self._away):
                self._away ^= {path}
                self.note(f"{path} is back." if there else f"{path} is not there: waiting for it.")
            if there:
                here.append(path)
        return here
