"""Deliveries: how far the telling of a job's end has come, and what is done after each attempt."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

#: Pauses after the attempts but the last, seconds: the schedule that Standard Webhooks proposes, 75 h 35 min in all.
PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)

#: A pause is longer by up to this share of it, so that what failed together is not tried again together.
_JITTER = 0.1

#: Attempts that are remembered, the newest.
_REMEMBERED = 20

_GONE = 410


class DeliveryState(StrEnum):
    """What became of a webhook."""

    PENDING = "pending"  # an attempt is to come
    DELIVERED = "delivered"  # the receiver answered 2xx
    GONE = "gone"  # the receiver answered 410: it wants nothing more of this
    FAILED = "failed"  # every attempt of the schedule failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One call of a webhook."""

    #: when it began, seconds since the epoch
    at: float
    #: HTTP status of the answer; None where there was none
    status: int | None
    #: what happened, in words
    detail: str
    #: how long it took, seconds
    seconds: float

    @property
    def received(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What is known of one webhook; its JSON may lack fields, which then have their defaults."""

    #: pending, delivered, gone or failed
    state: DeliveryState = DeliveryState.PENDING
    #: how often somebody asked for it to be sent again
    replays: int = 0
    #: attempts since then
    tries: int = 0
    #: when the next attempt may begin, seconds since the epoch
    due: float = 0.0
    #: the newest attempts, the last one last
    attempts: tuple[Attempt, ...] = ()

    def after(self, attempt: Attempt, *, jitter: random.Random) -> Delivery:
        """Returns what is left to do after an attempt."""
        tries = self.tries + 1
        told = replace(self, tries=tries, attempts=(*self.attempts, attempt)[-_REMEMBERED:])
        if attempt.received:
            return replace(told, state=DeliveryState.DELIVERED)
        if attempt.status == _GONE:
            return replace(told, state=DeliveryState.GONE)
        if tries > len(PAUSES):
            return replace(told, state=DeliveryState.FAILED)
        pause = PAUSES[tries - 1] * (1 + _JITTER * jitter.random())
        return replace(told, due=attempt.at + attempt.seconds + pause)

    def replayed(self) -> Delivery:
        """Returns the same from its start, due at once."""
        return replace(self, state=DeliveryState.PENDING, replays=self.replays + 1, tries=0, due=0.0)

    def to_json(self) -> dict[str, Any]:
        """Returns the record."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Delivery:
        """Reads the record."""
        attempts = tuple(Attempt(**attempt) for attempt in data.get("attempts", ()))
        state = DeliveryState(data.get("state", DeliveryState.PENDING))
        return cls(**{**data, "state": state, "attempts": attempts})
