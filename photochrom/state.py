"""The state of a submission: what OUT/.photochrom remembers, so that a second run repeats nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, server TEXT, recipe TEXT, job TEXT, ended INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS items (
    path TEXT, recipe TEXT, sha256 TEXT, key TEXT, number INTEGER, filename TEXT, state TEXT, code TEXT, detail TEXT,
    derivative TEXT, output TEXT, PRIMARY KEY (path, recipe));
CREATE INDEX IF NOT EXISTS items_by_key ON items (key, number);
CREATE TABLE IF NOT EXISTS outputs (output TEXT PRIMARY KEY, sha256 TEXT);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is known of one scan under one recipe."""

    #: absolute path of the scan
    path: str
    #: the recipe as it was asked for, canonical JSON
    recipe: str
    #: SHA-256 of the scan when it was submitted
    sha256: str
    #: Idempotency-Key of its job; None where it never came to a job
    key: str | None = None
    #: its number in that job
    number: int | None = None
    #: its name in that job
    filename: str = ""
    #: queued, succeeded, failed or canceled, as far as was heard
    state: str = "queued"
    #: stable code of a failure
    code: str | None = None
    #: the failure in words
    detail: str | None = None
    #: SHA-256 of the result
    derivative: str | None = None
    #: where the result was written, relative to OUT
    output: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A job that was, or is about to be, submitted."""

    #: Idempotency-Key, written before the call
    key: str
    #: the server
    server: str
    #: the recipe as it was asked for, canonical JSON
    recipe: str
    #: job id, once the server has answered
    job: str | None = None


class State:
    """A small database; every change is durable when the call returns. Threads take turns."""

    def __init__(self, folder: Path) -> None:
        """Opens or creates the database in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._guard = threading.Lock()
        self._db = sqlite3.connect(folder / "state.sqlite3", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def digest(self, path: Path) -> str | None:
        """Returns the SHA-256 that an unchanged file (size and time) had before, or None."""
        stat = path.stat()
        rows = self._rows("SELECT size, mtime_ns, sha256 FROM digests WHERE path = ?", str(path.resolve()))
        return str(rows[0][2]) if rows and rows[0][:2] == (stat.st_size, stat.st_mtime_ns) else None

    def remember_digest(self, path: Path, sha256: str) -> None:
        """Notes a file's SHA-256."""
        stat = path.stat()
        self._run(
            "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)",
            (str(path.resolve()), stat.st_size, stat.st_mtime_ns, sha256),
        )

    def entries(self, recipe: str) -> dict[str, Entry]:
        """Returns what is known under a recipe, by absolute path."""
        rows = self._rows("SELECT * FROM items WHERE recipe = ?", recipe)
        return {row[0]: _entry(row) for row in rows}

    def job_entries(self, key: str) -> list[Entry]:
        """Returns the scans of one job, in their order."""
        return [_entry(row) for row in self._rows("SELECT * FROM items WHERE key = ? ORDER BY number", key)]

    def save(self, entry: Entry) -> None:
        """Notes what is known of a scan."""
        self._run(_SAVE, _values(entry))

    def begin_job(self, sent: Sent, entries: Iterable[Entry]) -> None:
        """Notes a job and its scans in one transaction, before it is submitted."""
        with self._guard:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO jobs (key, server, recipe) VALUES (?, ?, ?)", (sent.key, sent.server, sent.recipe)
            )
            self._db.executemany(_SAVE, [_values(entry) for entry in entries])
            self._db.execute("COMMIT")

    def name_job(self, key: str, job: str) -> None:
        """Notes the id that the server gave."""
        self._run("UPDATE jobs SET job = ? WHERE key = ?", (job, key))

    def end_job(self, key: str) -> None:
        """Notes that everything of the job is fetched or failed."""
        self._run("UPDATE jobs SET ended = 1 WHERE key = ?", (key,))

    def forget_job(self, key: str) -> None:
        """Forgets a job that its server does not know any more, so that its scans are submitted anew."""
        self._run("DELETE FROM items WHERE key = ? AND output IS NULL", (key,))
        self.end_job(key)

    def open_jobs(self, server: str, recipe: str) -> list[Sent]:
        """Returns the jobs of this server and recipe that have not been brought to their end."""
        sql = "SELECT key, server, recipe, job FROM jobs WHERE ended = 0 AND server = ? AND recipe = ?"
        names = ("key", "server", "recipe", "job")
        return [Sent(**dict(zip(names, row, strict=True))) for row in self._rows(sql, server, recipe)]

    def ours(self, output: str) -> bool:
        """Tells whether a file in OUT was written by us."""
        return bool(self._rows("SELECT 1 FROM outputs WHERE output = ?", output))

    def claim_output(self, output: str, sha256: str) -> None:
        """Notes that a file in OUT is ours; before it appears there."""
        self._run("INSERT OR REPLACE INTO outputs VALUES (?, ?)", (output, sha256))

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._guard:
            return self._db.execute(sql, values).fetchall()

    def _run(self, sql: str, values: tuple[object, ...]) -> None:
        with self._guard:
            self._db.execute(sql, values)


_COLUMNS = (
    "path",
    "recipe",
    "sha256",
    "key",
    "number",
    "filename",
    "state",
    "code",
    "detail",
    "derivative",
    "output",
)
_SAVE = "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _values(entry: Entry) -> tuple[object, ...]:
    return tuple(getattr(entry, name) for name in _COLUMNS)


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(**dict(zip(_COLUMNS, row, strict=True)))
