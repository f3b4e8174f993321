"""Proofs of uploads that take longer than a request should: they go on beside it, and who asks again gets the end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from flask import current_app

#: Proofs that run at once; each reads a file from storage and hashes it.
_MOST = 2

#: Proofs that are begun, or wait for their turn; whoever asks for more is told to ask again.
_MOST_BEGUN = 64

#: How long an end that nobody was told is kept for somebody who asks again, seconds.
_KEPT_SECONDS = 60.0

Proof = dict[str, Any]


@dataclass(kw_only=True, slots=True)
class _Run:
    """A proof that runs, or has ended."""

    future: Future[Proof] = field(default_factory=Future)
    #: when it ended, by the monotonic clock
    ended: float = math.inf


class Proofs:
    """The proofs of one process, each by a name. Another process that is asked makes its own: the first one counts."""

    def __init__(self) -> None:
        """Begins nothing yet."""
        self._guard = threading.Lock()
        self._turn = threading.Semaphore(_MOST)
        self._runs: dict[tuple[str, str], _Run] = {}

    def ask(self, name: tuple[str, str], prove: Callable[[], Proof], *, seconds: float) -> Proof | None:
        """Begins the proof unless it runs, and waits; returns what it returned, or None where it has not ended.

        Raises what it raised. An end is told once.
        """
        with self._guard:
            kept = time.monotonic() - _KEPT_SECONDS
            self._runs = {other: run for other, run in self._runs.items() if run.ended > kept}
            run = self._runs.get(name)
            if run is None:
                if sum(other.ended == math.inf for other in self._runs.values()) >= _MOST_BEGUN:
                    return None
                run = self._runs[name] = _Run()
                # A daemon: a server that is told to stop does not wait for it, and the client asks the next one.
                threading.Thread(target=self._work, args=(run, prove), daemon=True).start()
        if not wait([run.future], seconds).done:
            return None
        with self._guard:
            if self._runs.get(name) is run:
                del self._runs[name]
        return run.future.result()

    def _work(self, run: _Run, prove: Callable[[], Proof]) -> None:
        with self._turn:
            try:
                run.future.set_result(prove())
            except BaseException as error:  # noqa: BLE001 - whoever asks is told
                run.future.set_exception(error)
            run.ended = time.monotonic()


def proofs() -> Proofs:
    """Returns the proofs of the app that answers this request."""
    held: dict[str, Any] = current_app.extensions
    found: Proofs = held.setdefault("photochrom.proofs", Proofs())
    return found
