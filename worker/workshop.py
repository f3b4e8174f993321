"""The workshop: what one worker process works with, opened once."""

from __future__ import annotations

import atexit
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from celery import Celery

from models.answers import prove
from models.batching import Batched
from models.files import is_here, require
from models.nets import Net, load_net
from shared.bells import CeleryBells
from shared.clock import SystemClock
from shared.errors import InvalidSetting
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.recipes import PIPELINE_VERSION
from shared.registry import Model, Registry
from shared.services import Services
from shared.settings import Settings
from shared.sources.opening import open_sources
from shared.storage.opening import open_store
from worker import metrics
from worker.deriving import Deriver, PerThread
from worker.proofs import Proofs
from worker.sandbox import Sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop(Services):
    """The services of a worker, and the nets it colors with."""

    #: model digest -> loaded net; empty where nothing is colored, as in a sweeper
    nets: Mapping[str, Net]
    #: what makes derivatives; None where nothing is colored
    deriver: Deriver | None = None
    #: tests of the nets
    proofs: Proofs = field(default_factory=Proofs)
    #: pipeline version of this worker
    pipeline: int = PIPELINE_VERSION
    #: tells this process from every other, also from an earlier one with the same number
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    #: counts its claims
    claims: Iterator[int] = field(default_factory=count)

    def new_owner(self) -> str:
        """Returns an owner for one claim: the host's name, then what makes it unique."""
        return f"{self.settings.host}/{self.token}/{next(self.claims)}"


def open_workshop(
    settings: Settings,
    registry: Registry,
    app: Celery,
    *,
    nets: Mapping[str, Net] | None = None,
    deriver: Deriver | None = None,
    proofs: Proofs | None = None,
) -> Workshop:
    """Connects to storage and index; a worker waits out their absence later, item by item."""
    store = open_store(settings)
    client = connect(settings.redis_url, patient=True)
    return Workshop(
        settings=settings,
        registry=registry,
        store=store,
        ledger=Ledger(store=store, damaged=metrics.record_damaged),
        index=Index(client),
        bells=CeleryBells(app, client),
        clock=SystemClock(),
        sources=open_sources(settings),
        nets=nets or {},
        deriver=deriver,
        proofs=proofs or Proofs(),
    )


def open_bench(settings: Settings, registry: Registry, app: Celery) -> Workshop:
    """Returns the workshop of a process that colors: nets loaded, sandbox started.

    On a CPU the process is a slot, and works alone. On a GPU it has a thread a slot: one more owns the net and runs
    what is waiting as one pass, and each has a sandbox.
    """
    served = served_models(settings, registry)
    threaded = on_gpu(settings)
    nets = {digest: _net(settings, model, shared=threaded) for digest, model in served.items()}
    tests = {digest: partial(prove, nets[digest], model, settings.models_dir) for digest, model in served.items()}
    return open_workshop(
        settings,
        registry,
        app,
        nets=nets,
        deriver=PerThread(partial(open_sandbox, settings)) if threaded else open_sandbox(settings),
        proofs=Proofs(tests=tests, every=settings.self_test_items),
    )


def on_gpu(settings: Settings) -> bool:
    """Tells whether the nets run on a GPU, so that one process has all slots."""
    return settings.device != "cpu"


def open_sandbox(settings: Settings) -> Sandbox:
    """Returns the sandbox of this process, which ends with it; what takes its time starts while the caller goes on."""
    sandbox = Sandbox(settings.cache_dir, memory_bytes=settings.sandbox_megabytes << 20)
    sandbox.start()
    atexit.register(sandbox.close)
    return sandbox


def served_models(settings: Settings, registry: Registry) -> dict[str, Model]:
    """Returns the models that this worker serves, by digest: those it was told to, or all whose files it has.

    Raises InvalidSetting or UnknownModel for names that do not hold, ModelMissing for a model that is not here.
    """
    if settings.models:
        names = [name.strip() for name in settings.models.split(",")]
        if not all(names):
            raise InvalidSetting(f"PHOTOCHROM_MODELS must be model names, comma-separated; got {settings.models!r}.")
        chosen = [registry.named(name) for name in names]
    else:
        chosen = [model for model in registry.models if model.ships or is_here(model, settings.models_dir)]
    for model in chosen:
        require(model, settings.models_dir)
    return {registry.digest_of(model.name): model for model in chosen}


def _net(settings: Settings, model: Model, *, shared: bool) -> Net:
    load = partial(load_net, model, settings.models_dir, threads=1, engine=settings.engine, device=settings.device)
    return Batched(load) if shared else load()
