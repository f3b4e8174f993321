"""`/v1/jobs`: submitting, listing, looking at and canceling jobs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import job_answer, limits, tenant
from api.job_views import JobView, fresh_view, job_view, list_jobs
from api.models import digest_of
from api.multipart import read_form
from api.services import services
from api.strict_json import check_refs, read_json
from api.submission import Submission, submit
from shared.deletion import delete
from shared.errors import InvalidRequest, JobEnded, JobNotEnded, LengthRequired, UnsupportedMedia
from shared.items import Item
from shared.jobs import JobState
from shared.recipes import DEFAULT_MODEL, resolve
from shared.services import Services
from shared.webhooks import MAX_URL, Rules

blueprint = APIBlueprint("jobs", __name__, abp_tags=[Tag(name="jobs", description="Submissions and their progress")])

_MAX_KEY = 255

#: Recipe, items and webhook as they were asked for.
_Asked = tuple[dict[str, Any], tuple[Item, ...], str | None]

_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "additionalProperties": False,
                    "properties": {
                        "image": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1000,
                            "items": {"type": "string", "format": "binary"},
                        },
                        "recipe": {"type": "string", "description": "a JSON object, see RecipeRequest"},
                        "client_ref": {"type": "array", "items": {"type": "string"}},
                        "webhook": {"type": "string", "maxLength": MAX_URL, "description": schemas.WEBHOOK},
                    },
                }
            },
            "application/json": {
                "schema": schemas.JobRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            },
        },
    }
}


@blueprint.post("/v1/jobs", responses={202: schemas.Job}, openapi_extensions=_BODIES)
def post_job(query: schemas.Empty) -> Response:
    """Submit pictures, or masters that are stored already."""
    asked = replace(_read_submission(services(), tenant()), limits=limits())
    job = submit(services(), asked)
    return job_answer(fresh_view(services(), job), 202, Location=f"/v1/jobs/{job.id}")


@blueprint.get("/v1/jobs", responses={200: schemas.Jobs})
def get_jobs(query: schemas.ListQuery) -> Response:
    """List jobs, newest first."""
    views, cursor = list_jobs(services(), tenant(), limit=query.limit, cursor=query.cursor)
    now = services().clock.now()
    return jsonify({"jobs": [view.to_json(now) for view in views], "next": cursor})


@blueprint.get("/v1/jobs/<job_id>", responses={200: schemas.Job})
def get_job(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Look at a job."""
    return job_answer(job_view(services(), tenant(), path.job_id))


@blueprint.post("/v1/jobs/<job_id>/cancel", responses={202: schemas.Job})
def post_cancel(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Cancel what has not begun."""
    return job_answer(cancel(services(), tenant(), path.job_id), 202)


@blueprint.delete("/v1/jobs/<job_id>", responses={204: None})
def delete_job(path: schemas.JobPath, query: schemas.Empty) -> tuple[str, int]:
    """Delete the records of a job that has ended; masters and pictures stay."""
    remove(services(), tenant(), path.job_id)
    return "", 204


def remove(held: Services, owner: str, job_id: str) -> None:
    """Deletes a job, the records of a large one in the background; raises JobNotEnded for one that has not ended."""
    view = job_view(held, owner, job_id)
    if not view.ended:
        state = view.progress.state
        way = "wait for its end" if state is JobState.CANCELING else "cancel it first"
        raise JobNotEnded(f"The job is {state}: {way}, then delete it.", seen=state)
    delete(held.ledger, held.index, owner, job_id)


def cancel(held: Services, owner: str, job_id: str) -> JobView:
    """Cancels a job, first in storage; raises JobEnded for one that has ended."""
    view = job_view(held, owner, job_id)
    if view.ended:
        raise JobEnded(f"The job is {view.progress.state} already.", seen=view.progress.state)
    held.ledger.cancel(view.progress.job)
    held.index.cancel(job_id)
    return job_view(held, owner, job_id)


def _read_submission(held: Services, owner: str) -> Submission:
    """Reads what is asked for from the request, by its content type."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key has 1 to {_MAX_KEY} printable ASCII characters.", field="Idempotency-Key"
        )
    require_length()
    if request.mimetype == "multipart/form-data":
        recipe, items, webhook = _read_multipart(held, owner)
    elif request.mimetype == "application/json":
        recipe, items, webhook = _read_json(held, owner)
    else:
        raise UnsupportedMedia(
            "Send multipart/form-data or application/json.",
            seen=request.mimetype,
            limit=["multipart/form-data", "application/json"],
        )
    check_refs(items)
    return Submission(
        tenant=owner,
        model=recipe.get("model", DEFAULT_MODEL),
        recipe=resolve(recipe, partial(digest_of, held)),
        items=items,
        key=key,
        webhook=webhook,
    )


def _read_multipart(held: Services, owner: str) -> _Asked:
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise InvalidRequest("The Content-Type names no multipart boundary.", field="Content-Type")
    form = read_form(request.stream, boundary, held.store, owner, limit=held.settings.max_bytes)
    resolve(form.recipe, partial(digest_of, held))
    return form.recipe, form.items(), _webhook(held, form.webhook)


def _read_json(held: Services, owner: str) -> _Asked:
    body = schemas.JobRequest.model_validate(read_json(request.get_data(cache=False)))
    webhook = _webhook(held, body.webhook)
    items = tuple(
        Item(number=number, master=item.sha256, filename=item.filename, client_ref=item.client_ref)
        for number, item in enumerate(body.items)
    )
    return body.recipe.model_dump(exclude_unset=True), items, webhook


def _webhook(held: Services, url: str | None) -> str | None:
    """Returns the webhook as it was sent; raises InvalidRequest for one that would not be called."""
    if url is not None:
        Rules.of(held.settings).check(url)
    return url


def require_length() -> None:
    """Raises LengthRequired for a body whose end nobody can tell."""
    if request.content_length is None and request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise LengthRequired()
