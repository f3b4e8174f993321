"""A site: Valkey, the processes beside it, and a supervisor that starts again what ends."""

from __future__ import annotations

import os
import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.chaos.processes import Process
from tests.chaos.valkey import Valkey

_POLL = 0.1

_READY_SECONDS = 120.0


class Site:
    """What faults strike. `hosts` are its workers, `apis` what answers HTTP at `urls`."""

    def __init__(self, folder: Path) -> None:
        """Starts nothing yet; logs go to `folder`."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._run = Path(tempfile.mkdtemp(prefix="chaos-"))
        self._tether = os.pipe()
        self._stop = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self.valkey = Valkey(self._run, folder / "valkey.log")
        self.hosts: list[Process] = []
        self.apis: list[Process] = []
        self.urls: list[str] = []

    def process(self, name: str, *arguments: str, environment: Mapping[str, str]) -> Process:
        """Returns a process of this site."""
        return Process(
            name=name,
            arguments=arguments,
            environment=environment,
            log=self.folder / f"{name}.log",
            tether=self._tether[0],
        )

    @contextmanager
    def taken(self, processes: list[Process], dice: random.Random) -> Iterator[Process]:
        """Gives one of the processes into the caller's hands; nobody else touches it meanwhile."""
        while True:
            process = dice.choice(processes)
            if process.busy.acquire(timeout=_POLL):
                break
        try:
            yield process
        finally:
            process.busy.release()

    def wait_ready(self) -> None:
        """Waits until every API says that it can work, and every host has announced itself."""
        until = time.monotonic() + _READY_SECONDS
        with self.valkey.client() as client:
            while client.scard("pc:hosts") < len(self.hosts) or not all(_ready(url) for url in self.urls):
                if time.monotonic() > until:
                    raise TimeoutError(f"the service is not ready; its logs are in {self.folder}")
                time.sleep(_POLL)

    def __enter__(self) -> Self:
        self.valkey.start()
        for process in (*self.apis, *self.hosts):
            process.start()
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._supervisor.join()
        for process in (*self.apis, *self.hosts):
            process.kill()
        self.valkey.close()
        for descriptor in self._tether:
            os.close(descriptor)
        shutil.rmtree(self._run)

    def _supervise(self) -> None:
        while not self._stop.wait(_POLL):
            for process in (*self.apis, *self.hosts):
                if process.busy.acquire(blocking=False):
                    if process.ended():
                        process.kill()
                        process.start()
                    process.busy.release()


def free_port() -> int:
    """Returns a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False
