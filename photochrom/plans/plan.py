"""Plans: what `submit --dry-run` says a submission would be, before anything is sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from photochrom.errors import ClientError
from photochrom.files.dimensions import header
from photochrom.files.fixity import many, mismatch
from photochrom.scans.scan import Scan

#: Megapixels that a service takes unless its operator says otherwise; it does not tell its own limit.
USUAL_MEGAPIXELS = 250

#: Files that are asked about at once.
_ASKED = 1_000

_SCHEMA = """
CREATE TABLE scans (number INTEGER PRIMARY KEY, path TEXT, size INTEGER, sha256 TEXT, digests TEXT);
CREATE INDEX scans_by_size ON scans (size);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What would be done."""

    #: files whose bytes are those of a picture, and their bytes
    pictures: int = 0
    bytes: int = 0
    #: millions of pixels of those whose header is understood, and how many are not
    megapixels: float = 0.0
    unknown: int = 0
    #: pictures that have the same bytes as an earlier one, which are sent and colored once
    duplicates: int = 0
    #: pictures whose SHA-256 is known or was read, and how many of these the server has; None: it was not asked
    digests: int = 0
    present: int | None = None
    #: why it could not be asked, in words
    unasked: str | None = None
    #: files that would fail: no picture under a picture's name; larger than the server takes; fixity that does not fit
    no_pictures: int = 0
    too_large: int = 0
    mismatches: int = 0
    #: pictures of more than USUAL_MEGAPIXELS, which would fail at a server with the usual limit
    very_large: int = 0
    #: files that are no pictures and do not seem to be, and what cannot be read
    skipped: int = 0
    unreadable: int = 0

    def with_unreadable(self, count: int) -> Plan:
        """Returns the plan with `count` more that cannot be read."""
        return replace(self, unreadable=self.unreadable + count)

    def to_json(self) -> dict[str, Any]:
        """Returns all figures, megapixels to a tenth."""
        return {**asdict(self), "megapixels": round(self.megapixels, 1)}


class Asked(Protocol):
    """What is asked of a server."""

    def missing(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Returns the answers for those that are not stored."""


class Survey:
    """Looks at scans and remembers, in a temporary database, what it takes to find equal ones."""

    def __init__(self, *, threads: int, known: Callable[[Path], str | None] = lambda path: None) -> None:
        """Looks at nothing yet. `known` returns the SHA-256 that an unchanged file had before."""
        self._threads = threads
        self._known = known
        self._plan = Plan()
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def unreadable(self, path: Path, error: OSError) -> None:
        """Counts what cannot be read."""
        self._plan = replace(self._plan, unreadable=self._plan.unreadable + 1)

    def plan(self, scans: Iterable[Scan], *, hash_all: bool, server: Asked | None) -> Plan:
        """Counts scans, reads those that may be equal to others, or all, and asks the server what it has.

        Raises OSError. A server that does not answer, or refuses, leaves `present` None.
        """
        self._db.execute("BEGIN")
        for scan in scans:
            self._count(scan)
        self._hash(everything=hash_all)
        self._db.execute("COMMIT")
        digests, distinct = self._db.execute("SELECT count(sha256), count(DISTINCT sha256) FROM scans").fetchone()
        self._plan = replace(self._plan, duplicates=digests - distinct, digests=digests)
        if server:
            self._ask(server)
        return self._plan

    def close(self) -> None:
        """Removes the temporary database."""
        self._db.close()

    def _count(self, scan: Scan) -> None:
        plan = self._plan
        if not scan.picture:
            name = "no_pictures" if scan.promised else "skipped"
            self._plan = replace(plan, **{name: getattr(plan, name) + 1})
            return
        size = scan.path.stat().st_size
        found = header(scan.path)
        megapixels = found.megapixels if found else 0.0
        self._plan = replace(
            plan,
            pictures=plan.pictures + 1,
            bytes=plan.bytes + size,
            megapixels=plan.megapixels + megapixels,
            unknown=plan.unknown + (found is None),
            very_large=plan.very_large + (megapixels > USUAL_MEGAPIXELS),
        )
        sha256 = self._known(scan.path) or scan.digests.get("sha256")
        insert = "INSERT INTO scans (path, size, sha256, digests) VALUES (?, ?, ?, ?)"
        self._db.execute(insert, (str(scan.path), size, sha256, json.dumps(dict(scan.digests))))

    def _hash(self, *, everything: bool) -> None:
        """Reads those whose size is not theirs alone, or with `everything` all, and compares with what is vouched."""
        twins = "size IN (SELECT size FROM scans GROUP BY size HAVING count(*) > 1)"
        where = "1" if everything else f"sha256 IS NULL AND {twins}"
        query = f"SELECT number, path, digests FROM scans WHERE {where} AND number > ? ORDER BY number LIMIT {_ASKED}"  # noqa: S608
        last = 0
        while page := self._db.execute(query, (last,)).fetchall():
            vouched = {Path(path): json.loads(digests) for _, path, digests in page}
            files = ((path, {"sha256", *digests}) for path, digests in vouched.items())
            for (number, *_), (path, found) in zip(page, many(files, threads=self._threads), strict=True):
                last = number
                if isinstance(found, OSError):
                    self.unreadable(path, found)
                    continue
                wrong = mismatch(vouched[path], found) is not None
                self._plan = replace(self._plan, mismatches=self._plan.mismatches + wrong)
                self._db.execute("UPDATE scans SET sha256 = ? WHERE number = ?", (found["sha256"], number))

    def _ask(self, server: Asked) -> None:
        """Asks which of those whose SHA-256 is known the server has, and which are too large for it."""
        plan = self._plan
        here = self._db.execute("SELECT sha256, max(size) FROM scans WHERE sha256 IS NOT NULL GROUP BY sha256")
        files = ({"sha256": sha256, "size": max(1, size)} for sha256, size in here)
        present, limit = 0, None
        try:
            while page := list(islice(files, _ASKED)):
                missing = server.missing(page)
                present += len(page) - len(missing)
                limits = [answer["problem"]["limit"] for answer in missing if answer.get("problem")]
                limit = min([*limits, *([limit] if limit else [])], default=None)
            limit = limit or self._limit(server)
        except ClientError as error:
            self._plan = replace(plan, unasked=str(error))
            return
        too_large = 0
        if limit:
            too_large = self._db.execute("SELECT count(*) FROM scans WHERE size > ?", (limit,)).fetchone()[0]
        self._plan = replace(plan, present=present, too_large=too_large)

    def _limit(self, server: Asked) -> int | None:
        """Returns the most bytes that the server takes, where the largest scan has more: it says so of any digest."""
        largest = self._db.execute("SELECT max(size) FROM scans").fetchone()[0] or 1
        answers = server.missing([{"sha256": "0" * 64, "size": max(1, largest)}])
        problems = [answer["problem"] for answer in answers if answer.get("problem")]
        return int(problems[0]["limit"]) if problems else None
