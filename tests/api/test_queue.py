"""How much work there is."""

from __future__ import annotations

import io

import pytest
import redis

from api.queue import Count, count
from shared.errors import IndexUnavailable
from shared.index.connection import connect
from shared.recipes import PIPELINE_VERSION
from tests.house import LITE, House, make_house, picture


def submit(house: House, number: int) -> str:
    """Submits pictures and returns the job's address."""
    images = [(io.BytesIO(picture(seed=n)), f"{n}.png") for n in range(number)]
    answer = house.http().post("/v1/jobs", data={"image": images}, content_type="multipart/form-data")
    return str(answer.headers["Location"])


def test_the_queue_tells_what_waits_and_runs(house: House) -> None:
    """Items are counted by model and by the size of their jobs; a model without work is there with zeros."""
    submit(house, 3)
    submit(house, 12)
    house.announce()
    house.services.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="host/1", host="host", lease=9)
    queue = house.http().get("/v1/queue").json
    assert (queue["waiting"], queue["running"], queue["slots"]) == (14, 1, 2)
    assert queue["models"]["lite"] == {
        "digest": LITE.digest,
        "waiting": 14,
        "running": 1,
        "unfinished": 15,
        "small": 2,
        "large": 12,
        "slots": 2,
    }
    assert queue["models"]["eccv16"]["unfinished"] == 0


def test_what_is_canceled_waits_for_its_end_alone(house: House) -> None:
    """Items of a canceled job do not wait, those that run do; its end needs a worker, and then nothing does."""
    location = submit(house, 3)
    house.services.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="host/1", host="host", lease=9)
    house.http().post(f"{location}/cancel")
    lite = count(house.services)["models"]["lite"]
    assert (lite["waiting"], lite["running"], lite["unfinished"]) == (0, 1, 1)
    location = submit(house, 2)
    house.http().post(f"{location}/cancel")
    lite = count(house.services)["models"]["lite"]
    assert (lite["waiting"], lite["running"], lite["unfinished"]) == (0, 1, 2)
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    assert count(house.services)["models"]["lite"]["unfinished"] == 1


def test_a_model_that_nobody_knows_has_its_clients_name(client: redis.Redis) -> None:
    """A net of another machine whose workers are all stopped is called as its job calls it."""
    house = make_house(client)
    submit(house, 1)
    job = next(iter(house.services.index.live_jobs()))
    house.client.hset(f"pc:job:{job}", "model", "f" * 64)
    models = count(house.services)["models"]
    # Two nets of one name are told apart: the one that has the name here keeps it.
    assert {name: each["waiting"] for name, each in models.items() if each["waiting"]} == {f"lite@{'f' * 12}": 1}
    assert models["lite"]["digest"] == LITE.digest


def test_the_queue_needs_the_index(house: House) -> None:
    """Without the index nobody can tell, which is 503 and no zero: zero would stop the workers."""
    away = make_house(connect("redis://127.0.0.1:1/0"), store=house.store)
    answer = away.http().get("/v1/queue")
    assert (answer.status_code, answer.json["code"]) == (503, "index_unavailable")
    assert answer.headers["Retry-After"]


def test_the_queue_is_counted_once_a_second(house: House) -> None:
    """Whoever asks again within a second is told what was found: autoscalers cost nothing."""
    http = house.http()
    assert http.get("/v1/queue").json["waiting"] == 0
    submit(house, 1)
    asked = house.client.info("stats")["total_commands_processed"]
    assert http.get("/v1/queue").json["waiting"] == 0
    assert house.client.info("stats")["total_commands_processed"] - asked == 1


def test_an_index_that_hangs_is_asked_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many that ask while the index is away one waits for it, and the others are told what it was told."""
    asked = 0

    def hang() -> dict[str, object]:
        nonlocal asked
        asked += 1
        raise IndexUnavailable()

    monkeypatch.setattr(house.services.index.polls, "work", hang)
    counting = Count(house.services)
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            counting()
    assert asked == 1
