"""Deleting jobs: what goes, what stays, and a death at every step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.job_views import job_view
from shared import deletion, layout
from shared.deletion import delete, deletions, is_whole
from shared.errors import NotFound
from shared.jobs import Job
from shared.ledger import Ledger
from tests.house import House, picture
from tests.stores import Interrupted, Watched, dies_at
from tests.worker.test_slices import submit


def ended(house: House, *pictures: bytes) -> Job:
    """A job that has ended, and has a webhook to deliver."""
    job = submit(house, *pictures)
    house.work()
    house.store.put(layout.hook("default", job.id), b"{}")
    return job


def records(house: House, job: Job) -> list[str]:
    """The keys that name a job."""
    return [info.key for info in house.store.list("") if job.id in info.key]


def test_a_deleted_job_leaves_nothing_but_its_pictures(house: House) -> None:
    """Records, index keys and the place among the newest go; masters, derivatives and previews stay."""
    job, other = ended(house, picture(), picture(seed=1)), ended(house, picture(seed=2))
    pictures = [info.key for info in house.store.list(layout.derivatives("default"))]
    assert delete(house.shop.ledger, house.shop.index, "default", job.id)
    assert records(house, job) == []
    assert [key for key in house.client.scan_iter("*") if job.id.encode() in key] == []
    assert house.shop.index.newest("default", before=None, limit=9) == [other.id]
    assert [info.key for info in house.store.list(layout.derivatives("default"))] == pictures
    assert len(list(house.store.list(layout.masters("default")))) == 3
    assert records(house, other)


def test_a_death_at_any_step_is_made_good(house: House) -> None:
    """A deletion that breaks off leaves a job that is still there, or one that is gone; a sweep does the rest."""
    sweeper = house.sweeper()
    for step in range(99):
        job = ended(house, picture(), picture(seed=1))
        store = Watched(house.store, dies_at(step))
        try:
            finished = delete(Ledger(store=store), house.shop.index, "default", job.id)
        except Interrupted:
            finished = False
        gone = house.store.head(layout.job("default", job.id)) is None
        if not gone:
            assert job_view(house.services, "default", job.id).ended, "it can be deleted again"
        sweeper.looked = 0
        sweeper.sweep()
        if step == 0:
            assert not gone, "nothing was begun"
            continue
        assert records(house, job) == [], f"step {step}"
        with pytest.raises(NotFound):
            job_view(house.services, "default", job.id)
        if finished:
            assert step > 6, "each step was interrupted once"
            return
    pytest.fail("a deletion of ten records does not take 99 steps")


def test_a_large_job_goes_in_many_sweeps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call removes a bounded number of records; the job is gone at once, the sweeper goes on with the rest."""
    monkeypatch.setattr(deletion, "AT_ONCE", 2)
    job = ended(house, *(picture(seed=seed) for seed in range(5)))
    assert not delete(house.shop.ledger, house.shop.index, "default", job.id)
    with pytest.raises(NotFound):
        job_view(house.services, "default", job.id)
    assert list(deletions(house.store)) == [("default", job.id)]
    sweeper, left = house.sweeper(), len(records(house, job))
    while sweeper.sweep() and records(house, job):
        assert len(records(house, job)) < left
        left = len(records(house, job))
    assert list(deletions(house.store, "default")) == []


def test_a_late_registration_of_a_deleted_job_is_forgotten(house: House) -> None:
    """Who read a job before its deletion and registers it afterwards gives workers one that storage lacks."""
    job = ended(house, picture())
    delete(house.shop.ledger, house.shop.index, "default", job.id)
    house.shop.index.register(job)
    assert house.work() == 0
    assert house.shop.index.progress(job.id) is None
    assert house.shop.index.live_jobs() == []
    assert house.shop.index.newest("default", before=None, limit=9) == []


def test_a_whole_manifest_has_all_parts_and_no_deletion(house: House) -> None:
    """A submission may be finished only on a manifest that nobody takes away."""
    job = submit(house, picture())
    ledger = house.shop.ledger
    assert is_whole(ledger, "default", job.id, 1)
    assert not is_whole(ledger, "default", job.id, 2)
    house.store.put(layout.deleting("default", job.id), b"{}")
    assert not is_whole(ledger, "default", job.id, 1)
    assert not is_whole(ledger, "default", replace(job, id="0").id, 1)
