"""What a server tells of jobs and items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: States after which nothing changes any more.
ENDED_JOBS = ("completed", "canceled")
ENDED_ITEMS = ("succeeded", "failed", "canceled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job as it stands."""

    #: UUIDv7
    id: str
    #: queued, running, paused, canceling, completed or canceled
    state: str
    #: number of items
    total: int
    #: state -> number of items
    counts: Mapping[str, int]
    #: 0..1
    progress: float
    #: seconds that the rest will take, or None
    eta_seconds: int | None
    #: what has to appear before the job can go on, or None
    waiting_for: str | None
    #: low, normal or high
    priority: str = "normal"
    #: the whole answer
    data: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED_JOBS

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Reads the server's answer; fields that this version does not know stay in `data`."""
        names = ("id", "state", "total", "counts", "progress", "eta_seconds", "waiting_for")
        return cls(data=data, priority=data.get("priority", "normal"), **{name: data[name] for name in names})


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """An item as it stands."""

    #: place in its job
    number: int
    #: queued, running, succeeded, failed or canceled
    state: str
    #: stable code of a failure
    code: str | None
    #: the failure in words
    detail: str | None
    #: what a person should know of a success
    warnings: tuple[str, ...]
    #: sha256, size, media_type, width, height of a success; of several candidates the first
    derivative: Mapping[str, Any] | None
    #: temperature, derivative and figures of each candidate, in the order of the recipe
    candidates: tuple[Mapping[str, Any], ...] = ()
    #: how unsure the net was, 0..1: mean and p95; None where nobody looked
    uncertainty: Mapping[str, float] | None = None
    #: the whole answer
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Item:
        """Reads the server's answer."""
        return cls(
            number=data["number"],
            state=data["state"],
            code=data["code"],
            detail=data["detail"],
            warnings=tuple(data["warnings"]),
            derivative=data["derivative"],
            candidates=tuple(data.get("candidates", ())),
            uncertainty=data.get("uncertainty"),
            data=data,
        )
