"""Submission: from items to a durable job. 202 is sent only after `job.json` is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from api.quotas import take_items
from shared import layout, logs
from shared.bells import top_up
from shared.condemned import condemned
from shared.deletion import is_whole
from shared.errors import IdempotencyMismatch, MastersCondemned, Unavailable, UnknownMasters
from shared.ids import new_id
from shared.index.quotas import Limits
from shared.items import Item, part_count, part_numbers
from shared.jobs import Job
from shared.recipes import Recipe
from shared.services import Services

_log = logs.logger(__name__)

#: How long an Idempotency-Key is remembered, seconds.
KEY_SECONDS = 24 * 3600

#: Masters whose presence is checked at once, and how many unknown ones a problem names.
_CHECKS = 32
_NAMED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What a client asks for."""

    #: whose it is
    tenant: str
    #: name of the model, as the client knows it
    model: str
    #: resolved recipe
    recipe: Recipe
    #: the items, numbered from 0
    items: Sequence[Item]
    #: the Idempotency-Key, or None
    key: str | None = None
    #: what is told of the end, or None
    webhook: str | None = None
    #: the tenant's quotas, or None for a tenant that has none
    limits: Limits | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked for: the same for the same request, however it was sent."""
        recipe = hashlib.sha256(self.recipe.canonical()).hexdigest()
        asked = [recipe, [item.to_json() for item in self.items], *([self.webhook] if self.webhook else [])]
        text = json.dumps(asked, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def check_masters(services: Services, tenant: str, items: Sequence[Item]) -> None:
    """Proves that the masters of items whose manifest is stored are there, and stay.

    Raises UnknownMasters with the first hundred that are not stored and their count, and MastersCondemned while a
    prune is about to remove some of them.
    """
    digests = sorted({item.master for item in items if item.master})
    if not condemned(services.store, services.clock, tenant).isdisjoint(digests):
        raise MastersCondemned("A prune is removing some of these masters at this moment: submit again.")
    with ThreadPoolExecutor(_CHECKS) as pool:
        found = pool.map(lambda digest: services.store.head(layout.master(tenant, digest)), digests)
        unknown = {digest for digest, info in zip(digests, found, strict=True) if info is None}
    if unknown:
        missing = [{"number": item.number, "sha256": item.master} for item in items if item.master in unknown]
        raise UnknownMasters(
            f"{len(missing):,} of {len(items):,} items name masters that are not stored: upload them first.",
            unknown=missing[:_NAMED],
            count=len(missing),
        )


def submit(services: Services, submission: Submission) -> Job:
    """Makes the job durable, then claimable; returns it, or the one that the same Idempotency-Key made before.

    Raises IdempotencyMismatch where the key was used for something else, QuotaExceeded where the tenant may not have
    as many items open.
    """
    if submission.key and (job := _answered(services, submission)):
        return job
    if submission.limits:
        take_items(services.index.quotas, submission.tenant, submission.limits, len(submission.items))
    ledger = services.ledger
    job = Job(
        id=new_id(),
        tenant=submission.tenant,
        created=services.clock.now(),
        model=submission.model,
        recipe=submission.recipe,
        total=len(submission.items),
        webhook=submission.webhook,
    )
    ledger.open(job.tenant, job.id)
    for part in range(part_count(job.total)):
        numbers = part_numbers(part, job.total)
        ledger.write_part(job.tenant, job.id, part, submission.items[numbers.start : numbers.stop])
    try:
        check_masters(services, job.tenant, submission.items)
    except (UnknownMasters, MastersCondemned):
        ledger.discard(job.tenant, job.id)
        raise
    if submission.key and not _remember(services, submission, job):
        ledger.discard(job.tenant, job.id)
        # None where the first one's job is deleted by now: then this submission starts anew.
        return _answered(services, submission) or submit(services, submission)
    ledger.commit(job)
    _enter(services, job)
    return job


def _enter(services: Services, job: Job) -> None:
    """Makes a committed job claimable. What fails here is mended by the sweeper."""
    try:
        services.index.register(job)
        slots = services.index.hosts.slots(job.recipe.model)
        top_up(services.bells, job.recipe.model, min(job.total, max(1, slots)))
    except Unavailable as error:
        _log.warning("job_not_registered", job=job.id, code=error.code, detail=error.detail)


def _record_key(submission: Submission) -> str:
    return layout.idempotency(submission.tenant, hashlib.sha256((submission.key or "").encode()).hexdigest())


def _remember(services: Services, submission: Submission, job: Job) -> bool:
    """Records which job answers the key; returns False where another request was first."""
    record = {"request": submission.digest, "created": job.created, "job": job.to_json()}
    return services.store.put_if_absent(_record_key(submission), json.dumps(record).encode())


def _answered(services: Services, submission: Submission) -> Job | None:
    """Returns the job that the key made before, finished where its submission broke off.

    None for a fresh key, and for one whose job was deleted: that key is free again.
    """
    try:
        with services.store.get(_record_key(submission)) as stream:
            record: dict[str, Any] = json.load(stream)
    except KeyError:
        return None
    if services.clock.now() - record["created"] > KEY_SECONDS:
        services.store.delete(_record_key(submission))
        return None
    if record["request"] != submission.digest:
        raise IdempotencyMismatch()
    job = Job.from_json(record["job"])
    if services.ledger.read_job(job.tenant, job.id) is None and not _resume(services, job):
        services.store.delete(_record_key(submission))
        return None
    return job


def _resume(services: Services, job: Job) -> bool:
    """Finishes a submission that broke off; returns False where its job was deleted meanwhile."""
    ledger, parts = services.ledger, part_count(job.total)
    if not is_whole(ledger, job.tenant, job.id, parts):
        return False
    ledger.open(job.tenant, job.id)
    ledger.commit(job)
    if not is_whole(ledger, job.tenant, job.id, parts):  # it was finished, ended and deleted while this process slept
        services.store.delete(layout.job(job.tenant, job.id))
        ledger.discard(job.tenant, job.id)
        return False
    _enter(services, job)
    return True
