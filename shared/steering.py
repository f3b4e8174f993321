"""Steering: what storage says of a running job - canceled, paused, of which priority - is brought to the index."""

from __future__ import annotations

from shared.index import Index
from shared.jobs import Job
from shared.ledger import Ledger


def steer(ledger: Ledger, index: Index, job: Job) -> None:
    """Makes the index do what storage says, which is called after storage was changed, and after a job was registered.

    Of those that race the last to write to storage is obeyed: whoever steers looks once more whether that is still what
    it obeyed. Whoever registers what it read before a cancel or a pause, which then found no job to stop, sees it here.
    """
    if ledger.is_canceled(job):
        index.cancel(job.id)
        return
    control = ledger.read_control(job)
    while True:
        index.control(job.id, control)
        obeyed, control = control, ledger.read_control(job)
        if control == obeyed:
            return
