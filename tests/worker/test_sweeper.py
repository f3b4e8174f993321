"""The sweeper and recovery: what is done for the dead."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shared import layout, reports
from shared.errors import StorageUnavailable, Truncated
from shared.ids import new_id
from shared.index import Index
from shared.items import Item, ItemState
from shared.jobs import JobState
from shared.ledger import Ledger
from shared.outcomes import failure
from shared.recipes import PIPELINE_VERSION
from tests.house import LITE, House, picture
from tests.worker.test_slices import states, submit
from worker.recovery import Recovered, recover_open
from worker.sweeper import KEEP_UNSUBMITTED, Sweeper


def test_a_flush_loses_nothing(house: House) -> None:
    """After a wipe the sweeper brings open jobs and the list of newest jobs back; the work goes on."""
    ended, half = submit(house, picture()), None
    house.work()
    half = submit(house, picture(seed=1), picture()[:99], picture(seed=2))
    (claim,) = house.shop.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    house.client.flushall()
    sweeper = house.sweeper()
    assert sweeper.sweep()
    assert set(house.shop.index.newest("default", before=None, limit=9)) == {ended.id, half.id}
    assert house.shop.bells.waiting(LITE.digest) == 1
    house.work()
    assert states(house, half) == [ItemState.SUCCEEDED, ItemState.FAILED, ItemState.SUCCEEDED]
    assert claim.item == 0


def test_a_rebuilt_job_knows_what_is_done(house: House) -> None:
    """Counts and bits come back from the records; nothing that is done is claimed."""
    job = submit(house, picture(), picture()[:99], picture(seed=2))
    house.work()
    house.client.flushall()
    house.store.delete(layout.finished("default", job.id))
    house.store.delete(layout.report("default", job.id, 0))
    house.store.delete(layout.done_record("default", job.id, 0, 2))
    house.shop.ledger.open("default", job.id)
    house.sweeper().sweep()
    progress = house.shop.index.progress(job.id)
    assert progress is not None
    assert (progress.counts.succeeded, progress.counts.failed, progress.counts.queued) == (1, 1, 1)
    assert house.work() == 1
    assert states(house, job) == [ItemState.SUCCEEDED, ItemState.FAILED, ItemState.SUCCEEDED]


def test_a_job_that_breaks_the_sweeper_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever nobody foresaw of one job, the others are audited, and bells are rung."""
    broken, sound = submit(house, picture()), submit(house, picture(seed=1))
    audited, audit = [], Index.audit

    def breaking(index: Index, job_id: str) -> Any:
        audited.append(job_id)
        if job_id == broken.id:
            raise ValueError("nobody foresaw it")
        return audit(index, job_id)

    monkeypatch.setattr(Index, "audit", breaking)
    house.sweeper()._close_and_audit()
    assert sorted(audited) == sorted([broken.id, sound.id])
    assert house.sweeper().sweep()
    assert house.shop.bells.waiting(LITE.digest) > 0


def test_a_job_whose_closer_died_is_closed(house: House) -> None:
    """Parts and jobs that ended and have no report or end after a sweep get them at the next."""
    job = submit(house, picture(), picture(seed=1))
    ledger, index = house.shop.ledger, house.shop.index
    other = submit(house, picture(seed=3))
    house.work()
    for number, row in enumerate(list(reports.rows(ledger, job))):
        assert row.number == number
    lost = submit(house, picture(), picture(seed=1))
    for number in range(2):
        record = ledger.read_outcome(job, number)
        assert record is not None
        ledger.end_item(lost, record)
        index.complete(lost.id, {number: ItemState.SUCCEEDED})
    sweeper = house.sweeper()
    sweeper.sweep()
    assert ledger.read_ending(lost) is None
    sweeper.sweep()
    ending = ledger.read_ending(lost)
    assert ending is not None
    assert ending.state is JobState.COMPLETED
    assert reports.read(ledger, lost, 0) is not None
    assert ledger.read_ending(other) is not None


def test_closers_are_replaced_where_jobs_take_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more running jobs than a sweep audits, a job whose closer died is closed when its turn comes again."""
    monkeypatch.setattr("worker.sweeper._AUDITS", 1)
    running = [submit(house, picture(seed=seed)) for seed in range(2)]
    lost = submit(house, picture()[:99])
    ledger, index = house.shop.ledger, house.shop.index
    ledger.end_item(lost, failure(ledger.read_item(lost, 0), Truncated("cut")))
    index.complete(lost.id, {0: ItemState.FAILED})
    sweeper = house.sweeper()
    for _ in range(2 * len([*running, lost])):
        sweeper.sweep()
    assert ledger.read_ending(lost) is not None


@pytest.mark.parametrize("what", ["part", "job"])
def test_a_living_closer_is_left_alone(house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """While a worker writes a report, or the end of a job, however long that takes, the sweeper reads no record."""
    job = submit(house, picture(), picture(seed=1))
    sweeper, swept = house.sweeper(), []
    name = {"part": "_lines", "job": "write_review"}[what]
    real = getattr(reports, name)

    def slow(ledger: Ledger, *args: Any) -> Any:
        assert not swept, "it was done twice"
        swept.append(True)
        for _ in range(3):
            sweeper.sweep()
        return real(ledger, *args)

    monkeypatch.setattr(reports, name, slow)
    assert house.work() == 2
    assert swept == [True]
    assert house.shop.ledger.read_ending(job) is not None


def test_unsound_books_are_rebuilt(house: House) -> None:
    """A job whose index keys contradict each other is dropped and registered from storage."""
    job = submit(house, picture(), picture(seed=1))
    house.shop.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    house.client.delete(f"pc:job:{job.id}:due")
    house.sweeper().sweep()
    progress = house.shop.index.progress(job.id)
    assert progress is not None
    assert progress.counts.queued == 2
    assert house.work() == 2


def test_one_sweeper_leads(house: House) -> None:
    """A second sweeper does nothing while the first leads."""
    assert Sweeper(shop=house.shop, name="a").sweep()
    assert not Sweeper(shop=house.shop, name="b").sweep()


def test_a_broken_submission_is_removed_after_a_day(house: House) -> None:
    """What a submission without job.json left behind goes after 24 hours, and not before."""
    job_id = new_id()
    house.shop.ledger.open("default", job_id)
    house.shop.ledger.write_part("default", job_id, 0, [Item(number=0, master="a" * 64, filename="a")])
    sweeper = house.sweeper()
    sweeper.sweep()
    assert [found.result for found in recover_open(house.shop.ledger, house.shop.index)] == [Recovered.UNSUBMITTED]
    sweeper._look(house.shop.clock.now() + KEEP_UNSUBMITTED + 60)
    assert list(house.store.list(layout.job_folder("default", job_id))) == []
    assert list(house.store.list(layout.OPEN)) == []


def test_a_marker_of_an_ended_job_is_removed(house: House) -> None:
    """A marker that outlived its job's end is taken away."""
    job = submit(house, picture())
    house.work()
    house.client.flushall()
    house.shop.ledger.open("default", job.id)
    assert [found.result for found in recover_open(house.shop.ledger, house.shop.index)] == [Recovered.ENDED]
    assert list(house.store.list(layout.OPEN)) == []


def test_trouble_does_not_end_the_sweeper(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of one sweep are logged, and the next goes on."""
    stop, calls = threading.Event(), []

    def sweep(_: Sweeper) -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise StorageUnavailable()
        if len(calls) == 2:
            raise ZeroDivisionError
        stop.set()
        return True

    monkeypatch.setattr(Sweeper, "sweep", sweep)
    sweeper = house.sweeper()
    object.__setattr__(house.shop.settings, "sweep_seconds", 0)
    sweeper.run(stop)
    assert len(calls) == 3
