"""Pages of items: from a job of a million as fast as from a job of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, islice

from api.item_views import OPEN, Row, ended_row, open_row, stopped
from api.job_views import JobView
from shared import reports, states
from shared.items import ItemState, part_of
from shared.outcomes import Outcome
from shared.services import Services

#: Of so many items of one part the rows are read from its report; of fewer each from its own record.
_MANY = 10


def page(
    services: Services, view: JobView, *, start: int, limit: int, state: ItemState | None = None
) -> tuple[list[Row], int | None]:
    """Returns up to `limit` items from number `start` on, those in `state` if one is given, and the next start."""
    if state is None:
        return _plain_page(services, view, start=start, limit=limit)
    numbers = list(islice(_in_state(services, view, state, start), limit + 1))
    rows = _rows(services, view, dict.fromkeys(numbers[:limit], state))
    # An item may have gone on since.
    return [row for row in rows if row["state"] == state], numbers[limit] if len(numbers) > limit else None


def packed_states(services: Services, view: JobView) -> bytes:
    """Returns the states of all items, two bits each, as `shared.states` has them."""
    return _packed(services, view)[0]


def _plain_page(services: Services, view: JobView, *, start: int, limit: int) -> tuple[list[Row], int | None]:
    job = view.progress.job
    numbers = range(start, min(start + limit, job.total))
    if not numbers:
        return [], None
    known: dict[int, ItemState | None] = dict.fromkeys(numbers)
    if not view.ended:
        found = services.index.polls.item_states(job.id, start, len(numbers))
        known = dict(zip(numbers, stopped(view, found), strict=True))
    return _rows(services, view, known), numbers.stop if numbers.stop < job.total else None


def _packed(services: Services, view: JobView) -> tuple[bytes, frozenset[int]]:
    """Returns the states of all items, and which of them a worker holds."""
    job = view.progress.job
    if view.ended:
        return states.read(services.ledger, job), frozenset()
    maps = services.index.polls.bitmaps(job.id)
    going = sorted(maps.held) if view.stopped else None
    return states.pack(maps.done, maps.failed, job.total, sealed=maps.sealed, going=going), maps.held


def _in_state(services: Services, view: JobView, state: ItemState, start: int) -> Iterator[int]:
    packed, held = _packed(services, view)
    if state is ItemState.RUNNING:
        return iter(sorted(number for number in held if number >= start))
    found = states.numbers(packed, states.CODES.get(state, states.OPEN), start=start, total=view.progress.job.total)
    return (number for number in found if number not in held) if state is ItemState.QUEUED else found


def _rows(services: Services, view: JobView, known: Mapping[int, ItemState | None]) -> list[Row]:
    """Returns the rows of items, which stand in order with what each is known to be: None in a job that has ended."""
    job, ledger = view.progress.job, services.ledger
    found: dict[int, Outcome] = {}
    for _, group in groupby(known, part_of):
        numbers = list(group)
        if len(numbers) >= _MANY and not any(known[number] in OPEN for number in numbers):
            found |= {row.number: row for row in reports.read_rows(ledger, job, numbers) or ()}
    found |= ledger.read_outcomes(job, [n for n, state in known.items() if n not in found and state not in OPEN])
    if view.ended:  # those that were never begun, and those whose own record is damaged
        for _, group in groupby((number for number in known if number not in found), part_of):
            found |= {row.number: row for row in reports.read_rows(ledger, job, list(group)) or ()}
    rows = {number: ended_row(view, outcome) for number, outcome in found.items()}
    for _, group in groupby((number for number in known if number not in found), part_of):
        for item in ledger.read_items(job, list(group)):
            rows[item.number] = open_row(view, item, known[item.number] or ItemState.CANCELED)
    return [rows[number] for number in known]
