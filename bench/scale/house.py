"""The service as benches run it: real processes with the settings of a new installation, on a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from photochrom import Client
from shared.settings import PREFIX
from tests.chaos.processes import Process
from tests.chaos.site import Site, free_port

#: What runs the command, as arguments of Python.
PHOTOCHROM = ("-m", "photochrom")


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A worker host."""

    #: worker processes
    slots: int
    #: unique among the hosts
    name: str = "host"
    #: arguments of Python before the command's own
    entry: Sequence[str] = PHOTOCHROM
    #: its own settings, without their prefix
    settings: Mapping[str, str] = field(default_factory=dict)


class House(Site):
    """Valkey, one API and worker hosts over a folder, or over what `environment` says.

    A process that ends fails the bench: what it had in hand would be done twice, and counted once.
    """

    def __init__(
        self,
        folder: Path,
        hosts: Sequence[Host],
        *,
        models: Path | None = None,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet; `settings` are without their prefix, `environment` are whole variables."""
        super().__init__(folder)
        self.objects = folder / "objects"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.urls = [self.url]
        self._common = {
            "STORAGE_URL": str(self.objects),
            "REDIS_URL": self.valkey.url,
            "API_PORT": str(port),
            "LOG_FORMAT": "json",
            **({"MODELS_DIR": str(models)} if models else {}),
            **(settings or {}),
        }
        self._given = dict(environment or {})
        environment = _variables(self._common) | self._given
        self.apis = [self.process("api", *PHOTOCHROM, "api", environment=environment)]
        for host in hosts:
            self.add(host)
        self._started: dict[str, int] = {}

    @property
    def client(self) -> Client:
        """Returns a client of its API."""
        return Client(self.url)

    def add(self, host: Host, environment: Mapping[str, str] | None = None) -> None:
        """Adds a worker host before the start; `environment` stands for what all were given."""
        own = {"HOST": host.name, "WORKERS": str(host.slots), **host.settings}
        variables = _variables(self._common) | self._given | dict(environment or {}) | _variables(own)
        self.hosts.append(self.process(host.name, *host.entry, "worker", environment=variables))

    def __enter__(self) -> Self:
        super().__enter__()
        self.wait_ready()
        self._started = {process.name: process.pid for process in self._processes}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = [process.name for process in self._processes if process.pid != self._started.get(process.name)]
        super().__exit__(kind, error, trace)
        if ended and kind is None:
            raise SystemExit(f"{', '.join(ended)} ended while it was measured; the run counts for nothing.")

    @property
    def _processes(self) -> list[Process]:
        return [*self.apis, *self.hosts]


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in settings.items()}
