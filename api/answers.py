"""Answers: the job that each Idempotency-Key was given, so that a request that is made again gets the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.entry import enter
from shared import layout, records
from shared.deletion import is_whole
from shared.errors import IdempotencyLost, IdempotencyMismatch, RecordDamaged, Unavailable
from shared.items import part_count
from shared.jobs import Job
from shared.services import Services

#: How long an Idempotency-Key is remembered, seconds.
KEY_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is recorded for an Idempotency-Key."""

    #: fingerprint of the request
    request: str
    #: the job that it made
    job: Job


def remember(services: Services, tenant: str, key: str, answer: Answer) -> bool:
    """Records which job answers the key; returns False where another request was first."""
    record = {"request": answer.request, "created": answer.job.created, "job": answer.job.to_json()}
    return services.store.put_if_absent(_record(tenant, key), json.dumps(record).encode())


def known(services: Services, tenant: str, key: str) -> Answer | None:
    """Returns what the key was used for before.

    None for a fresh key, and for one whose job was deleted: that key is free again. Raises IdempotencyLost where nobody
    can tell; that, too, ends with the time for which a key is remembered.
    """
    try:
        found = records.read(services.store, _record(tenant, key), _read)
    except RecordDamaged:
        _forget(services, _record(tenant, key))
        return None
    if found is None:
        return None
    answer, created = found
    expired = services.clock.now() - created > KEY_SECONDS
    if expired or not (_exists(services, answer.job) or _is_whole(services, answer.job)):
        services.store.delete(_record(tenant, key))
        return None
    return answer


def answered(services: Services, first: Answer, request: str) -> Job:
    """Returns the first answer to a key, its job finished where its submission broke off.

    Raises IdempotencyMismatch for another request (a fingerprint), Unavailable where the job is deleted meanwhile.
    """
    if first.request != request:
        raise IdempotencyMismatch()
    if not _exists(services, first.job) and not _resume(services, first.job):
        raise Unavailable("The job of this Idempotency-Key was deleted at this moment: submit again.")
    return first.job


def _read(record: Mapping[str, Any]) -> tuple[Answer, float]:
    """Returns what a record says, and when it was made, seconds since the epoch."""
    return Answer(request=str(record["request"]), job=Job.from_json(record["job"])), float(record["created"])


def _forget(services: Services, record: str) -> None:
    """Removes a damaged record that has expired; raises IdempotencyLost for another: there may be a job of it."""
    services.ledger.tell(record)
    info = services.store.head(record)
    if info and services.clock.now() - info.modified <= KEY_SECONDS:
        raise IdempotencyLost(
            "The record of what this Idempotency-Key was answered with is damaged: nobody can tell whether there is a "
            "job of it. Look for one in `GET /v1/jobs`; where there is none, send the request with a new key."
        )
    services.store.delete(record)


def _record(tenant: str, key: str) -> str:
    return layout.idempotency(tenant, hashlib.sha256(key.encode()).hexdigest())


def _exists(services: Services, job: Job) -> bool:
    return services.ledger.read_job(job.tenant, job.id) is not None


def _is_whole(services: Services, job: Job) -> bool:
    return is_whole(services.ledger, job.tenant, job.id, part_count(job.total))


def _resume(services: Services, job: Job) -> bool:
    """Finishes a submission that broke off; returns False where its job was deleted meanwhile."""
    ledger = services.ledger
    if not _is_whole(services, job):
        return False
    ledger.open(job.tenant, job.id)
    ledger.commit(job)
    if not _is_whole(services, job):  # it was finished, ended and deleted while this process slept
        services.store.delete(layout.job(job.tenant, job.id))
        ledger.discard(job.tenant, job.id)
        return False
    enter(services, job)
    return True
