"""The collection: the scans of one run, and where their results will lie, in a database beside the state.

It is made anew by each run, and a million scans cost no memory.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from photochrom.bulk.database import Row
from photochrom.bulk.placing import place
from photochrom.bulk.state import COLUMNS, PAGE, Entry, State, entry_of
from photochrom.files.names import folded
from photochrom.scans.scan import Scan

#: What a file is: a picture, one by its name alone, or something else.
_PICTURE, _FALSE, _OTHER = range(3)

#: Stable code and words of a file that is a picture by its name alone.
NO_PICTURE = (
    "unsupported_media",
    "The name promises a picture, the bytes are no TIFF, JPEG, JPEG 2000, PNG, WebP or BMP.",
)

_SCHEMA = """
PRAGMA run.journal_mode=OFF;
PRAGMA run.synchronous=OFF;
CREATE TABLE run.found (
    number INTEGER PRIMARY KEY, path TEXT UNIQUE, name TEXT, kind INTEGER, size INTEGER, mtime_ns INTEGER,
    identifier TEXT, digests TEXT, twin TEXT, target TEXT, folded TEXT UNIQUE, code TEXT, detail TEXT, done INTEGER);
CREATE INDEX run.twins ON found (twin);
CREATE INDEX run.undone ON found (number) WHERE NOT done;
"""

_ADD = """
INSERT INTO run.found (path, name, kind, size, mtime_ns, identifier, digests, twin, code, detail, done)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET
    kind = excluded.kind, size = excluded.size, mtime_ns = excluded.mtime_ns,
    code = excluded.code, detail = excluded.detail, done = excluded.done
"""

_ITEMS = ", ".join(f"items.{name}" for name in COLUMNS)

_UNDONE = f"""
SELECT mine.number, mine.path, name, mine.size, mine.mtime_ns, identifier, mine.digests, digests.sha256, {_ITEMS}
FROM (SELECT * FROM run.found WHERE NOT done AND number > ? ORDER BY number LIMIT {PAGE}) AS mine
LEFT JOIN digests ON digests.path = mine.path AND digests.size = mine.size AND digests.mtime_ns = mine.mtime_ns
LEFT JOIN items ON items.path = mine.path AND items.recipe = ?
ORDER BY mine.number
"""

_COUNTS = f"""
SELECT CASE WHEN kind = {_OTHER} THEN 'skipped' WHEN found.code IS NULL THEN items.state ELSE 'failed' END AS what,
COUNT(*) FROM run.found LEFT JOIN items ON items.path = found.path AND items.recipe = ? GROUP BY what
"""

_FAILURES = """
SELECT name, COALESCE(found.code, items.code, items.state), COALESCE(found.detail, items.detail, '')
FROM run.found LEFT JOIN items ON items.path = found.path AND items.recipe = ?
WHERE found.code IS NOT NULL OR items.state IN ('failed', 'canceled') ORDER BY found.number LIMIT ?
"""

_JOBS = """
SELECT DISTINCT jobs.key, jobs.job FROM run.found JOIN items ON items.path = found.path AND items.recipe = ?
JOIN jobs ON jobs.key = items.key WHERE found.code IS NULL
"""

_OF_JOB = f"""
SELECT {_ITEMS} FROM items JOIN run.found ON found.path = items.path AND found.code IS NULL
WHERE items.recipe = ? AND key = ? AND items.number > ? ORDER BY items.number LIMIT {PAGE}
"""

_WITHOUT_JOB = f"""
SELECT found.number, found.path, name, identifier, found.code, found.detail, {_ITEMS}
FROM run.found LEFT JOIN items ON items.path = found.path AND items.recipe = ?
WHERE kind < {_OTHER} AND found.number > ? AND (found.code IS NOT NULL OR items.key IS NULL)
ORDER BY found.number LIMIT {PAGE}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A picture of the collection, with what earlier runs knew of it."""

    #: its place in the order in which they were found
    number: int
    #: absolute path without links, its name in the state
    path: str
    #: path below the folder that was named
    name: str
    #: bytes and time of the last change, ns, as they were found
    size: int
    mtime_ns: int
    #: the archive's own name for it
    identifier: str | None
    #: algorithm -> digest that somebody vouches for
    digests: Mapping[str, str]
    #: SHA-256 that the unchanged file had before
    sha256: str | None
    #: what is known of it under the recipe
    entry: Entry | None


class Collection:
    """The scans of one run. Any thread may call."""

    def __init__(self, state: State) -> None:
        """Makes an empty one; what an earlier run left is thrown away."""
        self._database = state.database
        self._path = state.folder / "run.sqlite3"
        self._path.unlink(missing_ok=True)
        self._database.run("ATTACH ? AS run", str(self._path))
        self._database.script(_SCHEMA)

    def close(self) -> None:
        """Throws it away, once the state is closed."""
        self._path.unlink(missing_ok=True)

    def add(self, scans: Iterable[Scan]) -> Iterator[int]:
        """Notes scans, the place of each result too, and yields how many pictures came as it goes.

        A scan that is there already is taken as changed.
        """
        scans, parents = iter(scans), dict[Path, Path]()
        while page := list(islice(scans, PAGE)):
            rows = [_row(scan, parents) for scan in page]
            self._database.many(_ADD, rows)
            yield sum(scan.picture for scan in page)
        place(self._database)

    def pictures(self, recipe: str) -> Iterator[Found]:
        """Yields the pictures that were not yielded before, in order."""
        last = 0
        while page := self._database.rows(_UNDONE, last, recipe):
            yield from map(_found, page)
            last = page[-1][0]
            self._database.run("UPDATE run.found SET done = 1 WHERE NOT done AND number <= ?", last)

    def target(self, path: str) -> PurePosixPath | None:
        """Returns where a scan's result lies, relative to OUT and without extension; None for a scan of another run."""
        rows = self._database.rows("SELECT target FROM run.found WHERE path = ?", path)
        return PurePosixPath(rows[0][0]) if rows and rows[0][0] else None

    def holds(self, path: Path, *, earlier: bool) -> bool:
        """Tells whether a file, by its path without links, is one of the scans, or of those of earlier runs."""
        here = self._database.rows(f"SELECT 1 FROM run.found WHERE path = ? AND kind < {_OTHER}", str(path))
        return bool(here or (earlier and self._database.rows("SELECT 1 FROM items WHERE path = ? LIMIT 1", str(path))))

    def fail(self, path: str, code: str, detail: str) -> None:
        """Notes that a scan never comes to a job in this run."""
        self._database.run("UPDATE run.found SET code = ?, detail = ? WHERE path = ?", code, detail, path)

    def counts(self, recipe: str) -> dict[str, int]:
        """Returns how many scans are succeeded, failed, canceled and queued, and how many were skipped."""
        none = dict.fromkeys(("succeeded", "failed", "canceled", "queued", "skipped"), 0)
        return none | {what: count for what, count in self._database.rows(_COUNTS, recipe) if what}

    def failures(self, recipe: str, limit: int) -> list[tuple[str, str, str]]:
        """Returns name, code and words of the first scans that have no result."""
        rows = self._database.rows(_FAILURES, recipe, limit)
        return [(str(name), str(code), str(detail)) for name, code, detail in rows]

    def jobs(self, recipe: str) -> list[tuple[str | None, str | None]]:
        """Returns key and id of each job that has scans of this run, and last (None, None) for those without a job."""
        return [*((key, job) for key, job in self._database.rows(_JOBS, recipe)), (None, None)]

    def entries(self, recipe: str, key: str | None) -> Iterator[Entry]:
        """Yields what is known of the pictures of one job, by number, or of those that have none."""
        if key is None:
            yield from self._without_job(recipe)
            return
        number = -1
        while page := [entry_of(row) for row in self._database.rows(_OF_JOB, recipe, key, number)]:
            yield from page
            number = page[-1].number or 0

    def _without_job(self, recipe: str) -> Iterator[Entry]:
        last = 0
        while page := self._database.rows(_WITHOUT_JOB, recipe, last):
            for _, path, name, identifier, code, detail, *known in page:
                if code is None and known[0] is not None:
                    yield entry_of(known)
                else:
                    state = "failed" if code else "queued"
                    fresh = Entry(path=path, recipe=recipe, sha256="", filename=name, state=state)
                    yield replace(fresh, client_ref=identifier, code=code, detail=detail)
            last = page[-1][0]

    def skipped(self, limit: int) -> list[str]:
        """Returns the names of the first files that are no pictures and do not look so."""
        sql = f"SELECT name FROM run.found WHERE kind = {_OTHER} ORDER BY number LIMIT ?"
        return [name for (name,) in self._database.rows(sql, limit)]

    def same(self, path: str, size: int, mtime_ns: int) -> bool:
        """Tells whether a file is in the collection as it is now."""
        sql = "SELECT 1 FROM run.found WHERE path = ? AND size = ? AND mtime_ns = ?"
        return bool(self._database.rows(sql, path, size, mtime_ns))


def _row(scan: Scan, parents: dict[Path, Path]) -> Row:
    """Returns what `_ADD` takes; `parents` remembers the last folder's real path."""
    kind = _PICTURE if scan.picture else _FALSE if scan.promised else _OTHER
    code, detail = NO_PICTURE if kind == _FALSE else (None, None)
    path, size, mtime_ns = scan.path, 0, 0
    try:
        path = real_path(scan.path, parents)
        found = path.stat()
        size, mtime_ns = found.st_size, found.st_mtime_ns
    except OSError as error:
        code, detail = "file_error", error.strerror
    twin = folded(str(scan.relative.with_suffix(""))) if scan.picture else None
    digests = json.dumps(dict(scan.digests)) if scan.digests else None
    done = kind != _PICTURE or code is not None
    return (str(path), scan.name, kind, size, mtime_ns, scan.identifier, digests, twin, code, detail, done)


def real_path(path: Path, parents: dict[Path, Path]) -> Path:
    """Returns a path without links; asks once for a folder's, since a walk comes folder by folder."""
    if stat.S_ISLNK(path.lstat().st_mode):
        return path.resolve()
    parent = parents.get(path.parent)
    if parent is None:
        parents.clear()
        parent = parents[path.parent] = path.parent.resolve()
    return parent / path.name


def _found(row: Row) -> Found:
    names = ("number", "path", "name", "size", "mtime_ns", "identifier", "digests", "sha256")
    facts: dict[str, Any] = dict(zip(names, row, strict=False))
    facts["digests"] = json.loads(facts["digests"]) if facts["digests"] else {}
    known = row[len(names) :]
    return Found(**facts, entry=entry_of(known) if known[0] is not None else None)
