"""Waiting in the server: how long a client would have it, and for how many clients at once there is room."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app
from werkzeug.http import parse_list_header, unquote_header_value

from api.job_views import JobView, job_view
from shared.services import Services

#: The longest that a client may have the server wait, seconds.
MAX_WAIT = 60

#: How often a waiter looks at its job, seconds.
_STEP = 0.5

_EXTENSION = "photochrom.seats"


class Seats:
    """Room for waiters and streams, each of which holds a thread: some of the threads must stay free for answers."""

    def __init__(self, number: int) -> None:
        """Takes how many may wait at once."""
        self._guard = threading.Lock()
        self._number = self._free = number
        #: whether the server is about to end, so that nobody waits any longer
        self.closed = False

    def take(self) -> bool:
        """Takes a seat; returns False where none is free."""
        with self._guard:
            taken = self._free > 0
            self._free -= taken
        return taken

    def leave(self) -> None:
        """Gives a seat back."""
        with self._guard:
            self._free += 1

    @property
    def in_use(self) -> int:
        """How many are taken."""
        return self._number - self._free

    def close(self) -> None:
        """Sends everybody away; may be called by a signal handler."""
        self.closed = True

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Takes a seat for a while; gives False where none is free."""
        got = self.take()
        try:
            yield got
        finally:
            if got:
                self.leave()


def provide(app: Flask, threads: int) -> None:
    """Gives an app seats: half of its threads."""
    app.extensions[_EXTENSION] = Seats(threads // 2)


def seats(app: Flask | None = None) -> Seats:
    """Returns the seats of an app, by default of the one that answers this request."""
    return cast("Seats", (app or current_app).extensions[_EXTENSION])


def wanted_wait(prefer: str | None) -> int | None:
    """Returns the seconds that a Prefer header (RFC 7240) wants to wait, at most `MAX_WAIT`, or None.

    A preference is a wish: what is none that this server knows is passed over, and of two the first counts.
    """
    for preference in parse_list_header(prefer or ""):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = unquote_header_value(value.strip())
        if name.strip().lower() == "wait":
            return min(MAX_WAIT, int(seconds[:9])) if seconds.isascii() and seconds.isdecimal() else None
    return None


def await_end(held: Services, room: Seats, owner: str, job_id: str, seconds: int) -> tuple[JobView, bool]:
    """Returns a job when it has ended, or after so many seconds, and whether there was room to wait for it."""
    view = job_view(held, owner, job_id)
    if view.ended:
        return view, True
    with room.taken() as waiting:
        if waiting:
            _wait(held, room, job_id, held.clock.now() + seconds)
    return job_view(held, owner, job_id) if waiting else view, waiting


def _wait(held: Services, room: Seats, job_id: str, until: float) -> None:
    """Waits for the job's end, for that of the server, or until a moment; a job that leaves the index is looked for."""
    while not room.closed and (left := until - held.clock.now()) > 0:
        pulse = held.index.polls.pulse(job_id)
        if pulse is None or pulse.state.ended:
            return
        held.clock.sleep(min(_STEP, left))
