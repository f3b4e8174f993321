"""Jobs as clients see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from shared.clock import timestamp
from shared.errors import IndexUnavailable, JobRecovering, NotFound
from shared.ids import is_id
from shared.index.hosts import Host
from shared.index.progress import Progress
from shared.jobs import Counts, Job, JobState
from shared.services import Services
from shared.webhooks import shown

#: The least and the most that a poller is asked to wait, seconds.
_SOONEST, _LATEST = 1, 30


#: What a job's links lead to.
_LINKS = ("items", "report", "states", "events", "pause", "resume", "cancel", "retry")

#: Jobs that have left the index and are read from storage side by side.
_READERS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job as it stands, from the index or, once it has ended, from storage."""

    #: how far it is
    progress: Progress
    #: what has to appear before it can go on, in words
    waiting_for: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.progress.state.ended

    @property
    def stopped(self) -> bool:
        """Whether what has not begun never will."""
        return self.progress.state in (JobState.CANCELING, JobState.CANCELED)

    @property
    def etag(self) -> str:
        """Changes whenever the answer does, but for `eta_seconds`."""
        return f"{self.progress.revision}{'-waiting' if self.waiting_for else ''}"

    def eta_seconds(self, now: float) -> int | None:
        """Returns how long the rest will take at the rate so far, or None where that cannot be said."""
        progress = self.progress
        made = progress.ended - progress.before
        if self.ended or progress.state is JobState.PAUSED or progress.started is None:
            return None
        if made <= 0 or now <= progress.started:
            return None
        left = progress.job.total - progress.ended - progress.counts.canceled
        return math.ceil(left * (now - progress.started) / made)

    def retry_after(self, now: float) -> int:
        """Returns when to poll again: a tenth of what is left, within bounds."""
        eta = self.eta_seconds(now)
        return _SOONEST if eta is None else max(_SOONEST, min(_LATEST, eta // 10))

    def to_json(self, now: float) -> dict[str, Any]:
        """Returns the answer's body."""
        progress, job = self.progress, self.progress.job
        ended = job.total - progress.counts.queued - progress.counts.running
        path = f"/v1/jobs/{job.id}"
        return {
            "id": job.id,
            "state": progress.state,
            "revision": progress.revision,
            "created_at": timestamp(job.created),
            "finished_at": timestamp(progress.finished) if progress.finished else None,
            "recipe": asdict(job.recipe),
            "model": job.model,
            "total": job.total,
            "priority": progress.priority,
            "retry_of": job.retry_of,
            "counts": asdict(progress.counts),
            "progress": round(ended / job.total, 4),
            "eta_seconds": self.eta_seconds(now),
            "waiting_for": self.waiting_for,
            "webhook": shown(job.webhook) if job.webhook else None,
            "links": {"self": path} | {name: f"{path}/{name}" for name in _LINKS},
        }


def job_view(services: Services, tenant: str, job_id: str) -> JobView:
    """Returns a job of the tenant.

    Raises NotFound for any other id, JobRecovering for a job that the index does not have yet, and IndexUnavailable
    where only the index could tell.
    """
    if not is_id(job_id):
        raise NotFound(f"There is no job {job_id!r}.")
    away: IndexUnavailable | None = None
    try:
        progress = services.index.progress(job_id)
        if progress and progress.job.tenant == tenant:
            return JobView(progress=progress, waiting_for=_waiting_for(_hosts(services, [progress]), progress))
    except IndexUnavailable as error:
        away = error
    job = services.ledger.read_job(tenant, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    if ended := _ended_view(services, job):
        return ended
    raise away or JobRecovering()


def fresh_view(services: Services, job: Job) -> JobView:
    """Returns a job that was submitted just now, whether or not the index has it yet."""
    try:
        return job_view(services, job.tenant, job.id)
    except (IndexUnavailable, JobRecovering):
        progress = Progress(
            job=job,
            state=JobState.QUEUED,
            counts=Counts(queued=job.total),
            revision=0,
            priority=job.priority,
            started=None,
            before=0,
            finished=None,
        )
        return JobView(progress=progress, waiting_for=None)


def list_jobs(services: Services, tenant: str, *, limit: int, cursor: str | None) -> tuple[list[JobView], str | None]:
    """Returns a page of the tenant's jobs, newest first, and the cursor of the next."""
    ids = services.index.newest(tenant, before=cursor, limit=limit + 1)
    page = ids[:limit]
    found = services.index.polls.progresses(page)
    hosts = _hosts(services, [each for each in found if each])
    with ThreadPoolExecutor(_READERS) as readers:
        gone = readers.map(
            lambda pair: None if pair[1] else _stored_view(services, tenant, pair[0]), zip(page, found, strict=True)
        )
        views = [
            JobView(progress=each, waiting_for=_waiting_for(hosts, each)) if each else stored
            for each, stored in zip(found, gone, strict=True)
        ]
    return [view for view in views if view], ids[limit - 1] if len(ids) > limit else None


def _stored_view(services: Services, tenant: str, job_id: str) -> JobView | None:
    job = services.ledger.read_job(tenant, job_id)
    return _ended_view(services, job) if job else None


def _ended_view(services: Services, job: Job) -> JobView | None:
    """Returns a job that has left the index as its last record has it."""
    ending = services.ledger.read_ending(job)
    if ending is None:
        return None
    progress = Progress(
        job=job,
        state=ending.state,
        counts=ending.counts,
        revision=int(ending.finished * 1e6),
        priority=services.ledger.read_priority(job),
        started=None,
        before=0,
        finished=ending.finished,
    )
    return JobView(progress=progress, waiting_for=None)


def _may_wait(progress: Progress) -> bool:
    """Tells whether the job may be one that waits for a worker: one to color its items, or to bring it to its end."""
    return not progress.state.ended and progress.state is not JobState.PAUSED


def _hosts(services: Services, jobs: Sequence[Progress]) -> Sequence[Host]:
    """Returns the live hosts as far as the jobs need them; where items run, those of a moment ago will do."""
    if any(_may_wait(job) and not job.counts.running for job in jobs):
        return services.index.hosts.live()
    return services.index.hosts.recent() if any(map(_may_wait, jobs)) else ()


def _waiting_for(hosts: Sequence[Host], progress: Progress) -> str | None:
    """Says in words what is missing where no live worker can serve the job."""
    if not _may_wait(progress):
        return None
    recipe = progress.job.recipe
    if not hosts:
        return "a worker: none is running"
    serving = [host for host in hosts if recipe.model in host.models.values()]
    if not serving:
        return f"a worker that serves the model {progress.job.model}"
    if all(host.pipeline < recipe.pipeline for host in serving):
        return f"a worker with pipeline version {recipe.pipeline} or newer"
    return None
