"""Answers to an Idempotency-Key that the storage has damaged: nothing is made twice, and no key is lost for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from api.answers import KEY_SECONDS
from shared import layout
from shared.storage.directory import DirectoryStore
from tests.api.test_jobs import image, post
from tests.house import House, make_house, picture
from tests.worker.test_damage import DAMAGES

KEY = {"Idempotency-Key": "box-1"}


@pytest.fixture
def house(client: redis.Redis, tmp_path: Path) -> House:
    """API and worker over storage in a folder."""
    return make_house(client, store=DirectoryStore(tmp_path / "objects", fsync=False))


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> Callable[[], str]:
    """Damages the one record of an answer in one of the ways, an instant after it was made; returns its key."""

    def act() -> str:
        (record,) = house.store.list(layout.idempotencies("default"))
        path, now = tmp_path / "objects" / record.key, house.services.clock.now()
        data = DAMAGES[request.param](path.read_bytes())
        path.chmod(0o644)
        path.write_bytes(data)
        os.utime(path, (now, now))
        return record.key

    return act


def jobs(house: House) -> list[Any]:
    """The jobs that there are."""
    found: list[Any] = house.http().get("/v1/jobs").json["jobs"]
    return found


def test_a_damaged_answer_is_told(house: House, damaged: Callable[[], str]) -> None:
    """Nobody can tell whether there is a job: the same key is refused, nothing is made, and another key works."""
    first = post(house, KEY, image=image())
    key = damaged()
    with capture_logs() as logs:
        again = post(house, KEY, image=image())
    assert (again.status_code, again.json["code"]) == (422, "idempotency_lost")
    assert [(each["event"], each["key"]) for each in logs if each["event"] == "record_damaged"] == [
        ("record_damaged", key)
    ]
    assert [each["id"] for each in jobs(house)] == [first.json["id"]]
    assert len(list(house.store.list(layout.OPEN))) == 1
    assert post(house, {"Idempotency-Key": "box-1 again"}, image=image()).status_code == 202


def test_a_damaged_answer_is_forgotten_as_any_other(house: House, damaged: Callable[[], str]) -> None:
    """A day later the key is fresh, as it would be had nothing been damaged."""
    post(house, KEY, image=image())
    key = damaged()
    house.services.clock.sleep(KEY_SECONDS)
    assert post(house, KEY, image=image()).json["code"] == "idempotency_lost"
    house.services.clock.sleep(1)
    again = post(house, KEY, image=image())
    assert again.status_code == 202
    assert post(house, KEY, image=image()).json["id"] == again.json["id"]
    assert len(jobs(house)) == 2
    assert [record.key for record in house.store.list(layout.idempotencies("default"))] == [key]


def test_a_retry_whose_answer_is_damaged_is_not_made_twice(house: House, damaged: Callable[[], str]) -> None:
    """Nor is it after the job that it retried was deleted."""
    location = post(house, image=[image(), image(picture()[:200], "b.png")]).headers["Location"]
    house.work()
    assert house.http().post(f"{location}/retry", json={}, headers=KEY).status_code == 202
    damaged()
    assert house.http().post(f"{location}/retry", json={}, headers=KEY).json["code"] == "idempotency_lost"
    assert house.http().delete(location).status_code == 204
    assert house.http().post(f"{location}/retry", json={}, headers=KEY).json["code"] == "idempotency_lost"
    assert len(jobs(house)) == 1
