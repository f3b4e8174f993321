"""Waiters and streams in the real server: how they begin, and how they end with it."""

from __future__ import annotations

import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

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


@pytest.fixture
def served(tmp_path: Path, client: redis.Redis, redis_url: str) -> Iterator[Served]:
    """Starts the server; it is killed if the test has not ended it."""
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
        [sys.executable, "-m", "photochrom", "api", "--port", str(port)], env={**os.environ, **environment}
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
