"""Recovery: bringing a job that the index lacks back from storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from shared import layout, logs, reports
from shared.errors import PhotochromError, RecordDamaged
from shared.ids import is_id, made_at
from shared.index import Index
from shared.index.claims import Audit, Standing, bitmap
from shared.items import ItemState, part_numbers
from shared.jobs import Ending, Job
from shared.ledger import Ledger
from shared.records import concerns_one
from shared.states import of_report
from shared.steering import steer

_log = logs.logger(__name__)

#: Jobs of a tenant that the index lists.
_LISTED = 10_000


class Recovered(StrEnum):
    """What was found for the marker of an open job."""

    KNOWN = "known"  # the index has it
    REGISTERED = "registered"  # the index lacked it and has it again
    ENDED = "ended"  # it had ended; only the marker was left
    UNSUBMITTED = "unsubmitted"  # it was never committed
    DAMAGED = "damaged"  # a record without which nobody can go on is damaged or cannot be read


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One marker, and what became of it."""

    #: whose it is
    tenant: str
    #: job id
    job: str
    #: when it was marked, seconds since the epoch
    marked: float
    #: what was found
    result: Recovered


def recover_open(ledger: Ledger, index: Index) -> Iterator[Found]:
    """Goes through the markers of open jobs and registers what the index lacks; one that is damaged stops no other."""
    for tenant, job_id, marked in ledger.open_jobs():
        try:
            known = index.audit(job_id)[0] in (Audit.SOUND, Audit.ENDED)
            result = Recovered.KNOWN if known else recover(ledger, index, tenant, job_id)
        except PhotochromError as error:
            if not concerns_one(error):
                raise
            _log.error("job_damaged", job=job_id, tenant=tenant, detail=error.detail)
            result = Recovered.DAMAGED
        except Exception:  # noqa: BLE001 - whatever is wrong with one job must not hold up the others
            _log.exception("job_not_recovered", job=job_id, tenant=tenant)
            result = Recovered.DAMAGED
        yield Found(tenant=tenant, job=job_id, marked=marked, result=result)


def recover(ledger: Ledger, index: Index, tenant: str, job_id: str) -> Recovered:
    """Registers one job as storage has it."""
    job = ledger.read_job(tenant, job_id)
    if job is None:
        return Recovered.UNSUBMITTED
    if ending := _ending(ledger, job):
        ledger.finish(job, ending)
        index.list_job(tenant, job_id, job.created)
        return Recovered.ENDED
    index.register(job, standing(ledger, job))
    # What came between the reading and the registering found no job in the index.
    steer(ledger, index, job)
    if ledger.store.head(layout.job(tenant, job_id)) is None:  # it ended and was deleted since it was read
        index.forget(tenant, job_id)
        return Recovered.ENDED
    _log.info("job_registered_again", job=job.id, tenant=tenant, total=job.total)
    return Recovered.REGISTERED


def _ending(ledger: Ledger, job: Job) -> Ending | None:
    """Returns how a job ended; None also where that cannot be understood: it comes to its end once more."""
    with suppress(RecordDamaged):
        return ledger.read_ending(job)
    return None


def standing(ledger: Ledger, job: Job) -> Standing:
    """Returns how far a job is by its records, and writes the reports of parts that have ended."""
    done: list[int] = []
    failed: list[int] = []
    sealed: list[int] = []
    succeeded = 0
    reported = reports.parts(ledger, job)
    for part in sorted(reported | ledger.parts_with_ends(job)):
        ends = _of_report(ledger, job, part) if part in reported else None
        if ends is None:
            outcomes = ledger.read_outcomes(job, ledger.done_numbers(job, part))
            ends = {number: outcome.state for number, outcome in outcomes.items()}
            if len(ends) == len(part_numbers(part, job.total)):
                reports.write(ledger, job, part)
        done += ends
        failed += [number for number, state in ends.items() if state is ItemState.FAILED]
        sealed += [number for number, state in ends.items() if state is ItemState.CANCELED]
        succeeded += sum(state is ItemState.SUCCEEDED for state in ends.values())
    return Standing(
        done=bitmap(done, job.total),
        failed=bitmap(failed, job.total),
        sealed=bitmap(sealed, job.total),
        succeeded=succeeded,
        canceled=ledger.is_canceled(job),
        control=ledger.read_control(job),
    )


def _of_report(ledger: Ledger, job: Job, part: int) -> dict[int, ItemState] | None:
    """Returns how a finished part's items ended; None for a report that cannot be understood, and it is gone then."""
    try:
        return dict(zip(part_numbers(part, job.total), of_report(ledger, job, part), strict=True))
    except RecordDamaged:
        reports.drop(ledger, job, part)
        return None


def list_newest(ledger: Ledger, index: Index) -> int:
    """Brings the lists of the tenants' newest jobs back; returns how many jobs are in them."""
    listed = 0
    for tenant in ledger.store.children(layout.TENANTS):
        for job_id in list(ledger.store.children(layout.jobs(tenant)))[-_LISTED:]:
            if is_id(job_id) and ledger.store.head(layout.job(tenant, job_id)):
                # Not when job.json was stored: a backup that was restored has that from the day of the restoration.
                index.list_job(tenant, job_id, made_at(job_id))
                listed += 1
    return listed
