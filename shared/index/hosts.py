"""Worker hosts: who is alive and what each can do."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.index.connection import translated

#: A host that says nothing for this long counts as gone, seconds.
ALIVE_SECONDS = 60

#: How long a drain mark lasts, seconds: longer than what a host has in hand when it is told to stop. A host takes that
#: of an earlier life away.
_DRAIN_SECONDS = 900

#: How long `recent` believes what it found, seconds.
_BELIEVED_SECONDS = 1.0

_HOSTS = "pc:hosts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What a worker host announces of itself."""

    #: unique among the live hosts
    name: str
    #: items it works on at once
    slots: int
    #: model name -> digest
    models: Mapping[str, str]
    #: engine and version that runs the nets
    engine: str
    #: pipeline version
    pipeline: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """The live worker hosts, as the index knows them."""

    #: a redis.Redis; Any, since redis-py types a reply as all that any protocol and encoding could give
    client: Any
    #: what `recent` found, and when (monotonic seconds)
    _found: list[tuple[float, tuple[Host, ...]]] = field(default_factory=list)

    def announce(self, host: Host) -> None:
        """Says that the host is alive, for another minute."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.set(_key(host.name), json.dumps(asdict(host)), ex=ALIVE_SECONDS)
            pipe.sadd(_HOSTS, host.name)
            pipe.execute()

    def leave(self, name: str) -> None:
        """Forgets the host."""
        with translated():
            self.client.delete(_key(name))
            self.client.srem(_HOSTS, name)
            self.client.hdel("pc:heard", name)

    def drain(self, name: str) -> None:
        """Makes the host's next claims find nothing."""
        with translated():
            self.client.set(f"pc:drain:{name}", "1", ex=_DRAIN_SECONDS)

    def undrain(self, name: str) -> None:
        """Takes the drain mark of an earlier life away."""
        with translated():
            self.client.delete(f"pc:drain:{name}")

    def live(self) -> tuple[Host, ...]:
        """Returns the hosts that were heard of within a minute, by name."""
        with translated():
            names = sorted(name.decode() for name in self.client.smembers(_HOSTS))
            texts = self.client.mget([_key(name) for name in names]) if names else []
            if gone := [name for name, text in zip(names, texts, strict=True) if text is None]:
                self.client.srem(_HOSTS, *gone)
        return tuple(Host(**json.loads(text)) for text in texts if text)

    def recent(self) -> tuple[Host, ...]:
        """Returns the live hosts as they were at most a second ago: however often one asks costs the same."""
        if not self._found or time.monotonic() - self._found[-1][0] > _BELIEVED_SECONDS:
            self._found[:] = [(time.monotonic(), self.live())]
        return self._found[-1][1]

    def silence(self, name: str) -> float:
        """Returns for how many seconds the host has neither claimed nor renewed; endless if it never has."""
        with translated():
            heard = self.client.hget("pc:heard", name)
            seconds, micros = self.client.time()
        return seconds + micros / 1e6 - int(heard) / 1000 if heard else float("inf")

    def slots(self, model: str) -> int:
        """Returns how many items of this model (a digest) the live hosts can work on at once."""
        return sum(host.slots for host in self.live() if model in host.models.values())


def _key(name: str) -> str:
    return f"pc:host:{name}"
