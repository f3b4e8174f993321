"""A stopwatch for stages that interrupt one another: each second counts for one stage."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Seconds by stage. While an inner stage runs, the outer one stands still."""

    def __init__(self) -> None:
        """Starts nothing."""
        self._taken: defaultdict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts for `name` what the block takes."""
        self._settle()
        self._running.append(name)
        try:
            yield
        finally:
            self._settle()
            self._running.pop()

    def each(self, name: str, steps: Iterator[T]) -> Iterator[T]:
        """Yields the steps and counts for `name` what they take to come."""
        while True:
            with self.stage(name):
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step

    def seconds(self) -> dict[str, float]:
        """Returns the seconds of each stage."""
        return dict(self._taken)

    def _settle(self) -> None:
        now = time.perf_counter()
        if self._running:
            self._taken[self._running[-1]] += now - self._since
        self._since = now
