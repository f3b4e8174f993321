"""`photochrom recover`: what a wiped index is rebuilt to, and what is said of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import redis

from shared import layout, reports
from shared.deletion import delete
from shared.ids import made_at, new_id
from shared.index.progress import Progress
from shared.items import Item
from shared.jobs import Job
from shared.storage.directory import DirectoryStore
from tests.cli.test_operators import run
from tests.house import LITE, House, make_house, picture
from tests.worker.test_slices import submit


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str, client: redis.Redis) -> House:
    """A house over a folder that the commands find through the environment."""
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", str(tmp_path / "objects"))
    monkeypatch.setenv("PHOTOCHROM_REDIS_URL", redis_url)
    return make_house(client, store=DirectoryStore(tmp_path / "objects", fsync=False))


def progress(house: House, job: Job) -> Progress:
    """How far the index says that a job is."""
    found = house.shop.index.progress(job.id)
    assert found
    return found


def test_everything_comes_back_from_storage_alone(house: House) -> None:
    """Open, half-done, canceled, ended and deleted jobs: states and counts after a wipe are those before it."""
    ended = submit(house, picture(), picture()[:99])
    house.work()
    deleted = submit(house, picture())
    house.work()
    delete(house.shop.ledger, house.shop.index, "default", deleted.id)
    half = submit(house, *(picture(seed=seed) for seed in range(3)))
    (claim,) = house.shop.index.claim(LITE.digest, pipeline=half.recipe.pipeline, owner="h/1", host="h", lease=9)
    row = next(reports.rows(house.shop.ledger, ended))
    house.shop.ledger.end_item(half, row)
    house.shop.index.complete(half.id, {claim.item: row.state})
    canceled = submit(house, picture(seed=7), picture(seed=8))
    house.shop.ledger.cancel(canceled)
    house.shop.index.cancel(canceled.id)
    fresh = submit(house, picture(seed=9))
    broken = new_id()
    house.shop.ledger.open("default", broken)
    house.shop.ledger.write_part("default", broken, 0, [Item(number=0, master="a" * 64, filename="a")])
    before = {job.id: progress(house, job) for job in (half, canceled, fresh)}
    newest = house.shop.index.newest("default", before=None, limit=9)

    house.client.flushall()
    said = run("recover").stdout
    assert f"{half.id}  default  registered again: 1 of 3 items have ended\n" in said
    assert f"{canceled.id}  default  registered again: 0 of 2 items have ended, canceled\n" in said
    assert f"{broken}  default  never submitted to its end" in said
    assert ended.id not in said
    assert deleted.id not in said
    assert "Their items: 1 colored, 0 failed, 2 canceled, 3 to do." in said
    assert "Jobs in the lists, ended ones too: 4." in said
    assert "No worker is running" in said
    for job in (half, canceled, fresh):
        after = progress(house, job)
        assert (after.state, after.counts) == (before[job.id].state, before[job.id].counts)
    assert house.shop.index.newest("default", before=None, limit=9) == newest
    assert house.shop.index.progress(deleted.id) is None

    house.announce()
    house.work()
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    for job in (half, canceled, fresh):
        assert house.shop.ledger.read_ending(job), "workers go on by themselves"


def test_a_deletion_that_is_not_over_is_told(house: House) -> None:
    """What a deletion left is counted, and a job whose marker outlived it is said to have ended."""
    job = submit(house, picture())
    house.work()
    house.shop.ledger.open("default", job.id)
    house.store.put(layout.deleting("default", new_id()), b"{}")
    house.client.flushall()
    said = run("recover").stdout
    assert f"{job.id}  default  had ended; the marker is removed\n" in said
    assert "Deleted jobs whose records are not all gone: 1" in said
    assert "Nothing else has to be done" in said
    assert "Open jobs: none." in run("recover").stdout


def test_a_job_that_cannot_be_read_is_told(house: House) -> None:
    """A damaged job.json is named as that, and nobody is told that nothing has to be done."""
    bad, good = submit(house, picture()), submit(house, picture(seed=1))
    house.store.put(layout.job("default", bad.id), b"")
    house.client.flushall()
    said = run("recover").stdout
    assert f"{bad.id}  default  cannot be read; the log says which record" in said
    assert f"{good.id}  default  registered again" in said
    assert "half a minute after its record is there" in said
    assert "Nothing else has to be done" not in said


def test_a_restored_backup_keeps_the_order_of_jobs(house: House, tmp_path: Path) -> None:
    """The newest jobs are those that were made last, whatever the copied files' times say."""
    jobs = [submit(house, picture()) for _ in range(3)]
    for age, job in enumerate(jobs):
        os.utime(tmp_path / "objects" / layout.job("default", job.id), (9e8 - age, 9e8 - age))
    house.client.flushall()
    run("recover")
    assert house.shop.index.newest("default", before=None, limit=9) == [job.id for job in reversed(jobs)]
    assert made_at(jobs[0].id) <= made_at(jobs[2].id) <= time.time() + 1
