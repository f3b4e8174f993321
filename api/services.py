"""The services: what the API's functions work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from shared.bells import Bells, ringer
from shared.clock import Clock, SystemClock
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.storage.opening import open_store


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The collaborators of every route."""

    #: the settings of this process
    settings: Settings
    #: where every byte lives
    store: ObjectStore
    #: the records of jobs, in that storage
    ledger: Ledger
    #: what may be worked on now
    index: Index
    #: how workers hear of work
    bells: Bells
    #: time
    clock: Clock


def open_services(settings: Settings) -> Services:
    """Connects to storage and index; nothing is sent yet."""
    store = open_store(settings)
    client = connect(settings.redis_url)
    return Services(
        settings=settings,
        store=store,
        ledger=Ledger(store=store),
        index=Index(client),
        bells=ringer(settings.redis_url, client),
        clock=SystemClock(),
    )


def services() -> Services:
    """Returns the services of the app that answers this request."""
    held: Services = current_app.extensions["photochrom"]
    return held
