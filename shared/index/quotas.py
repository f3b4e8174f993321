"""Quotas: what each tenant has used of its share, as the index knows it. A wiped index begins every count anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis

from shared.index.connection import translated
from shared.settings import Settings

MEGAPIXEL = 1_000_000

#: Tenant -> items that have not ended; as spend.lua has it.
_OPEN = "pc:open"
_KEEP_SECONDS = 3600

#: Jobs that a tally asks about at once.
_BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """A tenant's share; 0 is no limit."""

    #: requests a second
    requests: int = 0
    #: bytes sent to the API a day, UTC
    bytes: int = 0
    #: megapixels (10^6 pixels) colored a day, UTC
    megapixels: int = 0
    #: items that have not ended
    open_items: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Returns the limits that the settings name."""
        return cls(
            requests=settings.quota_requests,
            bytes=settings.quota_bytes,
            megapixels=settings.quota_megapixels,
            open_items=settings.quota_open_items,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """What a tenant has used, and whether this call was beyond it."""

    #: requests, bytes, megapixels or open-items where that quota refused the call; empty where none did
    refused: str
    #: seconds until there is more of it; 0 where only the end of items brings more
    wait: float
    #: requests that may come at once
    requests_left: int
    #: bytes of today
    bytes: int
    #: pixels of today
    pixels: int
    #: items that have not ended, as of the last tally, and what was submitted since
    open_items: int
    #: seconds until tomorrow, UTC
    day_left: float


class Quotas:
    """The tenants' books in a Redis or Valkey: a key of each, and one for all their open items.

    Every method raises IndexUnavailable where it does not answer.
    """

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types a reply as all that any protocol and encoding could give: bytes here, always.
        self._client: Any = client
        self._spend = client.register_script(resources.files("shared.index").joinpath("spend.lua").read_text("utf-8"))

    def spend(
        self, tenant: str, limits: Limits, *, requests: int = 0, sent: int = 0, pixels: int = 0, items: int = 0
    ) -> Balance:
        """Charges a tenant, all but the request itself only if no quota refuses; `sent` is bytes.

        Pixels are charged when they are colored; `items` are refused where today's are used up already.
        """
        most = (limits.requests, limits.bytes, limits.megapixels * MEGAPIXEL, limits.open_items)
        with translated():
            reply: Any = self._spend(args=(tenant, requests, sent, pixels, items, *most))
        refused, wait, left, used_bytes, used_pixels, open_items, rest = reply
        return Balance(
            refused=refused.decode(),
            wait=wait / 1000,
            requests_left=left,
            bytes=used_bytes,
            pixels=used_pixels,
            open_items=open_items,
            day_left=rest / 1000,
        )

    def charge(self, tenant: str, *, sent: int = 0, pixels: int = 0) -> None:
        """Adds what was used without asking: it cannot be refused any more."""
        self.spend(tenant, Limits(), sent=sent, pixels=pixels)

    def tally(self) -> None:
        """Counts every tenant's open items anew, from the live jobs: what was lost or counted twice is right again."""
        counts: Counter[bytes] = Counter()
        with translated():
            live = list(self._client.smembers("pc:live"))
            # In batches, so that others get their turn at the server.
            for start in range(0, len(live), _BATCH):
                pipe = self._client.pipeline(transaction=False)
                for job in live[start : start + _BATCH]:
                    pipe.hmget(b"pc:job:" + job, "tenant", "total", "ended")
                for tenant, total, ended in pipe.execute():
                    if tenant is not None:
                        counts[tenant] += int(total) - int(ended)
            pipe = self._client.pipeline()
            pipe.delete(_OPEN)
            if counts:
                pipe.hset(_OPEN, mapping=counts)
                pipe.expire(_OPEN, _KEEP_SECONDS)
            pipe.execute()
