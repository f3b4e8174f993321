"""The service in one process: real API, real index, real net, storage in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import redis
from flask.testing import FlaskClient
from PIL import Image

from api.app import create_app
from models.files import WEIGHTS
from models.nets import Net, load_net
from shared.bells import MemoryBells
from shared.clock import ManualClock, SystemClock
from shared.index import Index
from shared.ledger import Ledger
from shared.recipes import PIPELINE_VERSION
from shared.registry import Registry, shipped
from shared.services import Services
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.storage.memory import MemoryStore
from worker.deriving import InPlace
from worker.host import Host
from worker.slices import work
from worker.sweeper import Sweeper
from worker.workshop import Workshop

LITE = shipped().named("lite")


@cache
def lite() -> Net:
    """The shipped net, loaded once a test process."""
    return load_net(LITE, WEIGHTS, threads=1)


@dataclass(frozen=True, kw_only=True)
class House:
    """API and worker over the same storage and index."""

    services: Services
    shop: Workshop
    client: redis.Redis

    @property
    def store(self) -> ObjectStore:
        """The storage that both work on."""
        return self.services.store

    def http(self) -> FlaskClient:
        """A client of the API, as from this machine."""
        return create_app(self.services).test_client()

    def announce(self) -> None:
        """Says that a worker host is alive."""
        host = Host(name="host", slots=2, models={"lite": LITE.digest}, engine="cv2", pipeline=PIPELINE_VERSION)
        self.services.index.hosts.announce(host)

    def work(self) -> int:
        """Answers one bell and returns how many items ended."""
        return work(self.shop, LITE.digest)

    def sweeper(self) -> Sweeper:
        """A sweeper of this house."""
        return Sweeper(shop=self.shop, name="sweeper")


def make_house(
    client: redis.Redis, *, store: ObjectStore | None = None, registry: Registry | None = None, **settings: object
) -> House:
    """Builds a house; settings are those of `Settings`."""
    store = store or MemoryStore()
    registry = registry or shipped()
    chosen = Settings(host="host", lease_seconds=3, slice_seconds=30, **settings)  # type: ignore[arg-type]
    ledger, index, bells = Ledger(store=store), Index(client), MemoryBells()
    services = Services(
        settings=chosen,
        registry=registry,
        store=store,
        ledger=ledger,
        index=index,
        bells=bells,
        clock=ManualClock(1_795_000_000.0),
    )
    shop = Workshop(
        settings=chosen,
        registry=registry,
        store=store,
        ledger=ledger,
        index=index,
        bells=bells,
        clock=SystemClock(),
        nets={LITE.digest: lite()},
        deriver=InPlace(),
    )
    return House(services=services, shop=shop, client=client)


def picture(width: int = 64, height: int = 48, *, fmt: str = "PNG", seed: int = 0, mode: str = "L") -> bytes:
    """A small picture with some structure, other for each seed."""
    dice = np.random.default_rng(seed)
    coarse = dice.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    out = io.BytesIO()
    image.save(out, fmt)
    return out.getvalue()


def write_picture(path: Path, **options: object) -> Path:
    """Writes a small picture in the format of the path's name."""
    fmt = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF"}[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(fmt=fmt, **options))  # type: ignore[arg-type]
    return path
