"""Closings: the report of a part that ended; review and end of a job that has nothing left to do."""

from __future__ import annotations

from shared import logs
from shared.clock import Clock
from shared.index import Index
from shared.index.claims import Closure
from shared.items import Item, ItemState, part_count, part_numbers, part_of
from shared.jobs import Counts, Ending, Job, JobState
from shared.ledger import Ledger
from shared.outcomes import canceled

_log = logs.logger(__name__)


def close(ledger: Ledger, index: Index, clock: Clock, job: Job, *, part: int, closure: Closure) -> None:
    """Does what an operation on an item of `part` has brought to an end."""
    if closure.part:
        close_part(ledger, index, job, part)
    if closure.job:
        close_job(ledger, index, clock, job)


def close_part(ledger: Ledger, index: Index, job: Job, part: int) -> None:
    """Writes the report of a part in which every item has ended."""
    ledger.close_part(job, part)
    index.part_reported(job.id, part)


def close_job(ledger: Ledger, index: Index, clock: Clock, job: Job) -> Ending | None:
    """Records how the job ended, then sets its state; returns None where the index has lost the job.

    The counts are those of the records: what the index says may be from before its server's last start.
    """
    seal(ledger, index, job, index.perhaps_begun(job.id))
    _, closure = index.audit(job.id)
    if not closure.job:
        return None
    for part in range(part_count(job.total)):
        ledger.close_part(job, part)
    ledger.write_review(job)
    states = ledger.count_states(job)
    succeeded, failed = states[ItemState.SUCCEEDED], states[ItemState.FAILED]
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
    items: tuple[Item, ...] = ()
    for number in numbers:
        first = part_numbers(part_of(number), job.total).start
        if not items or items[0].number != first:
            items = ledger.read_part(job.tenant, job.id, part_of(number))
        outcome = ledger.end_item(job, canceled(items[number - first]))
        index.complete(job.id, number, outcome.state)
