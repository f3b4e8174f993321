"""Clients that take their time with the real server: how they are let in, and how they are sent away."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from gunicorn.config import Config
from gunicorn.workers.gthread import PollableMethodQueue, TConn

from cli.api import _Worker
from cli.pace import GRACE
from shared.storage.directory import DirectoryStore
from tests.house import make_house, picture

#: No test takes this long: what does hangs.
DEADLINE = 60


@dataclass(frozen=True, kw_only=True)
class Served:
    """A real `photochrom api` with two threads, and a job that nobody works on."""

    port: int
    location: str
    process: subprocess.Popen[bytes]

    def ask(self, path: str = "", **headers: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Asks for the job, or for what is below it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("GET", self.location + path, headers=headers)
        return connection, connection.getresponse()


#: `photochrom`, whose clients have half a second's grace.
_HASTY = """
from cli.pace import Paced
Paced.__init__.__kwdefaults__["grace"] = 0.5
from photochrom.__main__ import main
main()
"""


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path, client: redis.Redis, redis_url: str) -> Iterator[Served]:
    """Starts the server, or another program; it is killed if the test has not ended it."""
    program = ["-c", request.param] if hasattr(request, "param") else ["-m", "photochrom"]
    house = make_house(client, store=DirectoryStore(tmp_path / "objects"))
    form = {"image": (io.BytesIO(picture()), "a.png")}
    location = house.http().post("/v1/jobs", data=form, content_type="multipart/form-data").headers["Location"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PHOTOCHROM_STORAGE_URL": str(tmp_path / "objects"),
        "PHOTOCHROM_REDIS_URL": redis_url,
        "PHOTOCHROM_API_THREADS": "2",
    }
    process = subprocess.Popen(
        [sys.executable, *program, "api", "--port", str(port)], env={**os.environ, **environment}
    )
    try:
        _until(lambda: _answers(port))
        client.config_resetstat()
        yield Served(port=port, location=location, process=process)
    finally:
        process.kill()
        process.wait()


def _until(happened: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(10 * DEADLINE):
        if happened():
            return
        waiting.wait(0.1)
    raise AssertionError("it does not happen")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_server_that_is_told_to_stop_lets_its_waiters_go(served: Served) -> None:
    """A stream has the one seat, so that a wish to wait is answered at once; SIGTERM ends stream and server cleanly."""
    connection, stream = served.ask("/events")
    with closing(connection):
        assert stream.readline() == b"retry: 2000\n"
        while not (line := stream.readline()).startswith(b"data: "):
            assert line
        other, answer = served.ask(Prefer="wait=60")
        with closing(other):
            assert (answer.status, answer.getheader("Preference-Applied")) == (200, None)
            answer.read()
            served.process.send_signal(signal.SIGTERM)
            assert stream.read() == b"\n"
            assert served.process.wait(DEADLINE) == 0


def test_a_waiter_is_answered_before_the_server_ends(served: Served, client: redis.Redis) -> None:
    """Who waits for a job is told how it stands when the server is about to stop: the answer is whole."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=DEADLINE)) as connection:
        connection.request("GET", served.location, headers={"Prefer": "wait=60"})
        # Nobody else looks at a job so.
        _until(lambda: "cmdstat_hmget" in client.info("commandstats"))
        served.process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Preference-Applied")) == (200, "wait=60")
        assert answer.read().startswith(b"{")
        assert served.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_manifest_that_breaks_off_makes_no_job(served: Served, chunked: bool) -> None:
    """A connection that is cut behind a whole line has not sent all: nothing of it becomes a job."""
    line = json.dumps({"sha256": hashlib.sha256(picture()).hexdigest()}).encode() + b"\n"
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(line) * 3}"
    sent = f"{len(line):x}\r\n".encode() + line + b"\r\n" if chunked else line * 2
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n{size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), DEADLINE) as connection:
        connection.sendall(head.encode() + sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b"broke off" in answer


@pytest.mark.parametrize("served", [_HASTY], indirect=True)
@pytest.mark.parametrize("begun", ["GET /healthz HT", "PUT /v1/uploads/{} HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"])
def test_slow_clients_leave_the_threads_free(served: Served, begun: str) -> None:
    """As many clients as there are threads begin a request and say no more: somebody else is answered all the same."""
    with ExitStack() as stack:
        for _ in range(2):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), DEADLINE))
            slow.sendall(begun.format("0" * 64).encode())
        connection, answer = served.ask()
        with closing(connection):
            assert answer.status == 200
            answer.read()


def test_heads_that_come_slowly_leave_a_thread_free(served: Served) -> None:
    """Who sends half a head holds one thread of two at most, for all of his grace; the others are cut off."""
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port), DEADLINE)) for _ in range(8)]
        for each in slow:
            each.settimeout(GRACE / 6)
            each.sendall(b"GET /healthz HT")
        # With every thread held it would be the grace of the first two.
        connection, answer = served.ask()
        with closing(connection):
            assert answer.status == 200
            answer.read()
        with ThreadPoolExecutor(len(slow)) as pool:
            cut_off = sum(pool.map(_is_cut_off, slow))
        assert cut_off == len(slow) - 1


def _is_cut_off(connection: socket.socket) -> bool:
    """Tells whether the server has ended a connection, or does so soon."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_clients_that_do_not_close_hold_nobody_up(served: Served) -> None:
    """Who has the last answer of a connection and keeps it open is not waited for where all come in."""
    begun = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        # Two seconds each would be more than the deadline.
        for _ in range(40):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), DEADLINE))
            idle.sendall(begun)
            assert idle.recv(12) == b"HTTP/1.1 200"
        connection, answer = served.ask()
        with closing(connection):
            assert answer.status == 200
            answer.read()


@pytest.mark.parametrize("alive", [True, False])
def test_who_came_in_before_the_stop_is_answered(alive: bool) -> None:
    """A connection that was let in at the moment of SIGTERM is given a thread, and not closed without an answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool, closing(selectors.DefaultSelector()) as poller:
        worker = object.__new__(_Worker)
        worker.cfg, worker.alive, worker.tpool, worker.poller = Config(), alive, pool, poller
        worker.pending_conns, worker.nr_conns, worker.method_queue = deque(), 1, PollableMethodQueue()
        worker.method_queue.init()
        handled: list[object] = []
        worker.handle = handled.append
        connection = TConn(worker.cfg, ours, None, None)
        worker.enqueue_req(connection)
        pool.shutdown()
        assert handled == ([] if alive else [connection])
        assert list(worker.pending_conns) == ([connection] if alive else [])
        assert ours.fileno() != -1
        worker.method_queue.close()
