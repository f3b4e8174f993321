"""Manifests at hand: jobs and items by claim."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from shared.index.claims import Claim
from shared.items import Item, part_numbers, part_of
from shared.jobs import Job
from worker.workshop import Workshop

#: Parts that are kept.
_PARTS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifests:
    """Jobs and items by claim, read once: they never change."""

    #: the newest parts that were read: (job id, part) -> job, items
    parts: OrderedDict[tuple[str, int], tuple[Job, tuple[Item, ...]]] = field(default_factory=OrderedDict)

    def find(self, shop: Workshop, claim: Claim) -> tuple[Job, Item]:
        """Returns the claim's job and item.

        Raises LookupError where storage does not have them; the index then forgets the job, which was deleted.
        """
        part = part_of(claim.item)
        key = (claim.job, part)
        if key not in self.parts:
            job = shop.ledger.read_job(claim.tenant, claim.job)
            if job is None:
                shop.index.forget(claim.tenant, claim.job)
                raise LookupError(f"job {claim.job} is not in storage")
            self.parts[key] = job, shop.ledger.read_items(job, part_numbers(part, job.total))
            while len(self.parts) > _PARTS:
                self.parts.popitem(last=False)
        job, items = self.parts[key]
        return job, items[claim.item - part_numbers(part, job.total).start]
