"""Reviews: the most uncertain items of a job that has ended, for a person to look through."""

from __future__ import annotations

from api.item_views import Row, ended_row
from api.job_views import JobView
from shared import reports
from shared.errors import InvalidRequest, NotReady
from shared.items import ItemState
from shared.services import Services


def page(
    services: Services, view: JobView, *, start: int, limit: int, state: ItemState | None
) -> tuple[list[Row], int | None]:
    """Returns up to `limit` items from place `start` of the review on, most uncertain first, and the next place.

    Raises InvalidRequest where a state is asked for, too, NotReady before the job has ended. A job that ended before
    uncertainty was looked at has nobody in its review.
    """
    if state:
        raise InvalidRequest("Only successes are sorted by uncertainty: leave `state` out.", field="state", seen=state)
    if not view.ended:
        raise NotReady(
            f"The job is {view.progress.state}; its most uncertain items are known when it has ended.",
            seen=view.progress.state,
            retry_after=view.retry_after(services.clock.now()),
        )
    rows = reports.read_review(services.ledger, view.progress.job)
    following = start + limit
    return [ended_row(view, row) for row in rows[start:following]], following if following < len(rows) else None
