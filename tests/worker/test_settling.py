"""Items that end without being begun, many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared import layout, reports
from shared.clock import ManualClock
from shared.errors import StorageUnavailable
from shared.ids import new_id
from shared.index import MAX_ATTEMPTS
from shared.index.claims import Claim, Closure
from shared.items import Item, ItemState
from shared.jobs import Job
from shared.ledger import Ledger
from shared.outcomes import success
from shared.recipes import resolve
from tests.house import LITE, House, picture
from tests.stores import Watched
from tests.worker.test_slices import states, submit
from worker import closings, metrics, settling, slices
from worker.leases import Leases
from worker.slices import AHEAD, work


def many(house: House, masters: Sequence[str], total: int) -> Job:
    """Submits a job of many items over few masters."""
    job = Job(id=new_id(), tenant="default", created=1e9, model="lite", recipe=resolve({}), total=total)
    ledger = house.shop.ledger
    ledger.open("default", job.id)
    items = [Item(number=n, master=masters[n % len(masters)], filename=f"{n}.png") for n in range(total)]
    for part in range(-(-total // 1000)):
        ledger.write_part("default", job.id, part, items[1000 * part : 1000 * part + 1000])
    ledger.commit(job)
    house.shop.index.register(job)
    return job


@pytest.fixture
def calls(house: House, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the scripts that the worker calls."""
    counted: Counter[str] = Counter()
    run = house.shop.index._run

    def count(name: str, *args: Any) -> Any:
        counted[name] += 1
        return run(name, *args)

    monkeypatch.setattr(house.shop.index, "_run", count)
    return counted


def test_what_is_already_made_ends_many_at_once(house: House, masters: list[str], calls: Counter[str]) -> None:
    """Of 1,300 items over three masters each ends once, none is begun, and few scripts are called."""
    job = many(house, masters, 1300)
    assert house.work() == 1300
    rows = list(reports.rows(house.shop.ledger, job))
    assert [row.number for row in rows] == list(range(1300))
    assert {(row.state, row.already_made, row.attempts) for row in rows} == {(ItemState.SUCCEEDED, True, 0)}
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None
    assert ending.counts.succeeded == 1300
    assert calls["begin"] == calls["release"] == 0
    assert calls["claim"] < 60
    assert calls["complete"] < 60


def test_work_among_what_is_made(house: House, masters: list[str]) -> None:
    """Items that need the net, in the middle of a batch, are begun once each, and no item ends twice."""
    for number in (3, 4, 5, 6):
        data = picture(seed=number)
        house.store.put_if_absent(layout.master("default", f"{number}" * 64), data)
    odd = [*masters * 10, "3" * 64, "4" * 64, *masters * 4, "5" * 64, "6" * 64, *masters]
    job = many(house, odd, len(odd))
    assert house.work() == len(odd)
    rows = list(reports.rows(house.shop.ledger, job))
    assert [row.number for row in rows] == list(range(len(odd)))
    # The digests are not those of the bytes: each was fetched, and failed by itself.
    assert Counter(row.code for row in rows) == {None: 45, "master_damaged": 4}
    assert house.shop.index.live_jobs() == []


def test_nobody_waits_for_more_than_a_batch(house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is submitted behind 3,000 items that are made is colored after a batch, not after all."""
    many(house, masters, 3000)
    events: list[str] = []
    settle, begin = settling.settle, house.shop.index.begin

    def settled(*args: Any) -> list[Claim]:
        events.append("batch")
        if len(events) == 8:
            submit(house, picture(seed=7), picture(seed=8))
        return settle(*args)

    def began(*args: Any, **how: Any) -> Any:
        events.append("begin")
        return begin(*args, **how)

    monkeypatch.setattr(settling, "settle", settled)
    monkeypatch.setattr(house.shop.index, "begin", began)
    house.work()
    begins = [n for n, event in enumerate(events) if event == "begin"]
    assert len(begins) == 2
    assert begins[0] <= 8 + 2
    assert begins[1] <= begins[0] + 3
    assert events.count("batch") > 20


def test_what_is_not_worked_on_soon_goes_back(house: House, masters: list[str], calls: Counter[str]) -> None:
    """Of a large claim whose items need the net all but what is fetched ahead are free for others, uncharged."""
    data = [picture(seed=n) for n in range(20, 28)]
    job = submit(house, *data)
    house.client.hset(f"pc:job:{job.id}", "pace", 64)
    assert house.work() == 8
    assert [row.attempts for row in reports.rows(house.shop.ledger, job)] == [1] * 8
    assert calls["release"] == 1
    assert AHEAD < 8


def test_trouble_in_a_batch_is_nobodys_fault(house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """While storage is away a batch is waited out, then given back uncharged; nothing is lost or counted twice."""
    job = many(house, masters, 200)
    house.client.hset(f"pc:job:{job.id}", "pace", 64)
    shop = replace(house.shop, clock=ManualClock())
    real, calls = shop.index.complete, []

    def away(job_id: str, ends: Any) -> Closure:
        closure = real(job_id, ends)
        calls.append(ends)
        if len(calls) == 1:
            raise StorageUnavailable()  # after it was counted
        return closure

    monkeypatch.setattr(shop.index, "complete", away)
    assert work(shop, LITE.digest) == 200
    assert states(house, job) == [ItemState.SUCCEEDED] * 200
    other = many(house, masters, 50)
    house.client.hset(f"pc:job:{other.id}", "pace", 64)
    monkeypatch.setattr(settling, "settle", lambda *_: (_ for _ in ()).throw(StorageUnavailable()))
    assert work(shop, LITE.digest) == 0
    progress = shop.index.progress(other.id)
    assert progress is not None
    assert (progress.counts.queued, progress.counts.running) == (50, 0)


def test_one_bad_sidecar_holds_up_nobody_else(house: House, masters: list[str]) -> None:
    """A sidecar that cannot be read keeps its own item back, not the batch that it came in."""
    broken = layout.sidecar("default", "9" * 64, resolve({}).digest)
    house.store.put_if_absent(broken, b"{")
    job = many(house, [*masters * 9, "9" * 64], 28)
    house.client.hset(f"pc:job:{job.id}", "pace", 64)
    assert house.work() == 27
    progress = house.shop.index.progress(job.id)
    assert progress is not None
    assert (progress.counts.succeeded, progress.counts.queued) == (27, 1)


def test_what_cannot_be_looked_at_comes_to_an_end(house: House, masters: list[str], calls: Counter[str]) -> None:
    """An item whose sidecar cannot be read fails after five tries, though none was begun; its batch is not held up."""
    broken = layout.sidecar("default", "9" * 64, resolve({}).digest)
    house.store.put_if_absent(broken, b"{")
    job = many(house, [*masters * 3, "9" * 64, *masters * 3], 19)
    house.client.hset(f"pc:job:{job.id}", "pace", 64)
    assert house.work() == 18
    assert calls["release"] == 1, "only that item went back"
    for _ in range(MAX_ATTEMPTS):
        assert house.shop.ledger.read_ending(job) is None
        house.client.zadd(f"pc:job:{job.id}:due", {"9": 0})
        house.client.zadd("pc:waiting", {job.id: 0})
        house.work()
    rows = list(reports.rows(house.shop.ledger, job))
    assert [(row.number, row.code, row.attempts) for row in rows if row.code] == [(9, "worker_lost", MAX_ATTEMPTS)]


def test_a_batch_on_slow_storage_is_not_overdue(
    house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch has its time anew with each step that it gets on: storage may take seconds for each of 64 items."""
    kept: list[Leases] = []
    told: list[Claim] = []
    clock = ManualClock()

    class Kept(Leases):
        def __enter__(self) -> Leases:
            kept.append(self)
            return super().__enter__()

    def crawl() -> None:
        clock.sleep(10)
        for leases in kept:
            leases.renew()

    monkeypatch.setattr(slices, "Leases", Kept)
    monkeypatch.setattr(slices, "_end_process", told.append)
    # One that is not made is left while the report of the first part is written.
    job = many(house, [*(masters * 334)[:1000], "9" * 64], 1001)
    house.shop.index.complete(job.id, dict.fromkeys(range(938), ItemState.SUCCEEDED))
    records = [house.shop.ledger.read_item(job, number) for number in range(938)]
    house.shop.ledger.end_items(job, [success(item) for item in records])
    house.client.hset(f"pc:job:{job.id}", "pace", 64)
    store = Watched(house.store, crawl)
    assert work(replace(house.shop, clock=clock, store=store, ledger=Ledger(store=store)), LITE.digest) == 63
    assert told == []
    assert reports.parts(house.shop.ledger, job) == {0, 1}


def test_a_lease_on_what_has_ended_is_not_lost(
    house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the report of a part is written nobody renews the leases of the items that have ended, or misses them."""
    kept: list[Leases] = []
    lost: list[str] = []

    class Kept(Leases):
        def __enter__(self) -> Leases:
            kept.append(self)
            return super().__enter__()

    close = closings.close

    def closed(*args: Any) -> None:
        kept[0].renew()
        close(*args)

    monkeypatch.setattr(slices, "Leases", Kept)
    monkeypatch.setattr(closings, "close", closed)
    monkeypatch.setattr(metrics, "lease_lost", lambda: lost.append("lost"))
    many(house, masters, 20)
    submit(house, picture(seed=1), b"no picture")
    assert house.work() == 22
    assert len(kept) == 1
    assert lost == []
