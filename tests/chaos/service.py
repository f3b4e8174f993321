"""The service under test: real worker hosts, APIs, Valkey and storage, at a tenth of the default periods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.registry import load_registry
from tests.chaos.pictures import MODEL
from tests.chaos.processes import Process
from tests.chaos.site import Site, free_port

#: A tenth of the defaults (45, 5, 5 and 30 s), as near as whole seconds allow.
TENTH = {"LEASE_SECONDS": "5", "SLICE_SECONDS": "1", "SWEEP_SECONDS": "1", "RECOVER_SECONDS": "3"}

#: What has no part in any fault costs no time: processes that are killed leave the page cache alone.
_QUICK = {"FSYNC": "false", "PREVIEWS": "none", "LOG_FORMAT": "json"}


class Service(Site):
    """Photochrom over a folder, or over what `environment` says."""

    def __init__(
        self,
        folder: Path,
        models: Path,
        *,
        hosts: int = 2,
        slots: int = 1,
        apis: int = 1,
        settings: Mapping[str, str] = TENTH,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet; `settings` are variables without their prefix, `environment` whole ones."""
        super().__init__(folder)
        self.objects = folder / "objects"
        self.model = load_registry(models).digest_of(MODEL)
        settings = {
            "STORAGE_URL": str(self.objects),
            "MODELS_DIR": str(models),
            "MODELS": MODEL,
            "REDIS_URL": self.valkey.url,
            **_QUICK,
            **settings,
        }
        common = {**_variables(settings), **(environment or {})}
        for number in range(apis):
            port = free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            self._add(self.apis, f"api{number}", "api", common | _variables({"API_PORT": str(port)}))
        for number in range(hosts):
            name = f"host{number}"
            self._add(self.hosts, name, "worker", common | _variables({"HOST": name, "WORKERS": str(slots)}))

    def _add(self, family: list[Process], name: str, command: str, environment: Mapping[str, str]) -> None:
        family.append(self.process(name, "-m", "photochrom", command, environment=environment))


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"PHOTOCHROM_{name}": value for name, value in settings.items()}
