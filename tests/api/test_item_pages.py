"""Pages of a large job: how much is read for one."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

import pytest
import redis

from shared import layout, states
from shared.errors import Truncated
from shared.ids import new_id
from shared.index.claims import Standing, bitmap
from shared.items import Item, part_numbers
from shared.jobs import Counts, Ending, Job, JobState
from shared.outcomes import Outcome, failure, success
from shared.recipes import PIPELINE_VERSION, resolve
from shared.storage.memory import MemoryStore
from tests.house import LITE, House, make_house

PARTS = 12
TOTAL = 1000 * PARTS

#: Items that nobody has begun: the first of the last part.
QUEUED = range(TOTAL - 1000, TOTAL - 980)

#: Near the end: whoever looks from the front finds them late.
FAILED = (*range(5, TOTAL - 1000, 1000), *range(TOTAL - 20, TOTAL))


class Counting(MemoryStore):
    """Counts what is read."""

    def __init__(self) -> None:
        """Has read nothing."""
        super().__init__()
        self.reads: Counter[str] = Counter()

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Counts an object by its folder in the job."""
        self.reads[key.split("/")[4]] += 1
        return super().get(key, start=start, length=length)


@dataclass(frozen=True, kw_only=True)
class Large:
    """A job of twelve parts that runs: all closed but the last, and in that few items without an end."""

    house: House
    store: Counting
    job: Job

    def page(self, query: str) -> tuple[list[int], int | None]:
        """Numbers and cursor of a page; what it reads is counted from zero."""
        self.store.reads.clear()
        page = self.house.http().get(f"/v1/jobs/{self.job.id}/items?{query}").json
        return [row["number"] for row in page["items"]], page["next"]

    def end(self) -> None:
        """Records that the job has ended, and takes it out of the index."""
        ledger, last = self.house.services.ledger, PARTS - 1
        rows = [outcome(n) for n in part_numbers(last, TOTAL)]
        self.store.put_if_absent(layout.report("default", self.job.id, last), lines(rows))
        states.record(ledger, self.job)
        counts = Counts(succeeded=TOTAL - len(FAILED), failed=len(FAILED))
        ledger.finish(self.job, Ending(state=JobState.COMPLETED, counts=counts, finished=2))
        self.house.client.flushall()


def outcome(number: int) -> Outcome:
    """How an item ends."""
    item = Item(number=number, master="0" * 64, filename=f"{number}.png")
    return failure(item, Truncated()) if number in FAILED else success(item)


def lines(rows: list[Outcome]) -> bytes:
    """A report's text."""
    return b"".join(json.dumps(row.to_json(), separators=(",", ":")).encode() + b"\n" for row in rows)


@pytest.fixture
def large(client: redis.Redis) -> Large:
    """The job, in storage and index."""
    store = Counting()
    house = make_house(client, store=store)
    ledger = house.services.ledger
    recipe = resolve({}, lambda _: LITE.digest or "")
    job = Job(id=new_id(), tenant="default", created=1, model="lite", recipe=recipe, total=TOTAL)
    for part in range(PARTS):
        numbers = part_numbers(part, TOTAL)
        items = [Item(number=n, master="0" * 64, filename=f"{n}.png") for n in numbers]
        ledger.write_part("default", job.id, part, items)
        if part < PARTS - 1:
            store.put_if_absent(layout.report("default", job.id, part), lines([outcome(n) for n in numbers]))
    for number in FAILED:
        ledger.end_item(job, outcome(number))
    ledger.commit(job)
    done = [number for number in range(TOTAL) if number not in QUEUED]
    standing = Standing(done=bitmap(done, TOTAL), failed=bitmap(FAILED, TOTAL), succeeded=len(done) - len(FAILED))
    house.services.index.register(job, standing)
    return Large(house=house, store=store, job=job)


def test_a_page_reads_what_it_shows(large: Large) -> None:
    """However far an item lies, a page by its state reads a record an item, or a report or manifest a part, no more."""
    assert large.page("state=queued&limit=5") == ([*QUEUED[:5]], QUEUED[5])
    assert large.store.reads == {"manifest": 1}
    assert large.page("state=failed") == ([*FAILED], None)
    assert large.store.reads == {"done": len(FAILED), "report": 1}
    across = [number for number in range(9960, 10041) if number not in FAILED]
    assert large.page("state=succeeded&limit=80&cursor=9960") == (across, 10041)
    assert large.store.reads == {"report": 2}
    assert large.page("state=canceled") == ([], None)
    assert not large.store.reads


def test_the_end_of_a_job_is_as_near_as_its_beginning(large: Large) -> None:
    """A plain page reads at most two parts wherever it begins, and ends with the job."""
    assert large.page("limit=1&cursor=5") == ([5], 6)
    assert large.store.reads == {"done": 1}
    assert large.page("limit=1000&cursor=500") == ([*range(500, 1500)], 1500)
    assert large.store.reads == {"report": 2}
    assert large.page(f"cursor={TOTAL - 10}") == ([*range(TOTAL - 10, TOTAL)], None)
    assert large.page(f"cursor={TOTAL}") == ([], None)
    assert not large.store.reads


def test_items_that_run_are_found_without_a_search(large: Large) -> None:
    """What workers hold is listed from any number on."""
    index = large.house.services.index
    index.claim(LITE.digest or "", pipeline=PIPELINE_VERSION, owner="host/1", host="host", lease=9)
    assert large.page("state=running") == ([QUEUED[0]], None)
    assert large.page(f"state=running&cursor={QUEUED[1]}") == ([], None)
    assert large.page("state=queued&limit=1") == ([QUEUED[1]], QUEUED[2])


def test_an_ended_job_is_searched_by_its_record(large: Large) -> None:
    """After the index has forgotten a job its states are one object, and its failures a record each."""
    large.end()
    assert large.page("state=failed") == ([*FAILED], None)
    assert large.store.reads["states.bin"] == 1
    assert large.store.reads["report"] <= 1
    assert large.page("state=running") == ([], None)
    assert large.page("state=queued") == ([], None)
    assert large.page("limit=20&cursor=7") == ([*range(7, 27)], 27)
    assert large.store.reads["report"] == 1
