"""Closings: the report of a part that ended; review and end of a job that has nothing left to do."""

from __future__ import annotations

from itertools import groupby

from shared import logs, states
from shared.clock import Clock
from shared.index import Index
from shared.index.claims import Closure
from shared.items import ItemState, part_count, part_numbers, part_of
from shared.jobs import Counts, Ending, Job, JobState
from shared.ledger import Ledger
from shared.outcomes import canceled

_log = logs.logger(__name__)

#: Items that one call seals, and parts whose reports it writes: some seconds' work. Of a large job that was canceled
#: most of both is left to the sweeper, whose leases it does not cost, call by call.
_SEALED_AT_ONCE = 5_000
_REPORTED_AT_ONCE = 100


def close(ledger: Ledger, index: Index, clock: Clock, job: Job, closure: Closure) -> None:
    """Does what an operation on items has brought to an end."""
    for part in closure.parts:
        close_part(ledger, index, job, part)
    if closure.job:
        close_job(ledger, index, clock, job)


def close_part(ledger: Ledger, index: Index, job: Job, part: int) -> None:
    """Writes the report of a part in which every item has ended."""
    ledger.close_part(job, part)
    index.part_reported(job.id, part)


def close_job(ledger: Ledger, index: Index, clock: Clock, job: Job) -> Ending | None:
    """Records how the job ended, then sets its state.

    Returns None where the index has lost the job, and where there is more to do than one call does: it has to be called
    again. The counts are those of the records: what the index says may be from before its server's last start.
    """
    numbers = index.perhaps_begun(job.id, most=_SEALED_AT_ONCE)
    seal(ledger, index, job, numbers)
    _, closure = index.audit(job.id)
    if not closure.job or len(numbers) == _SEALED_AT_ONCE:
        return None
    missing = sorted(set(range(part_count(job.total))) - ledger.reported_parts(job))
    for part in missing[:_REPORTED_AT_ONCE]:
        ledger.close_part(job, part)
    if len(missing) > _REPORTED_AT_ONCE:
        return None
    ledger.write_review(job)
    counts = states.record(ledger, job)
    succeeded, failed = counts[ItemState.SUCCEEDED], counts[ItemState.FAILED]
    left = job.total - succeeded - failed
    ending = ledger.finish(
        job,
        Ending(
            state=JobState.CANCELED if left else JobState.COMPLETED,
            counts=Counts(succeeded=succeeded, failed=failed, canceled=left),
            finished=clock.now(),
        ),
    )
    if index.finish(job.id, ending.state):
        _log.info("job_ended", job=job.id, state=ending.state, succeeded=succeeded, failed=failed, canceled=left)
    return ending


def seal(ledger: Ledger, index: Index, job: Job, numbers: list[int]) -> None:
    """Ends items of a canceled job that a sleeping worker may still hold.

    A canceled item needs no record as long as nobody can have begun it. One that was claimed gets one, so that a
    worker that wakes later cannot give it a second end.
    """
    for part, group in groupby(numbers, key=part_of):
        first = part_numbers(part, job.total).start
        items = ledger.read_part(job.tenant, job.id, part)
        outcomes = ledger.end_items(job, [canceled(items[number - first]) for number in group])
        index.complete(job.id, {outcome.number: outcome.state for outcome in outcomes})
