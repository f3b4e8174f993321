"""Progress: what the index knows of one job at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.jobs import Counts, Job, JobState, Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A job and how far it is."""

    #: the submission
    job: Job
    #: what the job is about
    state: JobState
    #: how many items are in which state
    counts: Counts
    #: grows with each change; the counter behind the ETag
    revision: int
    #: which of its tenant's jobs go first
    priority: Priority
    #: when the first item began or ended, or the job was last resumed, seconds since the epoch
    started: float | None
    #: how many items had ended with an outcome of their own by then
    before: int
    #: when the job ended, seconds since the epoch
    finished: float | None

    @property
    def ended(self) -> int:
        """Number of items that have ended with an outcome of their own."""
        return self.counts.succeeded + self.counts.failed


def from_hash(data: Mapping[bytes, bytes]) -> Progress:
    """Reads a job's hash."""
    total, succeeded, failed, held = (int(data[name]) for name in (b"total", b"succeeded", b"failed", b"held"))
    state = JobState(data[b"state"].decode())
    left = total - succeeded - failed
    stopped = state in (JobState.CANCELING, JobState.CANCELED)
    running = min(held, left)
    return Progress(
        job=Job.from_json(json.loads(data[b"spec"])),
        state=state,
        counts=Counts(
            queued=0 if stopped else left - running,
            running=running,
            succeeded=succeeded,
            failed=failed,
            canceled=left - running if stopped else 0,
        ),
        revision=int(data[b"revision"]),
        priority=Priority(data[b"priority"].decode()),
        started=_seconds(data.get(b"started")),
        before=int(data.get(b"before", 0)),
        finished=_seconds(data.get(b"finished")),
    )


def _seconds(milliseconds: bytes | None) -> float | None:
    return int(milliseconds) / 1000 if milliseconds else None
