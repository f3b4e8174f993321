"""A server that comes back with an older index, from a snapshot or a replica: what it does not know lies in storage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from shared.items import ItemState
from shared.jobs import JobState
from tests.chaos.valkey import Persistence, Valkey
from tests.house import House, make_house, picture
from tests.worker.test_slices import states, submit


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A server of its own, with snapshots."""
    with tempfile.TemporaryDirectory(prefix="rewind-") as folder:
        server = Valkey(Path(folder), tmp_path / "valkey.log")
        server.persistence = Persistence.RDB
        server.start()
        yield server
        server.close()


@pytest.fixture
def snapped(server: Valkey) -> Iterator[redis.Redis]:
    """A connection to it; no snapshot but those that a test takes."""
    with server.client() as client:
        client.config_set("save", "")
        yield client


@pytest.fixture
def house(snapped: redis.Redis) -> House:
    """A house over that server."""
    return make_house(snapped)


def rewind(server: Valkey) -> None:
    """Kills the server and starts it with its last snapshot."""
    server.kill()
    server.start()


def test_a_canceled_job_stays_canceled(server: Valkey, snapped: redis.Redis, house: House) -> None:
    """A job that was canceled and ended after the snapshot is not worked on again: its records are its end."""
    house.sweeper().sweep()
    job = submit(house, picture(), picture(seed=1))
    snapped.save()
    house.shop.ledger.cancel(job)
    house.shop.index.cancel(job.id)
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    before = house.shop.ledger.read_ending(job)
    assert before is not None
    assert before.state is JobState.CANCELED
    rewind(server)
    house.work()
    assert house.shop.ledger.done_numbers(job, 0) == []
    sweeper.sweep()
    house.work()
    assert house.shop.ledger.done_numbers(job, 0) == []
    assert house.shop.index.live_jobs() == []


def test_an_open_job_goes_on(server: Valkey, snapped: redis.Redis, house: House) -> None:
    """A job that was half done after the snapshot goes on from its records, with counts that are right."""
    house.sweeper().sweep()
    job = submit(house, picture(), picture()[:99], picture(seed=2))
    snapped.save()
    later = submit(house, picture(seed=3))
    house.work()
    rewind(server)
    sweeper = house.sweeper()
    sweeper.sweep()
    house.work()
    sweeper.sweep()
    for each, wanted in (
        (job, [ItemState.SUCCEEDED, ItemState.FAILED, ItemState.SUCCEEDED]),
        (later, [ItemState.SUCCEEDED]),
    ):
        assert states(house, each) == wanted
        ending = house.shop.ledger.read_ending(each)
        assert ending is not None
        assert ending.counts.succeeded == wanted.count(ItemState.SUCCEEDED)
    assert house.shop.index.live_jobs() == []
