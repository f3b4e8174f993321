"""The services: what both halves work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bells import Bells
from shared.clock import Clock
from shared.index import Index
from shared.ledger import Ledger
from shared.registry import Registry
from shared.settings import Settings
from shared.sources import Sources
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The collaborators of everything that takes, makes or reads jobs."""

    #: the settings of this process
    settings: Settings
    #: the models that are known here
    registry: Registry
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
    #: buckets that masters may be fetched from; None where there are none
    sources: Sources | None = None
