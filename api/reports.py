"""`/v1/jobs/<id>/report`: the rows of the items that have ended, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import tenant
from api.job_views import job_view
from api.services import services
from shared import reports
from shared.outcomes import Outcome

blueprint = APIBlueprint("reports", __name__, abp_tags=[Tag(name="reports", description="What became of every item")])

#: Characters that are sent at once.
_CHUNK = 1 << 16

_COLUMNS = (
    "number",
    "state",
    "filename",
    "client_ref",
    "master",
    "source",
    "code",
    "detail",
    "warnings",
    "derivative_sha256",
    "derivative_size",
    "media_type",
    "width",
    "height",
    "tone",
    "delta_l_max",
    "encoded_delta_l_max",
    "uncertainty_mean",
    "uncertainty_p95",
    "candidate_temperatures",
    "candidate_sha256",
    "already_made",
    "attempts",
    "finished_at",
)


@blueprint.get("/v1/jobs/<job_id>/report")
@blueprint.get("/v1/jobs/<job_id>/report.jsonl")
def get_report(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Fetch the rows so far as JSON lines, in the order of the items."""
    job = job_view(services(), tenant(), path.job_id).progress.job
    response = Response(reports.texts(services().ledger, job), mimetype="application/x-ndjson")
    response.headers.set("Content-Disposition", "attachment", filename=f"photochrom-{job.id}.jsonl")
    return response


@blueprint.get("/v1/jobs/<job_id>/report.csv")
def get_csv(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Fetch the rows so far as CSV with a header (RFC 4180, UTF-8)."""
    job = job_view(services(), tenant(), path.job_id).progress.job
    response = Response(csv_lines(reports.rows(services().ledger, job)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"photochrom-{job.id}.csv")
    return response


def csv_lines(rows: Iterable[Outcome]) -> Iterator[str]:
    """Yields the header and one line a row, many at a time; a text that a spreadsheet would run is quoted by `'`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_safe(cell) for cell in _cells(row)])
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cells(row: Outcome) -> tuple[object, ...]:
    made = row.derivative
    picture = (made.sha256, made.size, made.media_type, made.width, made.height) if made else (None,) * 5
    deltas = (delta["max"] if delta else None for delta in (row.delta_l, row.encoded_delta_l))
    unsure = (row.uncertainty["mean"], row.uncertainty["p95"]) if row.uncertainty else (None, None)
    temperatures = " ".join(f"{candidate.temperature:.3f}" for candidate in row.candidates)
    digests = " ".join(candidate.derivative.sha256 for candidate in row.candidates)
    warnings = " ".join(row.warnings)
    names = (row.number, row.state.value, row.filename, row.client_ref, row.master, row.source)
    ends = (row.code, row.detail, warnings)
    figures = (row.tone, *deltas, *unsure)
    return (*names, *ends, *picture, *figures, temperatures, digests, row.already_made, row.attempts, row.finished_at)


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
