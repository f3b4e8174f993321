"""A faulty proxy before an S3 server: what network and storage do on a bad day; seeded and counted."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

from tests.chaos.relay import Fault, Relay

#: How often a held connection looks whether it may go, seconds.
_POLL = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """A time of one fault."""

    kind: Fault
    #: by the monotonic clock, seconds
    until: float
    #: 0..1, of the requests that it can hit
    share: float


class FaultyProxy:
    """Passes HTTP on to a server on this machine, except for what the open windows do to it.

    Safe for threads. `port` is where it listens. `hits` counts the requests (for an outage: the connections) that each
    kind hit, `passed` the requests that were answered by the server.
    """

    def __init__(self, upstream_port: int, *, seed: int = 0) -> None:
        """Opens nothing yet."""
        self.upstream_port = upstream_port
        self.hits: Counter[Fault] = Counter()
        self.passed = 0
        self._dice = random.Random(seed)
        self._guard = threading.Lock()
        self._windows: list[_Window] = []
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._stop = threading.Event()
        self.port = 0
        self._door: threading.Thread | None = None

    def start(self) -> int:
        """Listens on a free port of 127.0.0.1 and returns it."""
        self._listener = _bound(0)
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._door = threading.Thread(target=self._run, daemon=True)
        self._door.start()
        return self.port

    def stop(self) -> None:
        """Cuts everybody off and listens no more."""
        self._stop.set()
        self.heal()
        if self._door:
            self._door.join()
        self._cut_off()

    def fault(self, kind: Fault | str, seconds: float, *, share: float = 1.0) -> None:
        """Opens a window from now on; it may overlap with others, of which the oldest is asked first."""
        window = _Window(kind=Fault(kind), until=time.monotonic() + seconds, share=share)
        with self._guard:
            self._windows.append(window)

    def heal(self) -> None:
        """Closes every window at once."""
        with self._guard:
            self._windows.clear()

    def healthy(self) -> bool:
        """Tells whether no window is open."""
        return not self._open()

    def judge(self, *, conditional: bool) -> Fault | None:
        """Decides what happens to a request, and counts it."""
        for window in self._open():
            if window.kind is Fault.OUTAGE or (window.kind is Fault.CONFLICT and not conditional):
                continue
            with self._guard:
                hit = self._dice.random() < window.share
                self.hits[window.kind] += hit
            if hit:
                return window.kind
        return None

    def passes(self, method: str, path: str, status: int) -> None:
        """Counts a request that the server answered with `status`; `path` has the query."""
        with self._guard:
            self.passed += 1

    def hold(self) -> None:
        """Waits until no window of time-outs is open."""
        while self._has(Fault.TIMEOUT):
            time.sleep(_POLL)

    def _open(self) -> list[_Window]:
        now = time.monotonic()
        with self._guard:
            self._windows = [window for window in self._windows if window.until > now]
            return list(self._windows)

    def _has(self, kind: Fault) -> bool:
        return any(window.kind is kind for window in self._open())

    def _run(self) -> None:
        """Accepts connections; in an outage the port is held, but nobody listens."""
        while not self._stop.is_set():
            if self._has(Fault.OUTAGE):
                self._be_away()
            assert self._listener is not None
            self._listener.settimeout(_POLL)
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(None)
                with self._guard:
                    self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        assert self._listener is not None
        self._listener.close()

    def _be_away(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self._listener = _bound(self.port)
        while self._has(Fault.OUTAGE):
            # Again and again: a connection may have been accepted just before.
            self._cut_off()
            time.sleep(_POLL)
        self._listener.listen(128)

    def _cut_off(self) -> None:
        with self._guard:
            cut, self._connections = self._connections, set()
            self.hits[Fault.OUTAGE] += 0 if self._stop.is_set() else len(cut)
        for connection in cut:
            # Its own thread closes it.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError, HTTPException):
                Relay(connection, self)
        finally:
            with self._guard:
                self._connections.discard(connection)
            connection.close()


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener
