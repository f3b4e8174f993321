"""Leases: kept up while an item is in hand, but not beyond its deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from shared import logs
from shared.clock import Clock
from shared.errors import IndexUnavailable
from shared.index import Index
from shared.index.claims import Claim
from worker import metrics

_log = logs.logger(__name__)

#: Time for an item of any size, seconds, and for each megapixel (10^6 pixels) on top: a minute more than its sandbox
#: gives a picture, so that a picture that takes too long fails and does not cost a worker.
DEADLINE_SECONDS = 180
DEADLINE_SECONDS_PER_MEGAPIXEL = 1


def deadline(now: float, *, megapixels: float) -> float:
    """Returns until when a picture that begins `now` may take."""
    return now + DEADLINE_SECONDS + DEADLINE_SECONDS_PER_MEGAPIXEL * megapixels


class Leases:
    """Renews every held claim each third of a lease, from a thread of its own."""

    def __init__(self, index: Index, clock: Clock, *, seconds: float, overdue: Callable[[Claim], None]) -> None:
        """Starts nothing yet; `overdue` is called once for a claim that passes its deadline."""
        self._index = index
        self._clock = clock
        self._seconds = seconds
        self._overdue = overdue
        self._held: dict[Claim, float] = {}
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def hold(self, claim: Claim, until: float) -> None:
        """Renews the claim from now on, until the deadline `until`; a second call moves the deadline."""
        with self._guard:
            self._held[claim] = until

    def extend(self, claims: Sequence[Claim], until: float) -> None:
        """Moves the deadline of those claims that are held."""
        with self._guard:
            self._held.update((claim, until) for claim in claims if claim in self._held)

    def drop(self, *claims: Claim) -> None:
        """Stops renewing."""
        with self._guard:
            for claim in claims:
                self._held.pop(claim, None)

    def renew(self) -> None:
        """Renews what is held; ends what is overdue or lost."""
        with self._guard:
            held = dict(self._held)
        now = self._clock.now()
        for claim in [claim for claim, until in held.items() if now > until]:
            _log.error("item_overdue", job=claim.job, item=claim.item)
            self.drop(claim)
            self._overdue(claim)
        for claim in self._index.renew([claim for claim, until in held.items() if now <= until], lease=self._seconds):
            self.drop(claim)
            metrics.lease_lost()

    def __enter__(self) -> Leases:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            try:
                self.renew()
            except IndexUnavailable as error:
                _log.warning("leases_not_renewed", detail=error.detail)
