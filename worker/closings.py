"""Closings: the report of a part that ended; review and end of a job that has nothing left to do."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from itertools import groupby

from shared import logs, reports, states
from shared.clock import Clock
from shared.errors import RecordDamaged
from shared.index import Index
from shared.index.claims import Closure
from shared.items import ItemState, part_count, part_of
from shared.jobs import Counts, Ending, Job, JobState
from shared.ledger import Ledger
from shared.outcomes import canceled
from worker.recovery import recover

_log = logs.logger(__name__)

#: Items that one call seals, and parts whose reports it writes: some seconds' work. Of a large job that was canceled
#: most of both is left to the sweeper, whose leases it does not cost, call by call.
_SEALED_AT_ONCE = 5_000
_REPORTED_AT_ONCE = 100


class Step(StrEnum):
    """What a call has come to that closes a job."""

    ENDED = "ended"  # the job has its end
    MORE = "more"  # there is more to do than one call does: call again
    NOTHING = "nothing"  # the job is not to be closed now, or the index has lost it


def close(ledger: Ledger, index: Index, clock: Clock, job: Job, closure: Closure) -> None:
    """Does what an operation on items has brought to an end."""
    closed = [close_part(ledger, index, job, part) for part in closure.parts]
    if closure.job and all(closed):
        close_job(ledger, index, clock, job)


def close_part(ledger: Ledger, index: Index, job: Job, part: int, alive: Callable[[], None] = lambda: None) -> bool:
    """Writes the report of a part in which every item has ended; `alive` is called as that gets on, by any thread.

    Returns False where a record does not say how: its item has not ended then, and the job is registered again as
    storage has it.
    """
    try:
        with index.closers.closing(job.id, part) as still:

            def on() -> None:
                still()
                alive()

            reports.write(ledger, job, part, on)
    except RecordDamaged as error:
        _log.error("part_not_closed", job=job.id, part=part, detail=error.detail)
        index.forget(job.tenant, job.id)
        recover(ledger, index, job.tenant, job.id)
        return False
    index.part_reported(job.id, part)
    return True


def close_job(ledger: Ledger, index: Index, clock: Clock, job: Job) -> Step:
    """Records how the job ended, then sets its state; does some seconds' work at most.

    The counts are those of the records: what the index says may be from before its server's last start.
    """
    with index.closers.closing(job.id, None) as alive:
        ending = _end(ledger, index, clock, job, alive)
    if isinstance(ending, Step):
        return ending
    if index.finish(job.id, ending.state):
        counts = ending.counts
        told = {"succeeded": counts.succeeded, "failed": counts.failed, "canceled": counts.canceled}
        _log.info("job_ended", job=job.id, state=ending.state, **told)
    return Step.ENDED


def _end(ledger: Ledger, index: Index, clock: Clock, job: Job, alive: Callable[[], None]) -> Ending | Step:
    """Records how the job ended and returns that, once all that comes before it is done."""
    numbers = index.perhaps_begun(job.id, most=_SEALED_AT_ONCE)
    if numbers and not ledger.is_canceled(job):
        return Step.NOTHING  # it was registered again meanwhile, and goes on
    seal(ledger, index, job, numbers)
    _, closure = index.audit(job.id)
    if not closure.job or len(numbers) == _SEALED_AT_ONCE:
        return Step.MORE if closure.job else Step.NOTHING
    missing = sorted(set(range(part_count(job.total))) - reports.parts(ledger, job))
    closed = [close_part(ledger, index, job, part, alive) for part in missing[:_REPORTED_AT_ONCE]]
    if not all(closed) or len(missing) > _REPORTED_AT_ONCE:
        return Step.MORE if all(closed) else Step.NOTHING
    try:
        counts = states.record(ledger, job)
    except RecordDamaged as error:
        reports.drop(ledger, job, error.extra["part"])
        return Step.MORE
    reports.write_review(ledger, job)
    succeeded, failed = counts[ItemState.SUCCEEDED], counts[ItemState.FAILED]
    left = job.total - succeeded - failed
    return ledger.finish(
        job,
        Ending(
            state=JobState.CANCELED if left else JobState.COMPLETED,
            counts=Counts(succeeded=succeeded, failed=failed, canceled=left),
            finished=clock.now(),
        ),
    )


def seal(ledger: Ledger, index: Index, job: Job, numbers: list[int]) -> None:
    """Ends items of a canceled job that a sleeping worker may still hold.

    A canceled item needs no record as long as nobody can have begun it. One that was claimed gets one, so that a
    worker that wakes later cannot give it a second end.
    """
    for _, group in groupby(numbers, key=part_of):
        items = ledger.read_items(job, list(group))
        outcomes = ledger.end_items(job, [canceled(item) for item in items])
        index.complete(job.id, {outcome.number: outcome.state for outcome in outcomes})
