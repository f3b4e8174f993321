"""Jobs: one submission of 1 to 1,000,000 items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from shared.recipes import Recipe

MAX_ITEMS = 1_000_000

#: A job of at most this many items goes before larger ones of its tenant.
INTERACTIVE_ITEMS = 10


class JobState(StrEnum):
    """What a job is about."""

    QUEUED = "queued"  # nothing has begun
    RUNNING = "running"  # an item has begun
    CANCELING = "canceling"  # canceled; items that had begun come to their end
    COMPLETED = "completed"  # every item succeeded or failed
    CANCELED = "canceled"  # canceled, and nothing is running

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in (JobState.COMPLETED, JobState.CANCELED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What `job.json` holds: the submission, never changed."""

    #: UUIDv7
    id: str
    #: whose it is
    tenant: str
    #: seconds since the epoch
    created: float
    #: the name under which the client asked for the model
    model: str
    #: what decides the pixels
    recipe: Recipe
    #: number of items
    total: int
    #: what is told of the job's end, or None
    webhook: str | None = None

    @property
    def interactive(self) -> bool:
        """Whether a person waits for it, going by its size."""
        return self.total <= INTERACTIVE_ITEMS

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `job.json`."""
        return {**asdict(self), "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Reads `job.json`."""
        return cls(**{**data, "recipe": Recipe.from_json(data["recipe"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many items of a job are in which state."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What `finished.json` holds: how a job ended."""

    #: completed or canceled
    state: JobState
    #: final counts
    counts: Counts
    #: seconds since the epoch
    finished: float

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `finished.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ending:
        """Reads `finished.json`."""
        return cls(state=JobState(data["state"]), counts=Counts(**data["counts"]), finished=data["finished"])
