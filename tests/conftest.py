"""What every test may ask for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
import redis
import structlog
from hypothesis import settings

from cli.embedded import EmbeddedValkey
from tests.house import House, make_house

#: `pytest --hypothesis-profile=long`, for what looks longer there.
settings.register_profile("long")


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs() -> None:
    """Keeps log lines out of what commands print when they are called in this process."""

    def drop(*_: object) -> dict[str, object]:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hides what the user has fetched or added: tests know only what ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A real Valkey server of this test process."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey") / "valkey.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The address of an empty Valkey."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A connection to an empty Valkey."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def photos() -> Path:
    """The folder of the public-domain test photos."""
    return Path(__file__).parent / "photos"


@dataclass(kw_only=True)
class Service:
    """A really running `photochrom up`."""

    data: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None
    _reader: threading.Thread = field(default_factory=threading.Thread)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it says that it runs."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "photochrom", "up", "--data", str(self.data), "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Ctrl-C stops it" in line:
                # What it says later must not fill the pipe.
                self._reader = threading.Thread(target=self._drain, args=(self.process.stdout,))
                self._reader.start()
                return
        self.process.stdout.close()
        raise AssertionError("".join(said))

    def stop(self) -> int:
        """Stops it as Ctrl-C does and returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(60)
        self._reader.join()
        return status

    def kill(self) -> None:
        """Kills it as nothing else does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self._reader.join()

    @staticmethod
    def _drain(output: IO[str]) -> None:
        with output:
            output.read()

    def workers(self) -> list[int]:
        """Returns the ids of the worker processes, those that hold a net."""
        assert self.process is not None
        mains = [pid for pid in _children(self.process.pid) if b"\0worker\0" in _command_line(pid)]
        return [pid for main in mains for pid in _children(main) if b"spawn_main" in _command_line(pid)]


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Starts services with short leases; what still runs at the end is stopped."""
    services: list[Service] = []

    def start(**environment: str) -> Service:
        service = Service(
            data=tmp_path_factory.mktemp("service") / "data",
            port=_free_port(),
            environment={"PHOTOCHROM_LEASE_SECONDS": "3", "PHOTOCHROM_SWEEP_SECONDS": "1"} | environment,
        )
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        if service.process and service.process.poll() is None:
            assert service.stop() == 0


@pytest.fixture(scope="session")
def service_url(start_service: Callable[..., Service]) -> str:
    """The address of a running service that tests may share."""
    return start_service().url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def house(client: redis.Redis) -> House:
    """API and worker in this process, over storage in memory and an empty Valkey."""
    return make_house(client)
