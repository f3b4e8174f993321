"""The services of the API: opened with the app, at hand in every route."""

from __future__ import annotations

from flask import current_app

from shared.bells import ringer
from shared.clock import SystemClock
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.registry import load_registry
from shared.services import Services
from shared.settings import Settings
from shared.sources.opening import open_sources
from shared.storage.opening import open_store


def open_services(settings: Settings) -> Services:
    """Reads the registry and connects to storage and index; nothing is sent yet."""
    store = open_store(settings)
    client = connect(settings.redis_url)
    return Services(
        settings=settings,
        registry=load_registry(settings.models_dir),
        store=store,
        ledger=Ledger(store=store),
        index=Index(client),
        bells=ringer(settings.redis_url, client),
        clock=SystemClock(),
        sources=open_sources(settings),
    )


def services() -> Services:
    """Returns the services of the app that answers this request."""
    held: Services = current_app.extensions["photochrom"]
    return held
