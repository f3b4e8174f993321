"""Strikes: what a fault did, and when."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """One fault that happened."""

    #: name of the fault
    fault: str
    #: when it began and ended, seconds since the epoch
    at: float
    until: float
    #: the worker hosts whose attempts it may have cost; None for those of all
    hosts: frozenset[str] | None = frozenset()
    #: whether it is over with the next 202, and not with the next item
    answers: bool = False

    def excuses(self, host: str, first: float, second: float) -> bool:
        """Tells whether an attempt of `host` at `first` may have been lost to this before `second`."""
        hit = self.hosts is None or host in self.hosts
        return hit and self.until >= first and self.at <= second


class Fault(Protocol):
    """Something that happens to a site."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def pause(self) -> tuple[float, float]:
        """Least and greatest pause before each strike, seconds."""

    def strike(self, site: Any, dice: random.Random) -> Strike:
        """Does it once, and undoes what does not undo itself."""


def haunt(site: Any, fault: Fault, times: int, dice: random.Random, stop: threading.Event) -> list[Strike]:
    """Strikes at random moments; fewer times only where `stop` comes first."""
    strikes: list[Strike] = []
    for _ in range(times):
        if stop.wait(dice.uniform(*fault.pause)):
            break
        strikes.append(fault.strike(site, dice))
    return strikes


def since(begun: float, fault: str, hosts: frozenset[str] | None = frozenset(), *, answers: bool = False) -> Strike:
    """Returns a strike that began then and has just ended."""
    return Strike(fault=fault, at=begun, until=time.time(), hosts=hosts, answers=answers)
