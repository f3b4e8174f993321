"""Reports: what the parts of a job keep of its records; reviews: the most uncertain items of a job."""

from __future__ import annotations

import random

import pytest

from shared import layout, records, reports
from shared.errors import RecordDamaged
from shared.ids import new_id
from shared.items import Item, ItemState, part_count, part_numbers
from shared.jobs import Job
from shared.ledger import Ledger
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
        reports.write(ledger, job, part)


def _ended(job: Job, ledger: Ledger) -> list[bytes]:
    """Ends the first and the last of a job's items; returns the bytes of their records."""
    items = [Item(number=n, master=None, filename=f"{n}.tif") for n in range(job.total)]
    ledger.write_part(job.tenant, job.id, 0, items)
    ledger.end_items(job, [success(items[0]), success(items[-1])])
    return [records.whole(ledger.store, layout.done_record("a", job.id, 0, number)) for number in (0, job.total - 1)]


def test_a_report_is_the_done_records_to_the_byte() -> None:
    """Each record is a line; items of a canceled job that never ended stand between them as canceled, and are told."""
    ledger, job, heard = Ledger(store=MemoryStore()), _job(4), []
    first, last = _ended(job, ledger)
    assert list(reports.texts(ledger, job)) == [first + b"\n" + last + b"\n"]
    ledger.cancel(job)
    reports.write(ledger, job, 0, lambda: heard.append(True))
    assert len(heard) == 2
    lines = records.whole(ledger.store, layout.report("a", job.id, 0)).splitlines()
    assert [lines[0], lines[3]] == [first, last]
    assert list(reports.texts(ledger, job)) == [b"\n".join(lines) + b"\n"]
    assert [row.state for row in reports.rows(ledger, job)][1:3] == [ItemState.CANCELED] * 2
    assert reports.read(ledger, job, 0) == tuple(reports.rows(ledger, job))
    assert reports.read_rows(ledger, job, [1, 3]) == tuple(reports.rows(ledger, job))[1::2]
    assert reports.parts(ledger, job) == {0}


def test_no_report_is_written_over_a_damaged_record() -> None:
    """Where a record does not say how its item ended there is no report, and the key is told."""
    told: list[str] = []
    ledger, job = Ledger(store=MemoryStore(), damaged=told.append), _job(2)
    _ended(job, ledger)
    key = layout.done_record("a", job.id, 0, 1)
    ledger.store.put(key, b"{")
    ledger.cancel(job)
    with pytest.raises(RecordDamaged, match="Item 1 has ended"):
        reports.write(ledger, job, 0)
    assert told == [key]
    assert reports.read(ledger, job, 0) is reports.read_rows(ledger, job, [0]) is None


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
    reports.write_review(ledger, job)
    known = [row for row in rows if row.uncertainty]
    wanted = sorted(known, key=lambda row: (-(row.uncertainty or {})["mean"], row.number))[: reports.REVIEW_ITEMS]
    assert len(known) > reports.REVIEW_ITEMS
    assert list(reports.read_review(ledger, job)) == wanted


def test_the_first_review_counts() -> None:
    """A review that is there is not written again, and is not even made again."""
    store = MemoryStore()
    ledger, job = Ledger(store=store), _job(3)
    store.put_if_absent(layout.review("a", job.id), b"")
    reports.write_review(ledger, job)
    assert reports.read_review(ledger, job) == ()


def test_a_job_of_before_has_nobody_in_its_review() -> None:
    """A job that ended before there were reviews has an empty one."""
    assert reports.read_review(Ledger(store=MemoryStore()), _job(3)) == ()
