"""Jobs: one submission of 1 to 1,000,000 items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from shared.known import known
from shared.recipes import Recipe

MAX_ITEMS = 1_000_000

#: A job of at most this many items goes before larger ones of its tenant.
INTERACTIVE_ITEMS = 10


class JobState(StrEnum):
    """What a job is about."""

    QUEUED = "queued"  # nothing has begun
    RUNNING = "running"  # an item has begun
    PAUSED = "paused"  # nothing begins until it is resumed; items that had begun come to their end
    CANCELING = "canceling"  # canceled; items that had begun come to their end
    COMPLETED = "completed"  # every item succeeded or failed
    CANCELED = "canceled"  # canceled, and nothing is running

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in (JobState.COMPLETED, JobState.CANCELED)


class Priority(StrEnum):
    """Which of a tenant's jobs of about the same size goes first."""

    LOW = "low"  # when no other job of the tenant wants to be worked on
    NORMAL = "normal"  # in turn
    HIGH = "high"  # before the others


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
    #: as submitted; `priority.json` says what it became later
    priority: Priority = Priority.NORMAL
    #: id of the job whose failed or canceled items these are, or None
    retry_of: str | None = None

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
        priority = Priority(data.get("priority", Priority.NORMAL))
        return known(cls, {**data, "recipe": Recipe.from_json(data["recipe"]), "priority": priority})


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """What was asked of a job since it was submitted, the last word each."""

    #: whether nothing may begin
    paused: bool = False
    #: the priority that counts now
    priority: Priority = Priority.NORMAL


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
        return cls(state=JobState(data["state"]), counts=known(Counts, data["counts"]), finished=data["finished"])
