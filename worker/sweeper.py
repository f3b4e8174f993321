"""The sweeper: does for the dead what they cannot do any more.

One mechanism for a lost submission, a lost bell, a lost worker and a wiped index. It runs in every worker host; one of
them leads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared import logs
from shared.bells import top_up
from shared.deletion import delete, deletions
from shared.errors import PhotochromError
from shared.index.claims import Audit
from shared.jobs import Job
from shared.records import concerns_one
from worker import closings, metrics
from worker.leftovers import remove_leftovers
from worker.recovery import Recovered, list_newest, recover, recover_open
from worker.workshop import Workshop

_log = logs.logger(__name__)

#: A leader that is silent for this many sweeps is replaced.
_LEAD_SWEEPS = 3

#: Jobs that are audited in one sweep; more take turns.
_AUDITS = 200

#: After this a submission that was never committed is removed, seconds: an hour after the last repeat of its
#: Idempotency-Key could have finished it, whatever the clocks say.
KEEP_UNSUBMITTED = 25 * 3600

#: Pause between two steps of closing a job, seconds: should one not get on, it must not take a whole core.
_BREATH = 0.1

#: Period of the look for old uploads, which asks about every tenant, seconds.
_TIDY_SECONDS = 3600


@dataclass(kw_only=True, slots=True)
class Sweeper:
    """Sweeps again and again; remembers what it saw last time, so that it leaves to the living what is theirs."""

    #: what it works with
    shop: Workshop
    #: who sweeps
    name: str
    #: jobs and parts that could be closed when they were last audited
    suspects: set[tuple[str, int | None]] = field(default_factory=set)
    #: when open/ was looked through last, seconds since the epoch
    looked: float = 0
    #: where the audits go on
    turn: int = 0
    #: when old uploads were looked for last, seconds since the epoch
    tidied: float = 0
    #: whether deleted jobs have records left
    deleting: bool = False
    #: jobs that are being closed, of which there is more to do than was done at once
    unended: dict[str, Job] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Sweeps until `stop`; trouble outside is logged and waited out.

        Between two sweeps it goes on with what one has begun to close.
        """
        wait = period = float(self.shop.settings.sweep_seconds)
        while not stop.wait(wait):
            _try(self.sweep)
            due = time.monotonic() + period
            while self.unended and time.monotonic() < due and not stop.wait(_BREATH):
                _try(self.go_on)
            wait = max(0.0, due - time.monotonic())

    def sweep(self) -> bool:
        """Sweeps once; returns False where another host leads."""
        shop = self.shop
        if not shop.index.lead(self.name, _LEAD_SWEEPS * shop.settings.sweep_seconds):
            metrics.swept(led=False)
            return False
        wiped = not shop.index.has_epoch()
        now = shop.clock.now()
        if wiped or now - self.looked >= shop.settings.recover_seconds:
            self._look(now)
            self.looked = now
            self.deleting = True
        if self.deleting:
            self._delete()
        if now - self.tidied >= _TIDY_SECONDS:
            remove_leftovers(shop.store, shop.clock)
            self.tidied = now
        if wiped:
            list_newest(shop.ledger, shop.index)
            shop.index.set_epoch(self.name)
        self._close_and_audit()
        for model in shop.index.wanted_models():
            metrics.bells_rung(top_up(shop.bells, model, max(1, shop.index.hosts.slots(model))))
        shop.index.quotas.tally()
        metrics.swept(led=True)
        return True

    def go_on(self) -> None:
        """Does the next step of each job that is being closed, as long as this sweeper leads."""
        jobs, self.unended = list(self.unended.values()), {}
        if not self.shop.index.lead(self.name, _LEAD_SWEEPS * self.shop.settings.sweep_seconds):
            return
        for job in jobs:
            self._close(job)

    def _look(self, now: float) -> None:
        """Registers what the index lacks and removes what a broken submission left behind."""
        for found in recover_open(self.shop.ledger, self.shop.index):
            if found.result is Recovered.REGISTERED:
                metrics.job_recovered()
            if found.result is Recovered.UNSUBMITTED and now - found.marked > KEEP_UNSUBMITTED:
                _log.info("submission_discarded", job=found.job, tenant=found.tenant)
                self.shop.ledger.discard(found.tenant, found.job)

    def _delete(self) -> None:
        """Goes on with deletions, a second's work at a time: the living must not wait for the dead."""
        shop = self.shop
        first = next(deletions(shop.store), None)
        self.deleting = first is not None
        if first:
            delete(shop.ledger, shop.index, *first)

    def _close_and_audit(self) -> None:
        """Audits the live jobs; closes what could be closed at their last audit already and so has nobody who does."""
        shop = self.shop
        live = shop.index.live_jobs()
        start = self.turn % max(1, len(live))
        self.turn = start + _AUDITS
        turn = (live + live)[start : start + min(_AUDITS, len(live))]
        # Whose turn it is not stays suspect: where jobs take turns none comes up in two sweeps on end.
        waiting = set(live).difference(turn)
        suspects = {suspect for suspect in self.suspects if suspect[0] in waiting}
        for job_id in turn:
            try:
                suspects |= self._close_or_audit(job_id)
            except PhotochromError as error:
                if not concerns_one(error):
                    raise
                _log.error("job_damaged", job=job_id, detail=error.detail)
            except Exception:  # noqa: BLE001 - whatever is wrong with one job must not hold up the others
                _log.exception("job_not_swept", job=job_id)
                metrics.sweep_failed()
        self.suspects = suspects

    def _close_or_audit(self, job_id: str) -> set[tuple[str, int | None]]:
        """Audits a job; returns what of it could be closed, having closed what could be at its last audit already."""
        shop, suspects = self.shop, set[tuple[str, int | None]]()
        progress = shop.index.progress(job_id)
        verdict, closure = shop.index.audit(job_id)
        if progress is None:
            return suspects
        job = progress.job
        if verdict is Audit.DROPPED:
            _log.error("index_unsound", job=job_id)
            metrics.audit_dropped()
            if recover(shop.ledger, shop.index, job.tenant, job_id) is Recovered.REGISTERED:
                metrics.job_recovered()
            return suspects
        lives, ended = shop.index.closers.lives, True
        for part in shop.index.unreported_parts(job_id):
            suspects.add((job_id, part))
            if lives(job_id, part):
                ended = False
            elif (job_id, part) in self.suspects and not closure.job:  # else they are closed with the job, step by step
                closings.close_part(shop.ledger, shop.index, job, part)
        if closure.job:
            suspects.add((job_id, None))
            if ended and (job_id, None) in self.suspects and not lives(job_id, None):
                self._close(job)
        return suspects

    def _close(self, job: Job) -> None:
        """Closes a job as far as one call does."""
        shop = self.shop
        self.unended.pop(job.id, None)
        if closings.close_job(shop.ledger, shop.index, shop.clock, job) is closings.Step.MORE:
            self.unended[job.id] = job


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except PhotochromError as error:
        _log.warning("sweep_failed", code=error.code, detail=error.detail)
        metrics.sweep_failed()
    except Exception:  # noqa: BLE001 - a sweeper that stops is noticed by nobody
        _log.exception("sweep_failed")
        metrics.sweep_failed()
