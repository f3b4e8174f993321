"""Bodies that come slowly: how many there may be, of all tenants and of one."""

from __future__ import annotations

from typing import Any

import pytest

from api.app import create_app
from api.keys import Scope, create_key
from api.receiving import Room
from shared.errors import TooManyBodies
from tests.house import House


class Slow:
    """A connection whose other side never says anything."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self._then: Any = None

    def bound(self, seconds: float, then: Any) -> None:
        """Remembers who decides."""
        self.calls.append(seconds)
        self._then = then

    def read(self, size: int) -> bytes:
        """Asks whether to wait, and what it gives then is the end."""
        self._then()
        return b'{"files":[]}'[:size]


def test_one_tenant_cannot_take_all_places() -> None:
    """Of three eighths of the threads a tenant with keys has two thirds; who has none has all of them."""
    room = Room(16)
    for _ in range(4):
        room.take("a", keyed=True)
    with pytest.raises(TooManyBodies, match="fewer at once"):
        room.take("a", keyed=True)
    room.take("b", keyed=True)
    room.take("b", keyed=True)
    with pytest.raises(TooManyBodies):
        room.take("c", keyed=True)
    room.leave("a")
    room.take("c", keyed=True)
    assert room.in_use == 6
    alone = Room(2)
    alone.take("default", keyed=False)
    with pytest.raises(TooManyBodies):
        alone.take("default", keyed=False)


def test_a_slow_body_takes_a_place_while_it_comes(house: House) -> None:
    """A body that has the server wait has a place until its request ends; beyond them it is 503, and is not drained."""
    app = create_app(house.services)
    room = app.extensions["photochrom.receiving"]
    seen: list[int] = []
    app.after_request(lambda response: seen.append(room.in_use) or response)

    def ask() -> tuple[Any, Slow]:
        slow = Slow()
        environ = {"gunicorn.socket": slow, "wsgi.input": slow, "CONTENT_LENGTH": "12"}
        answer = app.test_client().post("/v1/uploads", content_type="application/json", environ_overrides=environ)
        return answer, slow

    answer, slow = ask()
    assert answer.json["code"] == "invalid_request"
    assert (seen, room.in_use) == ([1], 0)
    patience, linger = slow.calls
    assert 0 < patience < linger
    with pytest.raises(ConnectionResetError):
        slow.read(1)
    for _ in range(room.places):
        room.take("default", keyed=False)
    answer, slow = ask()
    assert (answer.status_code, answer.json["code"]) == (503, "too_many_bodies")
    assert answer.headers["Retry-After"] == "5"
    assert slow.calls[0] < patience
    assert slow.calls[1] == 0
    assert room.in_use == room.places


def test_who_is_not_let_in_is_not_waited_for(house: House) -> None:
    """The body of a request without a good key is read no further than it is there, and takes no place."""
    create_key(house.store, house.services.clock, tenant="a", name="a", scopes=Scope)
    app, slow = create_app(house.services), Slow()
    answer = app.test_client().put(
        f"/v1/uploads/{'0' * 64}",
        environ_overrides={"gunicorn.socket": slow, "wsgi.input": slow, "CONTENT_LENGTH": "12"},
    )
    assert (answer.status_code, slow.calls) == (401, [0])


@pytest.mark.parametrize("path", ["/healthz", "/openapi/openapi.json", "/nowhere"])
def test_a_body_that_nobody_asked_for_changes_nothing(house: House, path: str) -> None:
    """A call that is open to everybody is answered alike with a body, which takes no place and is not waited for."""
    create_key(house.store, house.services.clock, tenant="a", name="a", scopes=Scope)
    app, slow = create_app(house.services), Slow()
    environ = {"gunicorn.socket": slow, "wsgi.input": slow, "CONTENT_LENGTH": "12"}
    with_body = app.test_client().get(path, environ_overrides=environ)
    assert with_body.status_code == app.test_client().get(path).status_code
    assert slow.calls == [0]
