"""Reports: what the server says of jobs and their items, kept here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from photochrom.errors import ProblemError
from photochrom.wire.records import Job

#: What is measured of each result.
MEASURES = ("temperature", "delta_l", "encoded_delta_l", "warnings")


class Server(Protocol):
    """What is asked of a client."""

    def job(self, job_id: str) -> Job:
        """Returns a job as it stands."""

    def report(self, job_id: str) -> Iterator[bytes]:
        """Yields the rows so far as JSON lines."""


class Reports:
    """What the server says of jobs and their items. That of an ended job is kept, since the server may forget it."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the database `path`."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def fetch(self, server: Server, job_id: str) -> None:
        """Asks for a job unless it had ended when it was last asked for; one that the server does not know is let be.

        Raises ClientError where the server does not answer.
        """
        if self._db.execute("SELECT 1 FROM jobs WHERE job = ? AND ended", (job_id,)).fetchone():
            return
        try:
            job = server.job(job_id)
            with self._db:
                self._db.execute("BEGIN")
                self._db.executemany(_KEEP, _rows(job_id, server.report(job_id)))
                said = json.dumps({name: job.data.get(name) for name in ("id", "model", "recipe")})
                self._db.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", (job_id, said, job.ended))
        except ProblemError as error:
            if error.status != 404:
                raise

    def job(self, job_id: str) -> Mapping[str, Any]:
        """Returns id, model and recipe of a job, or nothing."""
        return self._one("SELECT said FROM jobs WHERE job = ?", job_id)

    def row(self, job_id: str, number: int) -> Mapping[str, Any]:
        """Returns what the report says of an item, or nothing."""
        return self._one("SELECT said FROM rows WHERE job = ? AND number = ?", job_id, number)

    def _one(self, sql: str, *values: object) -> Mapping[str, Any]:
        row = self._db.execute(sql, values).fetchone()
        said: dict[str, Any] = json.loads(row[0]) if row else {}
        return said


_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, said TEXT, ended INTEGER);
CREATE TABLE IF NOT EXISTS rows (job TEXT, number INTEGER, said TEXT, PRIMARY KEY (job, number)) WITHOUT ROWID;
"""

_KEEP = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)"

#: What is kept of a row; the rest is known here, or of no use to an archive.
_KEPT = (*MEASURES, "derivative", "candidates", "tone", "uncertainty", "already_made", "finished_at")


def _rows(job_id: str, chunks: Iterable[bytes]) -> Iterator[tuple[str, int, str]]:
    for line in lines(chunks):
        row = json.loads(line)
        yield job_id, row["number"], json.dumps({name: row[name] for name in _KEPT if name in row})


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a text that comes in chunks."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
