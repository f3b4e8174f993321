"""Items as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.job_views import JobView
from shared.errors import NotFound
from shared.items import Item, ItemState, part_count, part_numbers, part_of
from shared.jobs import JobState
from shared.outcomes import Candidate, Outcome, StoredDerivative, canceled
from shared.services import Services

_STOPPED = (JobState.CANCELING, JobState.CANCELED)
_ENDED = (ItemState.SUCCEEDED, ItemState.FAILED)

Row = dict[str, Any]


def page(
    services: Services, view: JobView, *, start: int, limit: int, state: ItemState | None = None
) -> tuple[list[Row], int | None]:
    """Returns up to `limit` items from number `start` on, those in `state` if one is given, and the next start."""
    rows: list[Row] = []
    total = view.progress.job.total
    for part in range(part_of(start), part_count(total)):
        wanted = [number for number in part_numbers(part, total) if number >= start]
        if not wanted:
            break
        room = limit - len(rows)
        found = _part_rows(services, view, part, wanted, state, room + 1)
        rows += found[:room]
        if len(found) > room:
            return rows, found[room]["number"]
        if len(rows) == limit:
            following = part_numbers(part, total).stop
            return rows, following if following < total else None
    return rows, None


def one(services: Services, view: JobView, number: int) -> tuple[Row, Outcome | None]:
    """Returns one item and, where it has ended, how; raises NotFound for a number that the job does not have."""
    job = view.progress.job
    if number >= job.total:
        raise NotFound(f"Job {job.id} has items 0 to {job.total - 1}.", limit=job.total - 1, seen=number)
    outcome = services.ledger.read_outcome(job, number)
    item = services.ledger.read_item(job, number)
    if outcome is None and view.progress.state is JobState.CANCELED:
        outcome = canceled(item)
    if outcome:
        return ended_row(view, outcome), outcome
    known = _stopped(view, [ItemState.QUEUED] if view.ended else services.index.item_states(job.id, number, 1))
    # Its record may come a moment after it was looked for.
    state = ItemState.RUNNING if known[0] in _ENDED else known[0]
    return _open_row(view, item, state), None


def _part_rows(
    services: Services, view: JobView, part: int, wanted: Sequence[int], state: ItemState | None, most: int
) -> list[Row]:
    job = view.progress.job
    report = services.ledger.read_report(job, part)
    if report is not None:
        chosen = [row for row in report if row.number >= wanted[0] and state in (None, row.state)]
        return [ended_row(view, row) for row in chosen[:most]]
    if view.ended:
        return []
    states = _stopped(view, services.index.item_states(job.id, wanted[0], len(wanted)))
    numbers = [number for number, known in zip(wanted, states, strict=True) if state in (None, known)][:most]
    if not numbers:
        return []
    by_number = dict(zip(wanted, states, strict=True))
    outcomes = services.ledger.read_outcomes(job, [n for n in numbers if by_number[n] in _ENDED])
    items = services.ledger.read_part(job.tenant, job.id, part)
    first = part_numbers(part, job.total).start
    return [
        ended_row(view, outcomes[n]) if n in outcomes else _open_row(view, items[n - first], by_number[n])
        for n in numbers
    ]


def _stopped(view: JobView, states: Sequence[ItemState]) -> list[ItemState]:
    """In a canceled job what is queued will never begin."""
    if view.progress.state not in _STOPPED:
        return list(states)
    return [ItemState.CANCELED if state is ItemState.QUEUED else state for state in states]


def _open_row(view: JobView, item: Item, state: ItemState) -> Row:
    return {
        "number": item.number,
        "state": state,
        "filename": item.filename,
        "client_ref": item.client_ref,
        "master": item.master,
        "code": None,
        "detail": None,
        "warnings": [],
        "tone": None,
        "delta_l": None,
        "encoded_delta_l": None,
        "uncertainty": None,
        "derivative": None,
        "candidates": [],
        "links": _links(view, item.number),
    }


def ended_row(view: JobView, row: Outcome) -> Row:
    """Returns an item that has ended."""
    links = _links(view, row.number)
    return {
        "number": row.number,
        "state": row.state,
        "filename": row.filename,
        "client_ref": row.client_ref,
        "master": row.master,
        "code": row.code,
        "detail": row.detail,
        "warnings": list(row.warnings),
        "tone": row.tone,
        "delta_l": row.delta_l,
        "encoded_delta_l": row.encoded_delta_l,
        "uncertainty": row.uncertainty,
        "derivative": _facts(row.derivative) if row.derivative else None,
        "candidates": [_candidate(each, number, links) for number, each in enumerate(row.candidates)],
        "links": links,
    }


def _candidate(candidate: Candidate, number: int, links: Mapping[str, str]) -> Row:
    return {
        "temperature": candidate.temperature,
        "warnings": list(candidate.warnings),
        "delta_l": candidate.delta_l,
        "encoded_delta_l": candidate.encoded_delta_l,
        "derivative": _facts(candidate.derivative),
        "links": {name: f"{links[name]}?candidate={number}" for name in ("result", "preview")},
    }


def _facts(made: StoredDerivative) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ("sha256", "size", "media_type", "width", "height")}


def _links(view: JobView, number: int) -> dict[str, str]:
    path = f"/v1/jobs/{view.progress.job.id}/items/{number}"
    return {
        "self": path,
        "result": f"{path}/result",
        "preview": f"{path}/preview",
        "master_preview": f"{path}/preview?of=master",
        "uncertainty": f"{path}/uncertainty",
        "master": f"{path}/master",
    }
