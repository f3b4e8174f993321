"""What is asked of a job after its submission: pause, resume, priority, retry."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from shared import layout
from shared.items import Item
from shared.jobs import Control, Priority
from tests.api.test_jobs import image
from tests.house import House, make_house, picture

#: A file of more bytes than the house takes: among others its item is refused.
TOO_LARGE = b"\0" * 50_001


@pytest.fixture
def house(client: redis.Redis) -> House:
    """A house that takes small files only."""
    return make_house(client, max_bytes=50_000)


def submit(house: House, *pictures: bytes, **form: Any) -> str:
    """Submits pictures and returns the job's address."""
    files = [image(data, f"{number}.png") for number, data in enumerate(pictures)]
    answer = house.http().post("/v1/jobs", data={"image": files, **form})
    assert answer.status_code == 202, answer.json
    return str(answer.headers["Location"])


def ask(house: House, address: str, body: Any = None, **headers: str) -> Any:
    """Asks something of a job."""
    return house.http().post(address, json={} if body is None else body, headers=headers)


def test_a_paused_job_waits(house: House) -> None:
    """Nothing of a paused job begins; its items are queued; resume rings a bell and lets it end."""
    location = submit(house, picture(), picture(seed=1))
    answer = ask(house, f"{location}/pause")
    assert (answer.status_code, answer.json["state"]) == (202, "paused")
    assert answer.json["counts"]["queued"] == 2
    assert house.work() == 0
    house.services.bells.rung.clear()  # type: ignore[attr-defined]
    answer = ask(house, f"{location}/resume")
    assert (answer.status_code, answer.json["state"]) == (202, "queued")
    assert sum(house.services.bells.rung.values()) == 1  # type: ignore[attr-defined]
    assert house.work() == 2
    assert house.http().get(location).json["state"] == "completed"


def test_controls_may_be_repeated(house: House) -> None:
    """A second pause or resume answers as the first, and changes no revision."""
    location = submit(house, picture())
    for what in ("pause", "resume"):
        first, second = ask(house, f"{location}/{what}"), ask(house, f"{location}/{what}")
        assert first.status_code == second.status_code == 202
        assert first.json == second.json


def test_pause_and_priority_survive_a_wiped_index(house: House) -> None:
    """What was asked of a job lies in storage: a rebuilt index obeys it."""
    location = submit(house, picture(), priority="low")
    assert house.http().get(location).json["priority"] == "low"
    ask(house, f"{location}/pause")
    answer = ask(house, f"{location}/priority", {"priority": "high"})
    assert (answer.json["state"], answer.json["priority"]) == ("paused", "high")
    house.client.flushall()
    house.sweeper().sweep()
    seen = house.http().get(location).json
    assert (seen["state"], seen["priority"]) == ("paused", "high")
    assert house.work() == 0
    ask(house, f"{location}/resume")
    assert house.work() == 1


@pytest.mark.parametrize("what", ["pause", "resume", "priority"])
def test_what_is_over_is_not_steered(house: House, what: str) -> None:
    """A job that is canceled or has ended refuses, and storage keeps nothing of it."""
    location = submit(house, picture())
    body = {"priority": "high"} if what == "priority" else None
    house.services.index.claim(
        house.http().get(location).json["recipe"]["model"], pipeline=9, owner="h/1", host="h", lease=9
    )
    ask(house, f"{location}/cancel")
    answer = ask(house, f"{location}/{what}", body)
    assert (answer.status_code, answer.json["code"], answer.json["seen"]) == (409, "job_ended", "canceling")
    assert house.store.head(layout.control("default", location.rsplit("/", 1)[-1])) is None
    assert ask(house, f"{submit(house, picture(seed=2))}/priority", {"priority": "urgent"}).status_code == 422


def test_a_paused_job_is_canceled(house: House) -> None:
    """Cancel works on a paused job, which then comes to its end."""
    location = submit(house, picture())
    ask(house, f"{location}/pause")
    assert ask(house, f"{location}/cancel").json["state"] == "canceling"
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    assert house.http().get(location).json["state"] == "canceled"


def failed_job(house: House) -> tuple[str, Item]:
    """A job of a good picture, a broken one, a refused one, and one whose master vanishes and comes back; its item."""
    good, gone = picture(), picture(seed=9)
    location = submit(house, good, picture()[:200], TOO_LARGE, gone, client_ref=["a", "b", "c", "d"], priority="high")
    job = house.services.ledger.read_job("default", location.rsplit("/", 1)[-1])
    assert job is not None
    items = house.services.ledger.read_part("default", job.id, 0)
    house.store.delete(layout.master("default", str(items[3].master)))
    house.work()
    house.store.put_if_absent(layout.master("default", str(items[3].master)), gone)
    return location, items[3]


def test_retry_makes_a_job_of_what_failed(house: House) -> None:
    """It has the failed items whose bytes are there, with their names, under recipe and priority of the first job."""
    location, gone = failed_job(house)
    answer = ask(house, f"{location}/retry")
    assert answer.status_code == 202, answer.json
    first, again = house.http().get(location).json, answer.json
    assert again["retry_of"] == first["id"]
    assert (again["recipe"], again["model"], again["priority"]) == (first["recipe"], first["model"], "high")
    assert answer.headers["Location"] == f"/v1/jobs/{again['id']}"
    items = house.services.ledger.read_part("default", again["id"], 0)
    assert [(item.number, item.filename, item.client_ref) for item in items] == [(0, "1.png", "b"), (1, "3.png", "d")]
    assert items[1].master == gone.master
    house.work()
    rows = house.http().get(f"/v1/jobs/{again['id']}/items").json["items"]
    assert [row["state"] for row in rows] == ["failed", "succeeded"]


def test_retry_is_repeated_by_its_key(house: House) -> None:
    """The same Idempotency-Key gives the same new job; asked for other states it is refused."""
    location, _ = failed_job(house)
    key = {"Idempotency-Key": "again"}
    first = ask(house, f"{location}/retry", **key)
    assert ask(house, f"{location}/retry", **key).json["id"] == first.json["id"]
    assert ask(house, f"{location}/retry").json["id"] != first.json["id"]


def test_retry_of_what_was_canceled(house: House) -> None:
    """Items of a canceled job are retried where that state is asked for."""
    location = submit(house, picture(), picture(seed=1))
    ask(house, f"{location}/cancel")
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    assert ask(house, f"{location}/retry").json["code"] == "nothing_to_retry"
    answer = ask(house, f"{location}/retry", {"states": ["failed", "canceled"]})
    assert (answer.status_code, answer.json["total"]) == (202, 2)
    assert house.work() == 2


def test_retry_refuses(house: House) -> None:
    """A job that runs, one of which nothing failed, one of which only refused bytes failed; states that are none."""
    location = submit(house, picture(), TOO_LARGE)
    answer = ask(house, f"{location}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "job_not_ended")
    house.work()
    answer = ask(house, f"{location}/retry")
    assert (answer.status_code, answer.json["code"], answer.json["seen"]) == (409, "nothing_to_retry", ["failed"])
    for states in ([], ["succeeded"], ["failed"] * 3, "failed"):
        assert ask(house, f"{location}/retry", {"states": states}).status_code == 422
    assert ask(house, "/v1/jobs/no-job/retry").status_code == 404


def test_what_control_says_is_read_as_it_was_written(house: House) -> None:
    """A job of which nothing was asked is what it was submitted as."""
    location = submit(house, picture(), priority="low")
    ledger = house.services.ledger
    job = ledger.read_job("default", location.rsplit("/", 1)[-1])
    assert job is not None
    assert ledger.read_control(job) == Control(paused=False, priority=Priority.LOW)
    ledger.control(job, Control(paused=True, priority=Priority.HIGH))
    assert ledger.read_control(job) == Control(paused=True, priority=Priority.HIGH)
