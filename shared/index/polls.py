"""What pollers ask the index: as little of a job as answers them, and what all open jobs amount to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis

from shared.index.claims import bit
from shared.index.connection import translated
from shared.index.progress import Progress, from_hash
from shared.items import ItemState
from shared.jobs import JobState

#: Jobs that one script adds up, so that others get their turn at the server: about a millisecond.
_BATCH = 250


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """The least that tells whether a job has changed."""

    #: what the job is about
    state: JobState
    #: grows with each change
    revision: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bitmaps:
    """Which items of a job have ended; bit n is item n, most significant first, and zeros at the end may be missing."""

    #: the item has ended
    done: bytes
    #: the item failed
    failed: bytes
    #: the item was canceled and has a record of that
    sealed: bytes
    #: numbers of the items that a worker holds a lease on
    held: frozenset[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What the open jobs of one model amount to, in items."""

    #: id of one of the jobs
    job: str
    #: items of small jobs that could begin now or later
    small: int = 0
    #: items of large jobs that could
    large: int = 0
    #: items that a worker holds a lease on, those of paused and canceled jobs too
    running: int = 0
    #: jobs in which nothing is left but to record their end
    closing: int = 0

    def __add__(self, other: Work) -> Work:
        """Adds the work of other jobs of the same model."""
        return Work(
            job=self.job,
            small=self.small + other.small,
            large=self.large + other.large,
            running=self.running + other.running,
            closing=self.closing + other.closing,
        )


class Polls:
    """The questions of pollers to a Redis or Valkey. Every method raises IndexUnavailable where it does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types a reply as all that any protocol and encoding could give: bytes here, always.
        self._client: Any = client
        self._work = client.register_script(resources.files("shared.index").joinpath("work.lua").read_text("utf-8"))

    def pulse(self, job_id: str) -> Pulse | None:
        """Returns a job's state and revision, or None where the index has no such job."""
        with translated():
            state, revision = self._client.hmget(f"pc:job:{job_id}", "state", "revision")
        return Pulse(state=JobState(state.decode()), revision=int(revision)) if state and revision else None

    def progresses(self, job_ids: Sequence[str]) -> list[Progress | None]:
        """Returns how far each job is, or None where the index has no such job."""
        with translated():
            pipe = self._client.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hgetall(f"pc:job:{job_id}")
            return [from_hash(data) if b"spec" in data else None for data in pipe.execute()]

    def bitmaps(self, job_id: str) -> Bitmaps:
        """Returns what has become of all items of a job; nothing where the index has no such job."""
        with translated():
            pipe = self._client.pipeline(transaction=False)
            for ends in ("done", "failed", "sealed"):
                pipe.get(f"pc:job:{job_id}:{ends}")
            pipe.hgetall(f"pc:job:{job_id}:tries")
            done, failed, sealed, tries = pipe.execute()
        return Bitmaps(done=done or b"", failed=failed or b"", sealed=sealed or b"", held=_held(tries))

    def item_states(self, job_id: str, start: int, count: int) -> list[ItemState]:
        """Returns the states of `count` items from `start`; those of a canceled job that have no record are queued."""
        first, last = start // 8, (start + count - 1) // 8
        with translated():
            pipe = self._client.pipeline(transaction=False)
            for ends in ("done", "failed", "sealed"):
                pipe.getrange(f"pc:job:{job_id}:{ends}", first, last)
            pipe.hgetall(f"pc:job:{job_id}:tries")
            done, failed, sealed, tries = pipe.execute()
        held = _held(tries)

        def state(number: int) -> ItemState:
            if bit(sealed, number - first * 8):
                return ItemState.CANCELED
            if bit(done, number - first * 8):
                return ItemState.FAILED if bit(failed, number - first * 8) else ItemState.SUCCEEDED
            return ItemState.RUNNING if number in held else ItemState.QUEUED

        return [state(number) for number in range(start, start + count)]

    def work(self) -> dict[str, Work]:
        """Returns what the open jobs amount to, by model (a digest)."""
        sums: dict[str, Work] = {}
        with translated():
            live = list(self._client.smembers("pc:live"))
            for start in range(0, len(live), _BATCH):
                for model, work in _rows(self._work(args=live[start : start + _BATCH])):
                    sums[model] = sums[model] + work if model in sums else work
        return sums

    def model_name(self, job_id: str) -> str | None:
        """Returns the name under which a job's client asked for its model, or None where the index has no such job."""
        with translated():
            spec = self._client.hget(f"pc:job:{job_id}", "spec")
        return str(json.loads(spec)["model"]) if spec else None


def _held(tries: Mapping[bytes, bytes]) -> frozenset[int]:
    """Returns the numbers of the items that a worker holds a lease on."""
    return frozenset(int(number) for number, text in tries.items() if not text.endswith(b"|"))


def _rows(reply: list[Any]) -> Iterator[tuple[str, Work]]:
    for model, job, *figures in zip(*[iter(reply)] * 6, strict=True):
        small, large, running, closing = map(int, figures)
        yield model.decode(), Work(job=job.decode(), small=small, large=large, running=running, closing=closing)
