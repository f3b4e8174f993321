"""Closers: who writes the reports and the end of a job at this moment, so that the sweeper leaves it to the living."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from shared.index.connection import translated

#: How long a closer that says nothing is taken for alive, seconds.
SILENCE = 30


class Closers:
    """The marks of living closers. They only save work: two that close the same write the same."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client

    @contextmanager
    def closing(self, job_id: str, part: int | None) -> Iterator[Callable[[], None]]:
        """Marks a part, or the job itself, while the block closes it; gives what the block calls as it gets on."""
        key, said = _key(job_id, part), time.monotonic()

        def alive() -> None:
            nonlocal said
            if time.monotonic() - said > SILENCE / 3:
                said = time.monotonic()
                self._mark(key)

        self._mark(key)
        try:
            yield alive
        finally:
            with translated():
                self._client.delete(key)

    def lives(self, job_id: str, part: int | None) -> bool:
        """Tells whether somebody closes a part, or the job itself, or died doing so in the last half minute."""
        with translated():
            return bool(self._client.exists(_key(job_id, part)))

    def _mark(self, key: str) -> None:
        with translated():
            self._client.set(key, b"", ex=SILENCE)


def _key(job_id: str, part: int | None) -> str:
    return f"pc:closing:{job_id}:{'' if part is None else part}"
