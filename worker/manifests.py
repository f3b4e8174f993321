"""Manifests at hand: jobs and items by claim."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from shared.index.claims import Claim
from shared.items import Item, part_numbers, part_of
from shared.jobs import Job
from shared.services import Services

#: Parts that a process keeps.
_PARTS = 8

#: How long a part is believed, seconds: it never changes, but its job may be deleted.
_BELIEVED = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One part that was read."""

    #: its job
    job: Job
    #: its items
    items: tuple[Item, ...]
    #: when it was read, seconds since the epoch
    read: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifests:
    """Jobs and items by claim, read once a process and minute. Safe for threads, which may read a part twice."""

    #: the newest parts that were read, by job id and part
    parts: OrderedDict[tuple[str, int], _Part] = field(default_factory=OrderedDict)

    def find(self, held: Services, claim: Claim) -> tuple[Job, Item]:
        """Returns the claim's job and item.

        Raises LookupError where storage does not have them; the index then forgets the job, which was deleted.
        """
        number = part_of(claim.item)
        part = self.parts.get((claim.job, number))
        if part is None or held.clock.now() - part.read > _BELIEVED:
            part = self.parts[claim.job, number] = _read(held, claim, number)
            while len(self.parts) > _PARTS:
                self.parts.popitem(last=False)
        return part.job, part.items[claim.item - part_numbers(number, part.job.total).start]


def _read(held: Services, claim: Claim, number: int) -> _Part:
    job = held.ledger.read_job(claim.tenant, claim.job)
    if job is None:
        held.index.forget(claim.tenant, claim.job)
        raise LookupError(f"job {claim.job} is not in storage")
    items = held.ledger.read_part(claim.tenant, claim.job, number)
    return _Part(job=job, items=items, read=held.clock.now())
