"""`/v1/jobs`: submitting, listing, looking at and deleting jobs."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api import polling, schemas
from api.asking import job_answer, limits, tenant
from api.bodies import require_length
from api.intake import document, read_submission
from api.job_views import fresh_view, job_view, list_jobs
from api.services import services
from api.submission import submit
from shared.deletion import delete
from shared.errors import JobNotEnded
from shared.jobs import JobState
from shared.services import Services

blueprint = APIBlueprint("jobs", __name__, abp_tags=[Tag(name="jobs", description="Submissions and their progress")])


@blueprint.post("/v1/jobs", responses={202: schemas.Job}, openapi_extensions=document())
def post_job(query: schemas.Empty) -> Response:
    """Submit pictures, or masters that are stored already, or that lie in a bucket."""
    require_length()
    asked = replace(read_submission(services(), tenant(), request), limits=limits())
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
    """Look at a job; with `Prefer: wait=N` when it has ended, or after N seconds, at most 60."""
    seconds = polling.wanted_wait(request.headers.get("Prefer"))
    if seconds is None:
        return job_answer(job_view(services(), tenant(), path.job_id))
    view, waited = polling.await_end(services(), polling.seats(), tenant(), path.job_id, seconds)
    # Who has waited here need not wait once more before the next look.
    extra = {"Preference-Applied": f"wait={seconds}"} | ({} if view.ended else {"Retry-After": "1"})
    return job_answer(view, 200, **(extra if waited else {}))


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
