"""Records that the storage has damaged: every item still ends, and what nobody can mend is told."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from shared import layout, reports
from shared.errors import RecordDamaged, StorageUnavailable
from shared.index.claims import Audit
from shared.items import ItemState
from shared.jobs import Job, JobState
from shared.ledger import Ledger
from shared.outcomes import canceled
from shared.storage.directory import DirectoryStore
from shared.storage.disk_errors import disk_errors
from tests.house import House, make_house, picture
from tests.worker.test_settling import many
from tests.worker.test_slices import states, submit
from worker import closings
from worker.recovery import Recovered, recover_open

#: What may be left of a file: nothing, the bytes of another, half of it, its length in zeros, JSON that says nothing.
DAMAGES = {
    "empty": lambda data: b"",
    "garbage": lambda data: b"\xff\xd8\xff\xe0 no record",
    "half": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "nothing": lambda data: b"{}",
}


@pytest.fixture
def house(client: redis.Redis, tmp_path: Path) -> House:
    """API and worker over storage in a folder."""
    return make_house(client, store=DirectoryStore(tmp_path / "objects", fsync=False))


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], None]:
    """Damages the file of an object in one of the ways."""

    def act(key: str) -> None:
        path = tmp_path / "objects" / key
        data = DAMAGES[request.param](path.read_bytes())
        path.chmod(0o644)
        path.write_bytes(data)

    return act


def end(house: House, job: Job) -> tuple[JobState, int, int]:
    """Works and sweeps until nothing is left; returns how the job ended and how many items succeeded and failed."""
    sweeper = house.sweeper()
    for _ in range(3):
        house.work()
        sweeper.sweep()
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None, "the job never ends"
    assert not house.shop.index.live_jobs()
    return ending.state, ending.counts.succeeded, ending.counts.failed


def test_items_whose_lines_are_lost_fail(house: House, damage: Callable[[str], None]) -> None:
    """A part of a manifest that is damaged fails those of its items whose lines are lost, and no others."""
    job = submit(house, *(picture(seed=n) for n in range(4)))
    damage(layout.manifest("default", job.id, 0))
    state, succeeded, failed = end(house, job)
    assert state is JobState.COMPLETED
    assert succeeded + failed == 4
    rows = list(reports.rows(house.shop.ledger, job))
    assert {row.code for row in rows if row.state is ItemState.FAILED} == {"manifest_damaged"}
    path = f"/v1/jobs/{job.id}"
    assert house.http().get(f"{path}/items/3").json["code"] == "manifest_damaged"
    assert len(house.http().get(f"{path}/items").json["items"]) == 4
    retry = house.http().post(f"{path}/retry", json={"states": ["failed"]})
    assert retry.json["code"] == "nothing_to_retry"


def test_half_a_manifest_is_half_a_job(house: House, tmp_path: Path) -> None:
    """Of a part with a hole the lines beside it are worked on: where ends of lines are lost, too, numbers tell."""
    job = submit(house, *(picture(seed=n) for n in range(5)))
    path = tmp_path / "objects" / layout.manifest("default", job.id, 0)
    lines = path.read_bytes().splitlines(keepends=True)
    path.chmod(0o644)
    path.write_bytes(lines[0] + lines[1][:20] + bytes(60) + lines[3] + lines[4])
    assert end(house, job) == (JobState.COMPLETED, 2, 3)
    assert [row.number for row in reports.rows(house.shop.ledger, job) if row.code] == [1, 2, 3]


def test_a_part_that_is_gone(house: House) -> None:
    """A part of the manifest that is not there any more fails its items; a canceled job ends as well."""
    gone, stopped = (submit(house, picture(seed=n), picture(seed=n + 1)) for n in (1, 3))
    for job in (gone, stopped):
        house.store.delete(layout.manifest("default", job.id, 0))
    house.shop.ledger.cancel(stopped)
    house.shop.index.cancel(stopped.id)
    assert end(house, gone) == (JobState.COMPLETED, 0, 2)
    assert end(house, stopped) == (JobState.CANCELED, 0, 0)


@pytest.mark.parametrize("wiped", [False, True])
def test_an_item_whose_record_is_damaged_ends_again(house: House, damage: Callable[[str], None], wiped: bool) -> None:
    """A done record that cannot be read is no end, whether or not the index counts it: the item has a new one."""
    first = submit(house, picture())
    house.work()
    job = many(house, [str(row.master) for row in reports.rows(house.shop.ledger, first)], 3)
    record = layout.done_record("default", job.id, 0, 1)
    (row,) = reports.rows(house.shop.ledger, first)
    house.shop.ledger.end_item(job, replace(row, number=1))
    if not wiped:
        house.shop.index.complete(job.id, {1: ItemState.SUCCEEDED})
    damage(record)
    if wiped:
        house.client.flushall()
        house.sweeper().sweep()
    assert end(house, job) == (JobState.COMPLETED, 3, 0)
    assert states(house, job) == [ItemState.SUCCEEDED] * 3
    assert house.shop.ledger.read_outcome(job, 1) is not None, "it was not written anew"


def test_a_record_that_is_not_seen_is_not_overwritten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that has a done record and gives none at the moment is waited for: what it said still counts."""
    job = submit(house, picture())
    house.work()
    (row,) = reports.rows(house.shop.ledger, job)
    late = replace(row, state=ItemState.FAILED, code="worker_lost")
    with monkeypatch.context() as blind:
        blind.setattr("shared.records.found", lambda store, key: None)
        with pytest.raises(StorageUnavailable, match="does not give it"):
            house.shop.ledger.end_item(job, late)
    assert house.shop.ledger.end_item(job, late) == row


def test_a_report_that_is_damaged_is_made_anew(house: House, damage: Callable[[str], None]) -> None:
    """A report of a part is made of the done records again, by a recovery and by whoever closes the job."""
    for wiped in (True, False):
        job = submit(house, picture(), picture()[:99])
        house.work()
        before = reports.read(house.shop.ledger, job, 0)
        for key in (layout.finished("default", job.id), layout.states("default", job.id)):
            house.store.delete(key)
        damage(layout.report("default", job.id, 0))
        house.client.flushall()
        if wiped:
            house.shop.ledger.open("default", job.id)
            house.sweeper().sweep()
        else:
            register_ended(house, job)
        assert end(house, job) == (JobState.COMPLETED, 1, 1)
        assert reports.read(house.shop.ledger, job, 0) == before


def register_ended(house: House, job: Job) -> None:
    """Gives the index a job whose items have ended."""
    house.shop.index.register(job)
    house.shop.index.complete(job.id, {0: ItemState.SUCCEEDED, 1: ItemState.FAILED})
    house.shop.index.part_reported(job.id, 0)
    while house.shop.ledger.read_ending(job) is None:
        closings.close_job(house.shop.ledger, house.shop.index, house.shop.clock, job)


def test_an_end_that_is_damaged_is_written_anew(house: House, damage: Callable[[str], None]) -> None:
    """A job whose finished.json cannot be read, and whose marker is there still, comes to its end once more."""
    job = submit(house, picture(), picture()[:99])
    house.work()
    damage(layout.finished("default", job.id))
    house.client.flushall()
    house.shop.ledger.open("default", job.id)
    house.sweeper().sweep()
    assert end(house, job) == (JobState.COMPLETED, 1, 1)


def test_a_job_that_cannot_be_read_stops_no_other(house: House, damage: Callable[[str], None]) -> None:
    """A damaged job.json is told of and waits for its operator; the jobs beside it go on."""
    told: list[str] = []
    bad, good = submit(house, picture()), submit(house, picture(seed=1))
    damage(layout.job("default", bad.id))
    house.client.flushall()
    ledger = Ledger(store=house.store, damaged=told.append)
    found = {entry.job: entry.result for entry in recover_open(ledger, house.shop.index)}
    assert found == {bad.id: Recovered.DAMAGED, good.id: Recovered.REGISTERED}
    assert told == [layout.job("default", bad.id)]
    assert house.work() == 1
    assert house.shop.ledger.read_ending(good) is not None
    answer = house.http().get(f"/v1/jobs/{bad.id}")
    assert (answer.status_code, answer.json["code"]) == (500, "record_damaged")
    assert house.store.head(layout.manifest("default", bad.id, 0)) is not None
    with pytest.raises(RecordDamaged):
        ledger.read_job("default", bad.id)


@pytest.mark.parametrize("wiped", [False, True])
def test_a_record_in_a_bad_sector_stops_no_other_job(
    house: House, monkeypatch: pytest.MonkeyPatch, wiped: bool
) -> None:
    """A job whose record the disk cannot read waits; those after it come back into the index, and to their end."""
    jobs = [submit(house, picture(seed=n), picture(seed=n + 1)) for n in (0, 2)]
    for job in jobs:
        house.shop.ledger.cancel(job)
        house.shop.index.cancel(job.id)
        house.shop.ledger.end_item(job, canceled(house.shop.ledger.read_item(job, 0)))
        house.shop.index.complete(job.id, {0: ItemState.CANCELED})
    if wiped:
        house.client.flushall()
    bad, real = layout.done_record("default", jobs[0].id, 0, 0), DirectoryStore.get

    def get(store: DirectoryStore, key: str, **span: int) -> object:
        if key == bad:
            with disk_errors(key):
                raise OSError(errno.EIO, "Input/output error")
        return real(store, key, **span)

    monkeypatch.setattr(DirectoryStore, "get", get)
    sweeper = house.sweeper()
    for _ in range(3):
        sweeper.sweep()
    assert [house.shop.ledger.read_ending(job) is not None for job in jobs] == [False, True]


def test_what_was_asked_of_a_job_may_be_lost(house: House, damage: Callable[[str], None]) -> None:
    """Where nobody can tell whether a job was paused, or its priority, it goes on as it was submitted."""
    job = submit(house, picture())
    house.shop.ledger.control(job, paused=True, priority=job.priority)
    damage(layout.paused("default", job.id))
    damage(layout.priority("default", job.id))
    house.client.flushall()
    house.sweeper().sweep()
    assert end(house, job) == (JobState.COMPLETED, 1, 0)


def test_nobody_is_canceled_by_a_late_closer(house: House) -> None:
    """Who closes a job that was registered again meanwhile, and goes on, seals none of its items."""
    job = submit(house, picture(), picture(seed=1))
    house.client.flushall()
    house.sweeper().sweep()
    assert closings.close_job(house.shop.ledger, house.shop.index, house.shop.clock, job) is closings.Step.NOTHING
    assert list(reports.rows(house.shop.ledger, job)) == []
    assert house.shop.index.audit(job.id)[0] is Audit.SOUND
    assert end(house, job) == (JobState.COMPLETED, 2, 0)


def test_rows_of_an_ended_job_outlive_its_records(house: House, damage: Callable[[str], None]) -> None:
    """An item of an ended job whose own record is damaged is told from its report."""
    job = submit(house, picture(), picture()[:99])
    house.work()
    damage(layout.done_record("default", job.id, 0, 0))
    http, path = house.http(), f"/v1/jobs/{job.id}/items"
    assert http.get(f"{path}/0").json["state"] == "succeeded"
    assert http.get(f"{path}/0/result").status_code == 200
    assert [row["state"] for row in http.get(path).json["items"]] == ["succeeded", "failed"]
