"""Server-sent events of a job."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from api.keys import create_key, list_keys, revoke_key
from api.polling import Seats, seats
from shared.deletion import delete
from shared.errors import TooManyStreams
from tests.house import House, make_house, picture


def submit(house: House, headers: dict[str, str] | None = None) -> str:
    """Submits a picture and returns the job's address."""
    form = {"image": (io.BytesIO(picture()), "a.png")}
    answer = house.http().post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")
    return str(answer.headers["Location"])


def follow(house: House, location: str, **headers: str) -> tuple[Any, Iterator[str]]:
    """Opens a stream; returns the answer and what it says, block by block."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = house.http().get(f"{location}/events", headers=names, buffered=False)
    return answer, (chunk.decode() for chunk in answer.iter_encoded())


def parsed(block: str) -> tuple[str, str | None, Any]:
    """Name, id and data of an event."""
    fields = dict(line.split(": ", 1) for line in block.strip().splitlines())
    return fields["event"], fields.get("id"), json.loads(fields["data"])


def test_a_job_is_followed_to_its_end(house: House) -> None:
    """The stream begins with the job as it is, tells each change once, and ends with the end."""
    house.announce()
    location = submit(house)
    answer, said = follow(house, location)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert next(said) == "retry: 2000\n\n"
    name, number, job = parsed(next(said))
    assert (name, job["state"]) == ("job", "queued")
    assert number == str(job["revision"])
    house.work()
    name, number, job = parsed(next(said))
    assert (name, job["state"], number) == ("job", "completed", str(job["revision"]))
    assert list(said) == []
    assert job == house.http().get(location).json


def test_who_comes_again_is_not_told_twice(house: House) -> None:
    """With the id of the last event that one is left out; after the end a browser is told to stay away."""
    house.announce()
    location = submit(house)
    revision = str(house.http().get(location).json["revision"])
    _, said = follow(house, location, Last_Event_ID=revision)
    next(said)
    assert next(said).startswith(": ")
    house.work()
    _, number, job = parsed(next(said))
    assert job["state"] == "completed"
    assert follow(house, location, Last_Event_ID=str(number))[0].status_code == 204
    late = [*follow(house, location, Last_Event_ID=revision)[1]]
    assert parsed(late[1])[1] == number


def test_a_silent_stream_says_that_it_lives_and_ends_in_time(house: House) -> None:
    """Where nothing changes there is a comment each 15 s, and after five minutes the client has to come again."""
    location = submit(house)
    before = house.services.clock.now()
    said = [*follow(house, location)[1]]
    assert house.services.clock.now() - before == pytest.approx(300, abs=2)
    assert 18 <= sum(block.startswith(": ") for block in said) <= 20
    assert sum(block.startswith("event: ") for block in said) == 1


def test_a_deleted_job_is_gone(house: House) -> None:
    """A job that is deleted while it is followed is said to be gone, and the stream ends; then it is 404."""
    location = submit(house)
    job_id = location.rsplit("/", 1)[-1]
    _, said = follow(house, location)
    next(said), next(said)
    delete(house.services.ledger, house.services.index, "default", job_id)
    assert parsed(next(said)) == ("gone", None, {"id": job_id})
    assert list(said) == []
    assert follow(house, location)[0].status_code == 404


def test_a_stream_outlives_the_index(house: House) -> None:
    """While the index lacks the job nothing is said; the job is followed on when it is back."""
    location = submit(house)
    _, said = follow(house, location)
    next(said), next(said)
    house.client.flushall()
    assert next(said).startswith(": ")
    house.sweeper().sweep()
    assert parsed(next(said))[2]["state"] == "queued"


def test_a_stream_has_a_seat_until_it_is_left(client: redis.Redis) -> None:
    """Beyond half of the threads there is no stream but advice; a client that goes away leaves its seat."""
    house = make_house(client, api_threads=2)
    location = submit(house)
    http = house.http()
    first = http.get(f"{location}/events", buffered=False)
    next(iter(first.iter_encoded()))
    refused = http.get(f"{location}/events")
    assert (refused.status_code, refused.json["code"]) == (TooManyStreams.status, "too_many_streams")
    assert refused.headers["Retry-After"]
    first.close()
    assert seats(http.application).take()
    seats(http.application).leave()
    assert http.head(f"{location}/events", buffered=True).status_code == 200
    assert http.get("/v1/jobs/nonsense/events").status_code == 404
    assert seats(http.application).take()


def test_a_server_that_stops_ends_its_streams(house: House) -> None:
    """Once the seats are closed a stream says nothing more."""
    location = submit(house)
    http = house.http()
    answer = http.get(f"{location}/events", buffered=False)
    said = iter(answer.iter_encoded())
    next(said), next(said)
    seats(http.application).close()
    assert list(said) == []


def test_a_revoked_key_follows_nothing(house: House) -> None:
    """The stream of a key that is revoked ends as soon as the server knows it."""
    clock = house.services.clock
    key = create_key(house.store, clock, tenant="a", name="")
    headers = {"Authorization": f"Bearer {key}"}
    location = submit(house, headers)
    _, said = follow(house, location, **headers)
    next(said), next(said)
    revoke_key(house.store, clock, list_keys(house.store)[0])
    assert len(list(said)) <= 2
    assert not Seats(0).take()
