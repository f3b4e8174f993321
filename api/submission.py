"""Submission: from items to a durable job. 202 is sent only after `job.json` is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from api import counts
from api.findings import Findings
from api.pinning import Pinning
from api.presence import Presence
from api.quotas import take_items
from api.references import References
from shared import layout, logs
from shared.bells import top_up
from shared.deletion import is_whole
from shared.errors import IdempotencyMismatch, InvalidRequest, PhotochromError, TooManyItems, Unavailable
from shared.ids import new_id
from shared.index.quotas import Limits
from shared.items import PART_ITEMS, Item, part_count
from shared.jobs import MAX_ITEMS, Job, Priority
from shared.recipes import Recipe
from shared.services import Services

_log = logs.logger(__name__)

#: How long an Idempotency-Key is remembered, seconds.
KEY_SECONDS = 24 * 3600

#: Masters or sources that are looked at at once.
_CHECKS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What a client asks for."""

    #: whose it is
    tenant: str
    #: name of the model, as the client knows it
    model: str
    #: resolved recipe
    recipe: Recipe
    #: the items, numbered from 0 in their order, read once; a number is left out where the findings have it
    items: Iterable[Item]
    #: the Idempotency-Key, or None
    key: str | None = None
    #: what is told of the end, or None
    webhook: str | None = None
    #: which of the tenant's jobs goes first
    priority: Priority = Priority.NORMAL
    #: id of the job whose items these were, or None
    retry_of: str | None = None
    #: the tenant's quotas, or None for a tenant that has none
    limits: Limits | None = None
    #: what is wrong with items; whoever reads them from a body adds to it while they are read
    findings: Findings = field(default_factory=Findings)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What is recorded for an Idempotency-Key."""

    #: digest of the request
    request: str
    #: the job that it made
    job: Job


def submit(services: Services, submission: Submission) -> Job:
    """Makes the job durable, then claimable; returns it, or the one that the same Idempotency-Key made before.

    The items are read once, to their end, and stored a part at a time; no more than a part is in memory. An item has a
    master that is stored, a refusal, or a source: one without a master is looked at now and gets ETag and size (and its
    master, where that is remembered), one with a master stays as it is. Of a request whose key is known nothing is
    written, its items are only read.

    Where something is wrong nothing stays. Raises what the findings say of single items: InvalidRequest for references
    that two items have, SourceForbidden, SourceMissing, TooLarge, UnknownMasters; and MastersCondemned while a prune is
    about to remove some masters, TooManyItems, IdempotencyMismatch where the key was used for something else,
    QuotaExceeded where the tenant may not have as many items open. Whatever reading the items raises goes through.
    """
    if submission.key and (known := _known(services, submission)):
        return _repeated(services, submission, known)
    job_id = new_id()
    services.ledger.open(submission.tenant, job_id)
    try:
        total, request = _Draft(services, submission, job_id).write()
        if submission.limits:
            # At the end: a count of open items that comes in between knows nothing of a job that does not exist yet.
            take_items(services.index.quotas, submission.tenant, submission.limits, total)
    except BaseException:
        with suppress(PhotochromError):  # the sweeper's, then
            services.ledger.discard(submission.tenant, job_id)
        raise
    job = Job(
        id=job_id,
        tenant=submission.tenant,
        created=services.clock.now(),
        model=submission.model,
        recipe=submission.recipe,
        total=total,
        webhook=submission.webhook,
        priority=submission.priority,
        retry_of=submission.retry_of,
    )
    while submission.key and not _remember(services, submission, _Answer(request=request, job=job)):
        first = _known(services, submission)
        if first is None:  # that one's job is deleted by now
            continue
        if first.job.id == job.id:  # the answer to our own write was lost on the way
            break
        services.ledger.discard(job.tenant, job.id)
        return _answered(services, first, request)
    services.ledger.commit(job)
    _enter(services, job)
    return job


class _Draft:
    """A job that is being written and does not exist yet."""

    def __init__(self, services: Services, submission: Submission, job_id: str) -> None:
        self._ledger = services.ledger
        self._services = services
        self._asked = submission
        self._id = job_id
        self._parts = 0

    def write(self) -> tuple[int, str]:
        """Stores and checks all parts; returns the number of items and the digest of the request."""
        asked, request, number = self._asked, _Request(self._asked), -1
        references = References(asked.findings, self._stored)
        with ThreadPoolExecutor(_CHECKS) as pool:
            pinning = Pinning(self._services, asked.tenant, pool, asked.findings)
            presence = Presence(self._services, asked.tenant, pool, asked.findings)
            for part in _parts(asked.items):
                for item in part:
                    request.add(item)
                    references.add(item)
                number = part[-1].number
                pinned = pinning.pin(part)
                self._ledger.write_part(asked.tenant, self._id, self._parts, pinned)
                self._parts += 1
                # After the part is stored: see shared.condemned.
                presence.check(pinned)
                references.confirm(last=False)
        references.confirm(last=True)
        _settle(asked.findings, number + 1)
        return number + 1, request.digest()

    def _stored(self) -> Iterator[Item]:
        for part in range(self._parts):
            yield from self._ledger.read_part(self._asked.tenant, self._id, part)


class _Request:
    """SHA-256 of what is asked for: the same for the same request, however it was sent."""

    def __init__(self, asked: Submission) -> None:
        options: dict[str, Any] = {"recipe": hashlib.sha256(asked.recipe.canonical()).hexdigest()}
        if asked.webhook:
            options["webhook"] = asked.webhook
        if asked.priority is not Priority.NORMAL:
            options["priority"] = asked.priority
        if asked.retry_of:
            options["retry_of"] = asked.retry_of
        self._digest = hashlib.sha256(_ENCODE(options).encode())

    def add(self, item: Item) -> None:
        """Takes the next item as it was asked for: what is found out of a source is no part of it."""
        what = item.source.address if item.source else item.master
        refusal = asdict(item.refusal) if item.refusal else None
        self._digest.update(_ENCODE([item.number, what, item.filename, item.client_ref, refusal]).encode())

    def digest(self) -> str:
        """Returns the digest, hexadecimal."""
        return self._digest.hexdigest()


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yields the items of each part; raises TooManyItems."""
    part: list[Item] = []
    for item in items:
        if item.number >= MAX_ITEMS:
            raise TooManyItems(f"A job has at most {MAX_ITEMS:,} items: submit the others as another.", limit=MAX_ITEMS)
        part.append(item)
        if len(part) == PART_ITEMS:
            yield part
            part = []
    if part:
        yield part


def _settle(findings: Findings, total: int) -> None:
    findings.settle(total)
    if not total:
        raise InvalidRequest("A job has at least one item.", field="items")


def _enter(services: Services, job: Job) -> None:
    """Makes a committed job claimable. What fails here is mended by the sweeper."""
    counts.submitted(job.total)
    try:
        services.index.register(job)
        slots = services.index.hosts.slots(job.recipe.model)
        top_up(services.bells, job.recipe.model, min(job.total, max(1, slots)))
    except Unavailable as error:
        _log.warning("job_not_registered", job=job.id, code=error.code, detail=error.detail)


def _record_key(submission: Submission) -> str:
    return layout.idempotency(submission.tenant, hashlib.sha256((submission.key or "").encode()).hexdigest())


def _remember(services: Services, submission: Submission, answer: _Answer) -> bool:
    """Records which job answers the key; returns False where another request was first."""
    record = {"request": answer.request, "created": answer.job.created, "job": answer.job.to_json()}
    return services.store.put_if_absent(_record_key(submission), json.dumps(record).encode())


def _known(services: Services, submission: Submission) -> _Answer | None:
    """Returns what the key was used for before.

    None for a fresh key, and for one whose job was deleted: that key is free again.
    """
    try:
        with services.store.get(_record_key(submission)) as stream:
            record: dict[str, Any] = json.load(stream)
    except KeyError:
        return None
    job = Job.from_json(record["job"])
    expired = services.clock.now() - record["created"] > KEY_SECONDS
    if expired or not (_exists(services, job) or _is_whole(services, job)):
        services.store.delete(_record_key(submission))
        return None
    return _Answer(request=record["request"], job=job)


def _repeated(services: Services, submission: Submission, known: _Answer) -> Job:
    """Answers a request whose key is known: reads it to its end, and writes nothing."""
    request, number = _Request(submission), -1
    for item in submission.items:
        request.add(item)
        number = item.number
    _settle(submission.findings, number + 1)
    return _answered(services, known, request.digest())


def _answered(services: Services, first: _Answer, request: str) -> Job:
    """Returns the first answer to a key, its job finished where its submission broke off."""
    if first.request != request:
        raise IdempotencyMismatch()
    if not _exists(services, first.job) and not _resume(services, first.job):
        raise Unavailable("The job of this Idempotency-Key was deleted at this moment: submit again.")
    return first.job


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
    _enter(services, job)
    return True
