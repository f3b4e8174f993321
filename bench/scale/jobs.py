"""Jobs from outside: submitted line by line, followed to their end, and their reports read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import requests

from photochrom import Client
from photochrom.wire.records import Job

#: Lines that are sent at once.
_LINES = 1_000

#: How long an answer to a submission may take, seconds.
_PATIENCE = 1800.0

#: A job that gets no further for this long has failed, seconds.
_STILL = 300.0


def submit(url: str, masters: Sequence[str], *, total: int | None = None, **head: Any) -> str:
    """Submits a manifest of `total` items that name the masters by turns, and returns the job's id.

    `head` is what its first line says: recipe, priority.
    """
    answer = requests.post(
        f"{url}/v1/jobs",
        data=_manifest(masters, total or len(masters), head),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=_PATIENCE,
    )
    if answer.status_code != 202:
        raise SystemExit(f"The manifest was refused: {answer.status_code} {answer.text[:500]}")
    return str(answer.json()["id"])


def ended(client: Client, job_id: str, *, period: float = 0.1, look: Callable[[Job], None] = lambda _: None) -> Job:
    """Waits for the job's end and returns it; `look` sees it every `period` seconds."""
    done, since = -1, time.monotonic()
    while True:
        job = client.job(job_id)
        look(job)
        if job.ended:
            return job
        if (now := settled(job)) != done:
            done, since = now, time.monotonic()
        elif time.monotonic() - since > _STILL:
            raise SystemExit(f"Job {job_id} stands still at {done:,} of {job.total:,} items: {job.waiting_for}")
        time.sleep(period)


def settled(job: Job) -> int:
    """Returns how many items have ended."""
    return job.counts["succeeded"] + job.counts["failed"] + job.counts["canceled"]


def rows(client: Client, job_id: str) -> Iterator[dict[str, Any]]:
    """Yields the rows of a job's report."""
    rest = b""
    for chunk in client.report(job_id):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)
    if rest:
        raise SystemExit(f"The report of job {job_id} breaks off in the middle of a row.")


def executed(report: Iterable[dict[str, Any]]) -> int:
    """Returns how many rows were colored for this job, at the first attempt, and not found already made."""
    return sum(row["state"] == "succeeded" and row["attempts"] == 1 and not row["already_made"] for row in report)


def _manifest(masters: Sequence[str], total: int, head: dict[str, Any]) -> Iterator[bytes]:
    yield json.dumps(head).encode() + b"\n"
    for start in range(0, total, _LINES):
        yield b"".join(
            b'{"sha256":"%s","filename":"%d.png","client_ref":"scan-%d"}\n'
            % (masters[number % len(masters)].encode(), number, number)
            for number in range(start, min(start + _LINES, total))
        )
