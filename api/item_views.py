"""Items as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.job_views import JobView
from shared import reports
from shared.errors import NotFound
from shared.items import Item, ItemState
from shared.jobs import JobState
from shared.outcomes import Candidate, Outcome, StoredDerivative, canceled
from shared.services import Services

#: States of an item that has no record.
OPEN = (ItemState.QUEUED, ItemState.RUNNING)

_ENDED = (ItemState.SUCCEEDED, ItemState.FAILED)

Row = dict[str, Any]


def one(services: Services, view: JobView, number: int) -> tuple[Row, Outcome | None]:
    """Returns one item and, where it has ended, how; raises NotFound for a number that the job does not have."""
    job = view.progress.job
    if number >= job.total:
        raise NotFound(f"Job {job.id} has items 0 to {job.total - 1}.", limit=job.total - 1, seen=number)
    if outcome := read_end(services, view, number):
        return ended_row(view, outcome), outcome
    item = services.ledger.read_item(job, number)
    if view.progress.state is JobState.CANCELED:
        outcome = canceled(item)
        return ended_row(view, outcome), outcome
    known = stopped(view, [ItemState.QUEUED] if view.ended else services.index.polls.item_states(job.id, number, 1))
    # Its record may come a moment after it was looked for.
    state = ItemState.RUNNING if known[0] in _ENDED else known[0]
    return open_row(view, item, state), None


def read_end(services: Services, view: JobView, number: int) -> Outcome | None:
    """Returns how an item ended, or None; once its job has, its row says so where its record does not any more."""
    job, ledger = view.progress.job, services.ledger
    outcome = ledger.read_outcome(job, number)
    if outcome or not view.ended:
        return outcome
    return next(iter(reports.read_rows(ledger, job, [number]) or ()), None)


def stopped(view: JobView, states: Sequence[ItemState]) -> list[ItemState]:
    """Returns the states that the index tells of items: in a canceled job what is queued will never begin."""
    if not view.stopped:
        return list(states)
    return [ItemState.CANCELED if state is ItemState.QUEUED else state for state in states]


def open_row(view: JobView, item: Item, state: ItemState) -> Row:
    """Returns an item that has no record: it has not ended, or was canceled before it began."""
    return {
        "number": item.number,
        "state": state,
        "filename": item.filename,
        "client_ref": item.client_ref,
        "master": item.master,
        "source": item.source.address if item.source else None,
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
        "source": row.source,
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
