"""Reviews: the most uncertain items of a job."""

from __future__ import annotations

import random

from shared import layout
from shared.ids import new_id
from shared.items import Item, ItemState, part_count, part_numbers
from shared.jobs import Job
from shared.ledger import REVIEW_ITEMS, Ledger
from shared.outcomes import Outcome, canceled, success
from shared.recipes import resolve
from shared.storage.memory import MemoryStore


def _job(total: int) -> Job:
    return Job(id=new_id(), tenant="a", created=0.0, model="lite", recipe=resolve({}), total=total)


def _close(ledger: Ledger, job: Job, rows: list[Outcome]) -> None:
    """Stores the report parts of a job that was canceled, as closing them does."""
    ledger.cancel(job)
    for part in range(part_count(job.total)):
        numbers = part_numbers(part, job.total)
        ledger.write_part(job.tenant, job.id, part, [Item(number=n, master=None, filename="x") for n in numbers])
        for number in numbers:
            if rows[number].state is ItemState.SUCCEEDED:
                ledger.end_item(job, rows[number])
        ledger.close_part(job, part)


def test_a_review_has_the_most_uncertain_thousand() -> None:
    """Of 2,300 items the 1,000 most uncertain successes are kept, most uncertain first, ties by number."""
    job, dice = _job(2_300), random.Random(7)
    ledger = Ledger(store=MemoryStore())
    rows = []
    for number in range(job.total):
        item = Item(number=number, master=None, filename='"uncertainty":{"mean":9,"p95":9}')
        mean = round(dice.random(), 2)
        unsure = {"mean": mean, "p95": mean} if number % 7 else None
        rows.append(canceled(item) if number % 11 == 0 else success(item, uncertainty=unsure))
    _close(ledger, job, rows)
    ledger.write_review(job)
    known = [row for row in rows if row.uncertainty]
    wanted = sorted(known, key=lambda row: (-(row.uncertainty or {})["mean"], row.number))[:REVIEW_ITEMS]
    assert len(known) > REVIEW_ITEMS
    assert list(ledger.read_review(job)) == wanted


def test_the_first_review_counts() -> None:
    """A review that is there is not written again, and is not even made again."""
    store = MemoryStore()
    ledger, job = Ledger(store=store), _job(3)
    store.put_if_absent(layout.review("a", job.id), b"")
    ledger.write_review(job)
    assert ledger.read_review(job) == ()


def test_a_job_of_before_has_nobody_in_its_review() -> None:
    """A job that ended before there were reviews has an empty one."""
    assert Ledger(store=MemoryStore()).read_review(_job(3)) == ()
