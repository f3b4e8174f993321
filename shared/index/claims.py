"""What passes between the index and those who use it: claims, verdicts, standings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.jobs import Control, JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to begin one item."""

    #: whose job it is
    tenant: str
    #: job id
    job: str
    #: the item's number
    item: int
    #: how often it was begun before
    attempts: int
    #: who holds it: unique to this claim
    owner: str

    @property
    def alone(self) -> bool:
        """Whether the item cost a worker before and is tried with nothing else in flight."""
        return self.attempts > 0


class Begin(StrEnum):
    """What became of a call to begin."""

    BEGUN = "begun"  # go on
    EXHAUSTED = "exhausted"  # begun too often without an end: the item fails with worker_lost
    CANCELED = "canceled"  # its job was canceled
    PAUSED = "paused"  # its job is paused
    LOST = "lost"  # the lease ran out and somebody else may hold it
    UNKNOWN = "unknown"  # the index does not have the job: the sweeper will bring it back


class Audit(StrEnum):
    """What an audit found."""

    SOUND = "sound"  # the bookkeeping holds
    DROPPED = "dropped"  # it did not: register the job again
    ENDED = "ended"  # the job has ended
    UNKNOWN = "unknown"  # no such job


@dataclass(frozen=True, kw_only=True, slots=True)
class Closure:
    """What an operation may have ended."""

    #: parts that have no open item left since
    parts: tuple[int, ...] = ()
    #: the job can be closed
    job: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far a job was when it is registered: empty for a new one."""

    #: bit n: item n has ended; most significant bit first, as Redis has it
    done: bytes = b""
    #: bit n: item n failed
    failed: bytes = b""
    #: bit n: item n was canceled and has a record of that
    sealed: bytes = b""
    #: number of items that succeeded
    succeeded: int = 0
    #: whether the job is canceled
    canceled: bool = False
    #: what was asked of it since it was submitted, or None
    control: Control | None = None

    @property
    def state(self) -> JobState:
        """What the job is about, as far as its records tell."""
        if self.canceled:
            return JobState.CANCELING
        if self.control and self.control.paused:
            return JobState.PAUSED
        return JobState.RUNNING if self.done else JobState.QUEUED


def bitmap(numbers: Sequence[int], total: int) -> bytes:
    """Returns bits as Redis has them: bit n of the result is set for each n in `numbers`."""
    bits = bytearray(-(-total // 8) if numbers else 0)
    for number in numbers:
        bits[number // 8] |= 0x80 >> number % 8
    return bytes(bits)


def bit(bits: bytes, number: int) -> bool:
    """Tells whether a bit is set; zeros at the end may be missing."""
    return number // 8 < len(bits) and bool(bits[number // 8] & 0x80 >> number % 8)
