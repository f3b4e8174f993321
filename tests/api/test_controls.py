"""What is asked of a job after its submission: pause, resume, priority, retry."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
import redis

from api.controls import control
from api.retry import retry
from shared import layout, reports, states
from shared.errors import Corrupt
from shared.ids import new_id
from shared.items import Item, ItemState
from shared.jobs import Control, Counts, Ending, Job, JobState, Priority
from shared.ledger import Ledger
from shared.outcomes import failure, success
from shared.recipes import resolve
from tests.api.test_jobs import image
from tests.house import House, make_house, picture
from tests.stores import Watched, does_at

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
    job_id = location.rsplit("/", 1)[-1]
    assert not any(house.store.head(key("default", job_id)) for key in (layout.paused, layout.priority))
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


def test_a_retry_outlives_the_job_that_it_retried(house: House) -> None:
    """A repeat whose old job was deleted gets the new one, while that exists; another key or job does not."""
    location, _ = failed_job(house)
    other, _ = failed_job(house)
    key = {"Idempotency-Key": "again"}
    first = ask(house, f"{location}/retry", **key)
    for gone in (location, other):
        assert house.http().delete(gone).status_code == 204
    answer = ask(house, f"{location}/retry", **key)
    assert (answer.status_code, answer.json["id"]) == (202, first.json["id"])
    assert ask(house, f"{location}/retry").status_code == 404
    assert ask(house, f"{location}/retry", **{"Idempotency-Key": "new"}).status_code == 404
    assert ask(house, f"{other}/retry", **key).status_code == 404
    house.work()
    assert house.http().delete(f"/v1/jobs/{first.json['id']}").status_code == 204
    assert ask(house, f"{location}/retry", **key).status_code == 404


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
    for wrong in ([], ["succeeded"], ["failed"] * 3, "failed"):
        assert ask(house, f"{location}/retry", {"states": wrong}).status_code == 422
    assert ask(house, "/v1/jobs/no-job/retry").status_code == 404


def test_what_control_says_is_read_as_it_was_written(house: House) -> None:
    """A job of which nothing was asked is what it was submitted as."""
    location = submit(house, picture(), priority="low")
    ledger = house.services.ledger
    job = ledger.read_job("default", location.rsplit("/", 1)[-1])
    assert job is not None
    assert ledger.read_control(job) == Control(paused=False, priority=Priority.LOW)
    ledger.control(job, paused=True, priority=Priority.HIGH)
    assert ledger.read_control(job) == Control(paused=True, priority=Priority.HIGH)


@pytest.mark.parametrize("step", range(6))
def test_two_calls_at_once_take_nothing_from_each_other(house: House, step: int) -> None:
    """A priority that is set in the middle of a pause stays, and so does the pause."""
    location = submit(house, picture())
    job_id = location.rsplit("/", 1)[-1]
    acted: list[str] = []

    def act() -> None:
        acted.append("priority")
        control(house.services, "default", job_id, priority=Priority.HIGH)

    store = Watched(house.store, does_at(step, act))
    control(replace(house.services, store=store, ledger=Ledger(store=store)), "default", job_id, paused=True)
    if not acted:
        act()
    seen = house.http().get(location).json
    assert (seen["state"], seen["priority"]) == ("paused", "high")
    house.client.flushall()
    house.sweeper().sweep()
    seen = house.http().get(location).json
    assert (seen["state"], seen["priority"]) == ("paused", "high")


def test_an_ended_job_shows_the_priority_that_it_had(house: House) -> None:
    """What a job was told while it ran is told of it when it has left the index."""
    location = submit(house, picture(), priority="low")
    ask(house, f"{location}/priority", {"priority": "high"})
    house.work()
    house.client.flushall()
    seen = house.http().get(location).json
    assert (seen["state"], seen["priority"]) == ("completed", "high")


def test_a_retry_reads_what_it_needs(house: House) -> None:
    """Of a large job only the parts that have an item to retry are read, and no report."""
    ledger = house.services.ledger
    items = [Item(number=n, master="a" * 64, filename=f"{n}.png") for n in range(4002)]
    job = Job(id=new_id(), tenant="default", created=1e9, model="lite", recipe=resolve({}), total=len(items))
    house.store.put_if_absent(layout.master("default", "a" * 64), b"x")
    for part in range(5):
        ledger.write_part("default", job.id, part, items[1000 * part : 1000 * part + 1000])
        ends = [failure(i, Corrupt()) if i.number in (2500, 4001) else success(i) for i in items[1000 * part :][:1000]]
        ledger.end_items(job, ends)
        reports.write(ledger, job, part)
    ledger.commit(job)
    found = states.record(ledger, job)
    counts = Counts(succeeded=found[ItemState.SUCCEEDED], failed=found[ItemState.FAILED])
    ledger.finish(job, Ending(state=JobState.COMPLETED, counts=counts, finished=1e9))
    read: list[str] = []

    class Reading(Watched):
        def get(self, key: str, **span: int) -> AbstractContextManager[BinaryIO]:
            read.append(key.removeprefix(layout.job_folder("default", job.id)))
            return super().get(key, **span)

    store = Reading(house.store, lambda: None)
    services = replace(house.services, store=store, ledger=Ledger(store=store))
    again = retry(services, "default", job.id, {ItemState.FAILED}, key=None, limits=None)
    assert [item.filename for item in ledger.read_part("default", again.id, 0)] == ["2500.png", "4001.png"]
    assert [key for key in read if key.startswith(("report", "manifest"))] == ["manifest/2.jsonl", "manifest/4.jsonl"]
