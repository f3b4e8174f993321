"""Receiving: for how many bodies that come slowly there is room. Each holds a thread for as long as it comes.

A body that comes as fast as it is read is not counted, however many there are. One that has had the server wait takes a
place, and is refused where there is none: threads must stay free for those who only ask.
"""

from __future__ import annotations

import errno
import threading
from collections import Counter
from typing import Protocol, cast

from flask import Flask, current_app, g, request

from api.asking import caller
from api.patience import patience
from shared.errors import TooManyBodies

#: What the rest of a body that was refused may have the server wait, seconds: who still sends would be cut off before
#: the answer is read. Those without a place or without a key are not waited for.
_LINGER = 1.0

_EXTENSION = "photochrom.receiving"


class Connection(Protocol):
    """A connection of the server's that knows how long it waits for the other side; see `cli.pace.Paced`."""

    def bound(self, seconds: float, then: Receiver) -> None:
        """Has `then` called once reading has waited for so long; what that raises ends the reading."""


class Receiver(Protocol):
    """Decides about a body that has had the server wait."""

    def __call__(self) -> None:
        """Raises where it must not go on."""


class Room:
    """Places for slow bodies: three eighths of the threads, of which a tenant with API keys has two thirds at most.

    Half of the threads is for waiters and streams, a sixteenth for heads that come slowly (`cli.pace`): one in sixteen
    is left, however many there are of all these.
    """

    def __init__(self, threads: int) -> None:
        """Takes the number of the server's threads."""
        self.places = max(1, threads * 3 // 8)
        self.share = max(1, self.places * 2 // 3)
        self._taken: Counter[str] = Counter()
        self._guard = threading.Lock()

    @property
    def in_use(self) -> int:
        """How many places are taken."""
        return self._taken.total()

    def take(self, tenant: str, *, keyed: bool) -> None:
        """Takes a place; raises TooManyBodies where none is free, or the tenant's share is taken."""
        with self._guard:
            for taken, limit in (
                (self._taken.total(), self.places),
                (self._taken[tenant], self.share if keyed else self.places),
            ):
                if taken >= limit:
                    raise TooManyBodies(
                        "As many bodies come slowly as there is room for: send it again later, or fewer at once.",
                        limit=limit,
                        seen=taken,
                    )
            self._taken[tenant] += 1

    def leave(self, tenant: str) -> None:
        """Gives a place back."""
        with self._guard:
            self._taken[tenant] -= 1
            if not self._taken[tenant]:
                del self._taken[tenant]


def install(app: Flask, threads: int) -> None:
    """Gives an app room for slow bodies. Comes after whatever finds out whose request it is."""
    app.extensions[_EXTENSION] = Room(threads)
    app.before_request(_watch)
    app.teardown_request(_part)


def room() -> Room:
    """Returns the room of the app that answers this request."""
    return cast("Room", current_app.extensions[_EXTENSION])


def _watch() -> None:
    connection = _connection()
    if connection is None or "caller" not in g:  # nobody reads the body of a call that is open to everybody
        return
    held, asking = room(), caller()

    g.linger = _LINGER

    def sit() -> None:
        g.linger = 0
        held.take(asking.tenant, keyed=asking.keyed)
        g.place, g.linger = asking.tenant, _LINGER

    connection.bound(patience(held.in_use, held.places), sit)


def _part(_: BaseException | None) -> None:
    """Gives the place back, and hardly waits for what is left of the body: the server reads it only to its end."""
    if tenant := g.pop("place", None):
        room().leave(tenant)
    if connection := _connection():
        connection.bound(g.get("linger", 0), _give_up)


def _give_up() -> None:
    raise ConnectionResetError(errno.ECONNRESET, "Nobody needs what is left of the body.")


def _connection() -> Connection | None:
    """Returns the connection that the request's body comes from; None where there is none, or no such server."""
    if "body" not in g:
        return None
    connection = request.environ.get("gunicorn.socket")
    return cast("Connection", connection) if hasattr(connection, "bound") else None
