"""Submission: from items to a durable job. 202 is sent only after `job.json` is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from api.answers import Answer, answered, known, remember
from api.entry import enter
from api.findings import Findings
from api.fingerprint import Fingerprint
from api.pinning import Pinning
from api.presence import Presence
from api.quotas import room_for_items, take_items
from api.references import References
from shared.errors import InvalidRequest, PhotochromError
from shared.ids import new_id
from shared.index.quotas import Limits
from shared.items import PART_ITEMS, Item
from shared.jobs import Job, Priority
from shared.recipes import Recipe
from shared.services import Services

#: How long a body may take, seconds: what was not submitted in 25 hours is swept away.
MOST_SECONDS = 24 * 3600

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

    def fingerprint(self) -> Fingerprint:
        """Returns the fingerprint of all but the items."""
        return Fingerprint(self.recipe, webhook=self.webhook, priority=self.priority, retry_of=self.retry_of)


def submit(services: Services, submission: Submission) -> Job:
    """Makes the job durable, then claimable; returns it, or the one that the same Idempotency-Key made before.

    The items are read once, to their end, and stored a part at a time; no more than a part is in memory. An item has a
    master that is stored, a refusal, or a source: one without a master is looked at now and gets ETag and size (and its
    master, where that is remembered), one with a master stays as it is. Of a request whose key is known nothing is
    written, its items are only read.

    Where something is wrong nothing stays. Raises what the findings say of single items: InvalidRequest for references
    that two items have, SourceForbidden, SourceMissing, TooLarge, UnknownMasters; and MastersCondemned while a prune is
    about to remove some masters, IdempotencyMismatch where the key was used for something else,
    QuotaExceeded where the tenant may not have as many items open. Whatever reading the items raises goes through.
    """
    if submission.key and (first := known(services, submission.tenant, submission.key)):
        return _repeated(services, submission, first)
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
    answer = Answer(request=request, job=job)
    while submission.key and not remember(services, job.tenant, submission.key, answer):
        first = known(services, job.tenant, submission.key)
        if first is None:  # that one's job is deleted by now
            continue
        if first.job.id == job.id:  # the answer to our own write was lost on the way
            break
        services.ledger.discard(job.tenant, job.id)
        return answered(services, first, request)
    services.ledger.commit(job)
    enter(services, job)
    return job


class _Draft:
    """A job that is being written and does not exist yet."""

    def __init__(self, services: Services, submission: Submission, job_id: str) -> None:
        self._ledger = services.ledger
        self._services = services
        self._asked = submission
        self._id = job_id
        self._parts = 0
        self._until = services.clock.now() + MOST_SECONDS
        #: items for which there was room when it was looked for last
        self._room: float = 0

    def write(self) -> tuple[int, str]:
        """Stores and checks all parts; returns the number of items and the digest of the request."""
        asked, request, number = self._asked, self._asked.fingerprint(), -1
        references = References(asked.findings, self._stored)
        with ThreadPoolExecutor(_CHECKS) as pool:
            pinning = Pinning(self._services, asked.tenant, pool, asked.findings)
            presence = Presence(self._services, asked.tenant, pool, asked.findings)
            for part in _parts(asked.items):
                for item in part:
                    request.add(item)
                    references.add(item)
                number = part[-1].number
                self._check(number + 1)
                pinned = pinning.pin(part)
                self._ledger.write_part(asked.tenant, self._id, self._parts, pinned)
                self._parts += 1
                # After the part is stored: see shared.condemned.
                presence.check(pinned)
                references.confirm(last=False)
        references.confirm(last=True)
        _settle(asked.findings, number + 1)
        return number + 1, request.digest()

    def _check(self, items: int) -> None:
        """Raises InvalidRequest where reading takes too long, QuotaExceeded where so many items will not fit."""
        asked, services = self._asked, self._services
        if services.clock.now() > self._until:
            raise InvalidRequest(
                f"The submission took more than {MOST_SECONDS // 3600} hours to come: send it in parts.", field="body"
            )
        if asked.limits and items > self._room:
            self._room = room_for_items(services.index.quotas, asked.tenant, asked.limits, items)

    def _stored(self) -> Iterator[Item]:
        for part in range(self._parts):
            yield from self._ledger.read_part(self._asked.tenant, self._id, part)


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yields the items of each part."""
    part: list[Item] = []
    for item in items:
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


def _repeated(services: Services, submission: Submission, first: Answer) -> Job:
    """Answers a request whose key is known: reads it to its end, and writes nothing."""
    request, number = submission.fingerprint(), -1
    for item in submission.items:
        request.add(item)
        number = item.number
    _settle(submission.findings, number + 1)
    return answered(services, first, request.digest())
