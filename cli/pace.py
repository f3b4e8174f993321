"""Pace: how fast the other side of a connection has to be, so that nobody holds a thread of the server for ever."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from api.patience import patience

#: What a request, or a part of an answer, may take whatever its size, seconds.
GRACE = 30.0

#: Each so many bytes may take a second more: a telephone line of 1990 is faster.
RATE = 500

#: What is read at most of a body that nobody needs, bytes.
_LEFT = 1 << 16

Result = TypeVar("Result")


class Paced:
    """A connection of gunicorn's that breaks off where the other side is too slow.

    Only time that is spent waiting for it counts, as in Apache's mod_reqtimeout (MinRate): what the server itself takes
    between two reads is nobody's fault.
    """

    def __init__(self, connection: socket.socket, *, grace: float = GRACE, rate: float = RATE) -> None:
        """Takes the connection, the grace in seconds and the least bytes a second."""
        self._connection = connection
        self._grace = grace
        self._rate = rate
        self.renew()

    def renew(self) -> None:
        """Begins the count anew: another request comes."""
        self._waited = 0.0
        self._received = 0
        self._mark = 0.0
        self._then: Callable[[], None] | None = None

    def bound(self, seconds: float, then: Callable[[], None]) -> None:
        """Has `then` called once reading has waited for `seconds` from now on, before it waits any longer.

        What it raises ends the reading, and is raised by each further one that would wait; else nothing is bound any
        more.
        """
        self._mark, self._then = self._waited + seconds, then

    def free(self, then: Callable[[], None]) -> None:
        """Takes a bound back, unless another has come in its place."""
        if self._then == then:
            self._then = None

    def recv(self, size: int) -> bytes:
        """Returns what comes next, at most `size` bytes; raises ConnectionResetError where the request is too slow."""
        begun = time.monotonic()
        if self._then and not self._comes(self._mark - self._waited):
            self._waited += time.monotonic() - begun
            begun = time.monotonic()
            self._then()
            self._then = None
        data = self._within(
            self._grace + self._received / self._rate - self._waited, lambda: self._connection.recv(size)
        )
        self._waited += time.monotonic() - begun
        self._received += len(data)
        return data

    def sendall(self, data: bytes) -> None:
        """Sends bytes; raises ConnectionResetError where they are taken too slowly."""
        self._within(self._grace + len(data) / self._rate, lambda: self._connection.sendall(data))

    def part(self) -> None:
        """Ends the connection, but for its close, which waits for nothing then.

        What is left of a bound body is read on, as far as it is let: who still sends would be cut off before the answer
        is read.
        """
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
            left = _LEFT
            while self._then and left > 0 and (data := self.recv(left)):
                left -= len(data)
        self.bound(0, _gone)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _comes(self, seconds: float) -> bool:
        """Tells whether something comes within so many seconds."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))

    def _within(self, seconds: float, act: Callable[[], Result]) -> Result:
        """Does something that waits for the other side for so long at most, or for the connection's own timeout."""
        before = self._connection.gettimeout()
        ours = before is None or seconds < before
        try:
            if ours:
                # 0 would be not to wait at all.
                self._connection.settimeout(max(seconds, 0.001))
            return act()
        except TimeoutError as error:
            if not ours:
                raise
            # Gunicorn says nothing of a connection that was reset.
            raise ConnectionResetError(errno.ECONNRESET, "The other side is too slow.") from error
        finally:
            if ours:
                self._connection.settimeout(before)


class SlowHeads:
    """Places for requests whose head comes slowly: a sixteenth of the threads. Nobody knows yet whose they are."""

    def __init__(self, threads: int) -> None:
        """Takes the number of the server's threads."""
        self._places = max(1, threads // 16)
        self._taken = 0
        self._guard = threading.Lock()

    @contextmanager
    def let_in(self, connection: Paced) -> Iterator[None]:
        """Gives the next request on a connection a place once it has had the server wait; cuts it off without one."""
        sits = False

        def sit() -> None:
            nonlocal sits
            with self._guard:
                if self._taken >= self._places:
                    raise ConnectionResetError(errno.ECONNRESET, "As many heads come slowly as there is room for.")
                self._taken += 1
            sits = True

        connection.bound(patience(self._taken, self._places), sit)
        try:
            yield
        finally:
            connection.free(sit)
            if sits:
                with self._guard:
                    self._taken -= 1


def _gone() -> None:
    raise ConnectionResetError(errno.ECONNRESET, "Nobody waits for this connection any more.")
