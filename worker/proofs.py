"""Proofs: a net that answered rightly at start is asked again every so many items."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.errors import NetSelfTestFailed
from worker import metrics


@dataclass(kw_only=True, slots=True)
class Proofs:
    """Counts the items that each of a process's nets is asked for, and proves the net when they are enough.

    A net that fails once is asked no more: whatever it said since its last proof may be wrong, and the next would be.
    """

    #: model digest -> what raises NetSelfTestFailed unless the net answers rightly
    tests: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    #: items from one proof to the next
    every: int = 1000
    _since: dict[str, int] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def before(self, model: str) -> None:
        """Is called before each item of a model; raises what its test raises, from then on each time."""
        with self._guard:
            if self._since.get(model, 0) >= self.every:
                self._prove(model)
            self._since[model] = self._since.get(model, 0) + 1

    def now(self, model: str) -> None:
        """Proves a net that gave no answer; raises what its test raises, as each `before` does from then on."""
        with self._guard:
            self._prove(model)

    def _prove(self, model: str) -> None:
        # Until it has passed it is due.
        self._since[model] = self.every
        if model in self.tests:
            self._test(model)
        self._since[model] = 0

    def _test(self, model: str) -> None:
        try:
            self.tests[model]()
        except NetSelfTestFailed:
            metrics.self_tested(passed=False)
            raise
        metrics.self_tested(passed=True)
