"""Waiting for the end of a job."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from api.polling import Seats, await_end, seats, wanted_wait
from shared.errors import NotFound
from tests.house import House, make_house, picture


def submit(house: House, number: int = 1) -> str:
    """Submits pictures and returns the job's address."""
    images = [(io.BytesIO(picture(seed=n)), f"{n}.png") for n in range(number)]
    answer = house.http().post("/v1/jobs", data={"image": images}, content_type="multipart/form-data")
    assert answer.status_code == 202
    return str(answer.headers["Location"])


@pytest.fixture
def during(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen while somebody waits: once, when the clock is first slept on."""

    def happen(what: Callable[[], object]) -> None:
        sleep, waiting = house.services.clock.sleep, [what]

        def slept(seconds: float) -> None:
            if waiting:
                waiting.pop()()
            sleep(seconds)

        monkeypatch.setattr(house.services.clock, "sleep", slept)

    return happen


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("wait=10", 10, id="plain"),
        pytest.param("respond-async, WAIT = 7; x=1", 7, id="among others, with a parameter"),
        pytest.param('wait="5"', 5, id="quoted"),
        pytest.param("wait=5, wait=9", 5, id="the first counts"),
        pytest.param("wait=0", 0, id="not at all"),
        pytest.param("wait=3600", 60, id="at most a minute"),
        pytest.param("wait=" + "9" * 5000, 60, id="endless digits"),
        pytest.param("wait", None, id="no value"),
        pytest.param("wait=soon", None, id="no number"),
        pytest.param("wait=-1", None, id="negative"),
        pytest.param("wait=²", None, id="no ASCII digit"),
        pytest.param("waiting=3", None, id="another preference"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_preference_is_read_as_rfc_7240_has_it(header: str | None, seconds: int | None) -> None:
    """The wait of a Prefer header is a number of seconds up to 60; what is no such wish is passed over."""
    assert wanted_wait(header) == seconds


def test_the_answer_comes_with_the_end(house: House, during: Callable[[Callable[[], object]], None]) -> None:
    """A poll that prefers to wait is answered when the job has ended, long before its time is up."""
    location = submit(house)
    etag = house.http().get(location).headers["ETag"]
    during(house.work)
    before = house.services.clock.now()
    answer = house.http().get(location, headers={"Prefer": "wait=50", "If-None-Match": etag})
    assert (answer.status_code, answer.json["state"]) == (200, "completed")
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert "Retry-After" not in answer.headers
    assert house.services.clock.now() - before < 5
    again = house.http().get(location, headers={"Prefer": "wait=50"})
    assert again.headers["Preference-Applied"] == "wait=50"
    assert house.services.clock.now() - before < 5


def test_the_wait_has_an_end(house: House) -> None:
    """A job that goes on is answered after the time, 304 to whoever knows it so, and may be waited for again."""
    house.announce()
    location = submit(house)
    first = house.http().get(location)
    assert "Preference-Applied" not in first.headers
    before = house.services.clock.now()
    headers = {"Prefer": "wait=20", "If-None-Match": first.headers["ETag"]}
    answer = house.http().get(location, headers=headers)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["ETag"] == first.headers["ETag"]
    assert house.services.clock.now() - before == pytest.approx(20)


def test_half_of_the_threads_may_wait(client: redis.Redis) -> None:
    """Where as many wait as there is room for the answer comes at once, and says when to come again."""
    house = make_house(client, api_threads=5)
    location = submit(house)
    http = house.http()
    room = seats(http.application)
    assert [room.take() for _ in range(3)] == [True, True, False]
    assert "Preference-Applied" not in _waited(http, location).headers
    room.leave()
    assert _waited(http, location).headers["Preference-Applied"] == "wait=3"
    assert room.take()


def test_two_threads_have_one_seat(client: redis.Redis) -> None:
    """The least that a server can be given is one thread that waits and one that answers."""
    room = seats(make_house(client, api_threads=2).http().application)
    assert [room.take(), room.take()] == [True, False]


def test_nobody_waits_in_a_server_that_stops(house: House, during: Callable[[Callable[[], object]], None]) -> None:
    """Who waits is answered when the server is about to end."""
    job_id = submit(house).rsplit("/", 1)[-1]
    room = Seats(1)
    during(room.close)
    before = house.services.clock.now()
    view, waited = await_end(house.services, room, "default", job_id, 60)
    assert (waited, view.ended) == (True, False)
    assert house.services.clock.now() - before < 2
    assert room.take()


def test_what_happens_to_the_job_ends_the_wait(house: House, during: Callable[[Callable[[], object]], None]) -> None:
    """A job that leaves the index is recovering, one that is deleted is gone: both are told at once."""
    location = submit(house)
    during(house.client.flushall)
    answer = house.http().get(location, headers={"Prefer": "wait=60"})
    assert (answer.status_code, answer.json["code"]) == (503, "job_recovering")
    room = Seats(1)
    with pytest.raises(NotFound):
        await_end(house.services, room, "somebody", location.rsplit("/", 1)[-1], 1)
    assert room.take()


def _waited(http: FlaskClient, location: str) -> Any:
    answer = http.get(location, headers={"Prefer": "wait=3"})
    assert answer.status_code == 200
    assert answer.headers["Retry-After"] == "1"
    return answer
