"""The workshop: what one worker process works with, opened once."""

from __future__ import annotations

import atexit
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from celery import Celery

from models.nets import WEIGHTS, Net, load_net
from shared import registry
from shared.bells import CeleryBells
from shared.clock import SystemClock
from shared.errors import InvalidSetting, ModelMissing
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.recipes import PIPELINE_VERSION
from shared.registry import Model
from shared.services import Services
from shared.settings import Settings
from shared.storage.opening import open_store
from worker.deriving import Deriver
from worker.sandbox import Sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop(Services):
    """The services of a worker, and the nets it colors with."""

    #: model digest -> loaded net; empty where nothing is colored, as in a sweeper
    nets: Mapping[str, Net]
    #: what makes derivatives; None where nothing is colored
    deriver: Deriver | None = None
    #: pipeline version of this worker
    pipeline: int = PIPELINE_VERSION
    #: tells this process from every other, also from an earlier one with the same number
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    #: counts its claims
    claims: Iterator[int] = field(default_factory=count)

    def new_owner(self) -> str:
        """Returns an owner for one claim: the host's name, then what makes it unique."""
        return f"{self.settings.host}/{self.token}/{next(self.claims)}"


def open_workshop(settings: Settings, app: Celery, *, nets: Mapping[str, Net] | None = None) -> Workshop:
    """Connects to storage and index; a worker waits out their absence later, item by item."""
    store = open_store(settings)
    client = connect(settings.redis_url, patient=True)
    return Workshop(
        settings=settings,
        store=store,
        ledger=Ledger(store=store),
        index=Index(client),
        bells=CeleryBells(app, client),
        clock=SystemClock(),
        nets=nets or {},
        deriver=open_sandbox(settings) if nets else None,
    )


def open_sandbox(settings: Settings) -> Sandbox:
    """Returns the sandbox of this process, which ends with it; what takes its time starts while the caller goes on."""
    sandbox = Sandbox(settings.cache_dir, memory_bytes=settings.sandbox_megabytes << 20)
    sandbox.start()
    atexit.register(sandbox.close)
    return sandbox


def served_models(settings: Settings) -> tuple[Model, ...]:
    """Returns the models that this worker serves: those it was told to, or all whose files it has.

    Raises InvalidSetting or UnknownModel for names that do not hold, ModelMissing where nothing is left.
    """
    folder = models_folder(settings)
    if settings.models:
        names = [name.strip() for name in settings.models.split(",")]
        if not all(names):
            raise InvalidSetting(f"PHOTOCHROM_MODELS must be model names, comma-separated; got {settings.models!r}.")
        return tuple(registry.model_named(name) for name in names)
    here = tuple(m for m in registry.models() if all((folder / file.name).is_file() for file in m.files))
    if not here:
        raise ModelMissing(f"No model's files lie in {folder}.", seen=str(folder))
    return here


def models_folder(settings: Settings) -> Path:
    """Returns the folder that model files are read from."""
    return settings.models_dir or WEIGHTS


def load_nets(settings: Settings, *, threads: int) -> dict[str, Net]:
    """Loads the nets of the served models, by digest."""
    return {
        model.digest: load_net(model, models_folder(settings), threads=threads) for model in served_models(settings)
    }
