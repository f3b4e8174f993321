"""Retry: a new job of items that failed or were canceled."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Set
from dataclasses import replace
from itertools import chain, count, groupby

from api.answers import answered, known
from api.job_views import job_view
from api.submission import Submission, submit
from shared.errors import JobNotEnded, NotFound, NothingToRetry
from shared.index.quotas import Limits
from shared.items import Item, ItemState, part_of
from shared.jobs import Job
from shared.ledger import Ledger
from shared.services import Services
from shared.states import CODES, numbers, read


def retry(
    held: Services, owner: str, job_id: str, states: Set[ItemState], *, key: str | None, limits: Limits | None
) -> Job:
    """Submits those items of an ended job that ended in one of `states` once more; returns the new job.

    They keep file name, client_ref and master, the job its recipe and priority; a webhook belongs to one job and is not
    called for another. Items whose bytes were refused are left out: there is nothing to color. A repeat of the same
    `key` gives the first answer, even where the old job was deleted since. Raises JobNotEnded, NothingToRetry, and
    whatever a submission does.
    """
    try:
        view = job_view(held, owner, job_id)
    except NotFound:
        if answer := _first(held, owner, job_id, key):
            return answer
        raise
    job, state = view.progress.job, view.progress.state
    if not view.ended:
        raise JobNotEnded(f"The job is {state}: wait for its end, or cancel it; then retry.", seen=state)
    items = _items(held.ledger, job, states)
    first = next(items, None)
    if first is None:
        words = " or ".join(sorted(states))
        raise NothingToRetry(f"No item of this job is {words} and has bytes to color.", seen=sorted(states))
    asked = Submission(
        tenant=owner,
        model=job.model,
        recipe=job.recipe,
        items=chain([first], items),
        key=key,
        priority=held.ledger.read_priority(job),
        retry_of=job.id,
        limits=limits,
    )
    return submit(held, asked)


def _first(held: Services, owner: str, job_id: str, key: str | None) -> Job | None:
    """Returns the new job that a key was answered with when it retried a job, or None.

    Which states were asked for cannot be compared any more: they were those of items that are gone.
    """
    first = known(held, owner, key) if key else None
    return answered(held, first, first.request) if first and first.job.retry_of == job_id else None


def _items(ledger: Ledger, job: Job, states: Set[ItemState]) -> Iterator[Item]:
    """Yields the items, numbered anew; one part is in memory at a time."""
    place = count()
    try:
        packed = read(ledger, job)
        found = heapq.merge(*(numbers(packed, CODES[state], start=0, total=job.total) for state in states))
        for _, chosen in groupby(found, part_of):
            for item in ledger.read_items(job, list(chosen)):
                if item.master or item.source:
                    # A source is looked at anew: another object may lie there by now.
                    yield replace(item, number=next(place), master=None if item.source else item.master)
    except KeyError:
        raise NotFound(f"Job {job.id} was deleted at this moment.") from None
