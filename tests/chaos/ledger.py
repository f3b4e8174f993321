"""The clients' own ledger: what they asked for and what they were told, in a file that only grows.

The service never sees it. Everything that is checked at the end is checked against it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One item that a client asked for."""

    #: SHA-256 of the bytes that it sent
    sha256: str
    #: whether the item may succeed; alone, it must
    succeeds: bool = True
    #: codes that it may fail with
    codes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether they are a picture that nothing but its color is to be missing of."""
        return self.succeeds and not self.codes


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A job that a client was given a 202 for."""

    #: its id
    job: str
    #: the Idempotency-Key
    key: str
    #: what was asked for
    items: tuple[Asked, ...]
    #: when the 202 came, seconds since the epoch
    at: float


class Ledger:
    """Appends what clients saw, line by line; safe for threads."""

    def __init__(self, path: Path) -> None:
        """Begins or continues the file."""
        self.path = path
        self._guard = threading.Lock()

    def asked(self, key: str, items: Sequence[Asked]) -> None:
        """Notes a submission before it is sent."""
        self._write("asked", key=key, items=[asdict(item) for item in items])

    def accepted(self, key: str, job: str) -> None:
        """Notes a 202."""
        self._write("accepted", key=key, job=job)

    def canceled(self, job: str) -> None:
        """Notes a cancel that was accepted."""
        self._write("canceled", job=job)

    def paused(self, job: str) -> None:
        """Notes a pause that was accepted."""
        self._write("paused", job=job)

    def resumes(self, job: str) -> None:
        """Notes that a job is about to be resumed."""
        self._write("resumes", job=job)

    def wrong(self, words: str) -> None:
        """Notes an answer that the service must never give."""
        self._write("wrong", words=words)

    def jobs(self) -> dict[str, Accepted]:
        """Returns every job that was accepted, by id."""
        asked: dict[str, tuple[Asked, ...]] = {}
        jobs: dict[str, Accepted] = {}
        for line in self._lines():
            if line["event"] == "asked":
                asked[line["key"]] = tuple(
                    Asked(sha256=item["sha256"], succeeds=item["succeeds"], codes=tuple(item["codes"]))
                    for item in line["items"]
                )
            elif line["event"] == "accepted":
                key, job = line["key"], line["job"]
                jobs.setdefault(job, Accepted(job=job, key=key, items=asked[key], at=line["at"]))
        return jobs

    def canceled_jobs(self) -> set[str]:
        """Returns the jobs that a client canceled."""
        return {line["job"] for line in self._lines() if line["event"] == "canceled"}

    def pauses(self) -> dict[str, tuple[float, float]]:
        """Returns from when until when each job that was paused was so for certain, seconds since the epoch."""
        begun = {line["job"]: line["at"] for line in self._lines() if line["event"] == "paused"}
        over = {line["job"]: line["at"] for line in self._lines() if line["event"] == "resumes"}
        return {job: (at, over.get(job, float("inf"))) for job, at in begun.items()}

    def keys(self) -> dict[str, set[str]]:
        """Returns each Idempotency-Key with the jobs that it was answered with."""
        keys: dict[str, set[str]] = {}
        for line in self._lines():
            if line["event"] == "asked":
                keys.setdefault(line["key"], set())
            elif line["event"] == "accepted":
                keys[line["key"]].add(line["job"])
        return keys

    def wrongs(self) -> list[str]:
        """Returns the answers that must never be given."""
        return [line["words"] for line in self._lines() if line["event"] == "wrong"]

    def acceptances(self) -> list[float]:
        """Returns when each 202 came, seconds since the epoch."""
        return [line["at"] for line in self._lines() if line["event"] == "accepted"]

    def _write(self, event: str, **facts: Any) -> None:
        text = json.dumps({"event": event, "at": time.time(), **facts}) + "\n"
        with self._guard, self.path.open("a") as file:
            file.write(text)

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                yield json.loads(line)
