"""The state of a submission: what OUT/.photochrom remembers, so that a second run repeats nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from photochrom.bulk.database import Database, Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, server TEXT, recipe TEXT, job TEXT, ended INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS items (
    path TEXT, recipe TEXT, sha256 TEXT, key TEXT, number INTEGER, filename TEXT, state TEXT, code TEXT, detail TEXT,
    derivative TEXT, output TEXT, PRIMARY KEY (path, recipe));
CREATE INDEX IF NOT EXISTS items_by_key ON items (key, number);
CREATE TABLE IF NOT EXISTS outputs (output TEXT PRIMARY KEY, sha256 TEXT);
"""

#: What later versions added, a step each; the database's user_version counts the steps that it has.
_STEPS = (
    "ALTER TABLE jobs ADD COLUMN head TEXT",
    "ALTER TABLE items ADD COLUMN client_ref TEXT",
    "CREATE INDEX IF NOT EXISTS items_by_output ON items (output COLLATE NOCASE)",
)

#: Rows that are read at once.
PAGE = 1000


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
    #: the archive's own name for it
    client_ref: str | None = None


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
    #: recipe, webhook and priority as the call says them, JSON; None where an older version made it of a recipe alone
    head: str | None = None


class State:
    """What is known of scans, jobs and results, page by page. Any thread may call."""

    def __init__(self, folder: Path) -> None:
        """Opens or creates the database in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database = Database(folder / "state.sqlite3")
        self.database.script(_SCHEMA)
        ((version,),) = self.database.rows("PRAGMA user_version")
        for number, step in enumerate(_STEPS[version:], version + 1):
            self.database.script(f"BEGIN; {step}; PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        """Closes the database."""
        self.database.close()

    def remember_digests(self, rows: Iterable[tuple[str, int, int, str]]) -> None:
        """Notes path, size, time (ns) and SHA-256 of files."""
        self.database.many("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)

    def save(self, *entries: Entry) -> None:
        """Notes what is known of scans."""
        self.database.many(_SAVE, map(_values, entries))

    # Jobs.

    def begin_job(self, sent: Sent) -> None:
        """Notes a job whose scans are saved under its key; on the disk, before it is submitted."""
        with self.database.durably():
            self.database.run(
                "INSERT INTO jobs (key, server, recipe, head) VALUES (?, ?, ?, ?)",
                *(sent.key, sent.server, sent.recipe, sent.head),
            )

    def name_job(self, key: str, job: str) -> None:
        """Notes the id that the server gave."""
        self.database.run("UPDATE jobs SET job = ? WHERE key = ?", job, key)

    def end_job(self, key: str) -> None:
        """Notes that everything of the job is fetched or failed."""
        self.database.run("UPDATE jobs SET ended = 1 WHERE key = ?", key)

    def forget_job(self, key: str) -> None:
        """Forgets a job that its server does not know, so that its scans are submitted anew."""
        self.database.run("DELETE FROM items WHERE key = ? AND output IS NULL", key)
        self.end_job(key)

    def forget_unmade_jobs(self) -> None:
        """Forgets scans that were gathered for a job when a run ended; they are gathered anew."""
        self.database.run("DELETE FROM items WHERE key IS NOT NULL AND key NOT IN (SELECT key FROM jobs)")

    def open_jobs(self, server: str, recipe: str) -> list[Sent]:
        """Returns the jobs of this server and recipe that have not been brought to their end."""
        sql = "SELECT key, server, recipe, job, head FROM jobs WHERE ended = 0 AND server = ? AND recipe = ?"
        names = ("key", "server", "recipe", "job", "head")
        return [Sent(**dict(zip(names, row, strict=True))) for row in self.database.rows(sql, server, recipe)]

    def entries_of(self, key: str) -> Iterator[Entry]:
        """Yields the scans of one job, in their order."""
        number = -1
        while page := self.entries_between(key, number + 1, None):
            yield from page
            number = page[-1].number or 0

    def entries_between(self, key: str, first: int, last: int | None) -> list[Entry]:
        """Returns up to 1,000 scans of one job, from number `first` to `last`."""
        sql = f"SELECT {_NAMES} FROM items WHERE key = ? AND number >= ? AND number <= ? ORDER BY number LIMIT {PAGE}"
        return [entry_of(row) for row in self.database.rows(sql, key, first, 1 << 62 if last is None else last)]

    # Results.

    def ours(self, output: str) -> bool:
        """Tells whether a file in OUT was written by us."""
        return bool(self.database.rows("SELECT 1 FROM outputs WHERE output = ?", output))

    def claim_output(self, output: str, sha256: str) -> None:
        """Notes that a file in OUT is ours; before it appears there."""
        self.database.run("INSERT OR REPLACE INTO outputs VALUES (?, ?)", output, sha256)


COLUMNS = tuple(field.name for field in fields(Entry))
_NAMES = ", ".join(COLUMNS)
_SAVE = f"INSERT OR REPLACE INTO items ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"


def entry_of(row: Sequence[Any]) -> Entry:
    """Makes an entry of a row of `items` in the order of COLUMNS."""
    return Entry(**dict(zip(COLUMNS, row, strict=True)))


def _values(entry: Entry) -> Row:
    return tuple(getattr(entry, name) for name in COLUMNS)
