"""The guard: runs a stage of what is claimed, and decides what becomes of the items where it goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from shared import logs
from shared.errors import Misconfigured, NetSelfTestFailed, PhotochromError, RecordDamaged
from shared.index.claims import Claim
from worker import closings, metrics
from worker.leases import Leases
from worker.retries import GiveUp, decide
from worker.workshop import Workshop

_log = logs.logger(__name__)

T = TypeVar("T")

#: Wait of an item that went back because something outside is away, and because of something unforeseen, seconds.
_OUTAGE_WAIT = 5.0
_UNFORESEEN_WAIT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """Stands between the stages of a slice and the items that it holds."""

    #: what it works with
    shop: Workshop
    #: what the slice holds
    leases: Leases
    #: spreads the tries of workers that wait for the same
    jitter: random.Random = field(default_factory=random.Random)

    def run(self, claims: Sequence[Claim], stage: Callable[[], T]) -> T | None:
        """Runs one stage of items of one claim; returns None where they went back.

        What goes wrong ends the slice only where it is the net: NetSelfTestFailed is raised. Trouble outside is waited
        out and never charged to an item. Anything unforeseen is, begun or not: after five such attempts an item fails,
        so that it cannot come back for ever.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return stage()
            except PhotochromError as error:
                decision = decide(error, attempt, jitter=self.jitter)
                if isinstance(decision, GiveUp):
                    _log.warning("items_given_back", **_named(claims), code=error.code, detail=error.detail)
                    metrics.given_back(error.code)
                    # What waiting ends, or the operator, is no item's fault.
                    outside = error.retryable or isinstance(error, Misconfigured)
                    self.release(claims, wait=_OUTAGE_WAIT, charge=not outside and len(claims) == 1)
                    if isinstance(error, NetSelfTestFailed):
                        raise
                    return None
                self.shop.clock.sleep(decision.after)
            except Exception:  # noqa: BLE001 - the log line has it all, and the next item must go on
                _log.exception("attempt_failed", **_named(claims))
                metrics.given_back("unforeseen")
                # Of several one may be at fault: they come back one by one, and only that one waits.
                alone = len(claims) == 1
                self.release(claims, wait=_UNFORESEEN_WAIT if alone else 0, charge=alone)
                return None

    def release(self, claims: Sequence[Claim], *, wait: float, charge: bool) -> None:
        """Gives items of one claim back, for somebody to claim after `wait` seconds; closes the job if that ended it.

        `charge`: that was an attempt, begun or not; otherwise it was none.
        """
        self.leases.drop(*claims)
        claim = claims[0]
        closure = self.shop.index.release(*claims, wait=wait, charge=charge)
        if not closure.job:
            return
        with suppress(RecordDamaged):  # the sweeper says so again and again
            if job := self.shop.ledger.read_job(claim.tenant, claim.job):
                closings.close_job(self.shop.ledger, self.shop.index, self.shop.clock, job)


def _named(claims: Sequence[Claim]) -> dict[str, object]:
    """Returns what a line of the log says of claims."""
    return {"job": claims[0].job, "items": [claim.item for claim in claims]}
