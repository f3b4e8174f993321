"""`/v1/jobs/<id>/...`: what is asked of a job after its submission: cancel, pause, resume, priority, retry."""

from __future__ import annotations

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from api import retry, schemas
from api.asking import job_answer, limits, tenant
from api.intake import read_key
from api.job_views import JobView, fresh_view, job_view
from api.services import services
from shared.bells import top_up
from shared.errors import JobEnded
from shared.jobs import Priority
from shared.services import Services
from shared.steering import steer

blueprint = APIBlueprint(
    "controls", __name__, abp_tags=[Tag(name="jobs", description="Submissions and their progress")]
)


@blueprint.post("/v1/jobs/<job_id>/cancel", responses={202: schemas.Job})
def post_cancel(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Cancel what has not begun."""
    return job_answer(cancel(services(), tenant(), path.job_id), 202)


@blueprint.post("/v1/jobs/<job_id>/pause", responses={202: schemas.Job})
def post_pause(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Let nothing of a job begin until it is resumed."""
    return job_answer(control(services(), tenant(), path.job_id, paused=True), 202)


@blueprint.post("/v1/jobs/<job_id>/resume", responses={202: schemas.Job})
def post_resume(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Let a paused job go on."""
    return job_answer(control(services(), tenant(), path.job_id, paused=False), 202)


@blueprint.post("/v1/jobs/<job_id>/priority", responses={202: schemas.Job})
def post_priority(path: schemas.JobPath, query: schemas.Empty, body: schemas.PriorityRequest) -> Response:
    """Change which of the tenant's jobs go first."""
    return job_answer(control(services(), tenant(), path.job_id, priority=body.priority), 202)


@blueprint.post("/v1/jobs/<job_id>/retry", responses={202: schemas.Job})
def post_retry(path: schemas.JobPath, query: schemas.Empty, body: schemas.RetryRequest) -> Response:
    """Make a new job of an ended job's failed or canceled items."""
    held, states = services(), frozenset(body.states)
    job = retry.retry(held, tenant(), path.job_id, states, key=read_key(request), limits=limits())
    return job_answer(fresh_view(held, job), 202, Location=f"/v1/jobs/{job.id}")


def cancel(held: Services, owner: str, job_id: str) -> JobView:
    """Cancels a job, first in storage; raises JobEnded for one that has ended."""
    view = job_view(held, owner, job_id)
    if view.ended:
        raise JobEnded(f"The job is {view.progress.state} already.", seen=view.progress.state)
    held.ledger.cancel(view.progress.job)
    held.index.cancel(job_id)
    return job_view(held, owner, job_id)


def control(
    held: Services, owner: str, job_id: str, *, paused: bool | None = None, priority: Priority | None = None
) -> JobView:
    """Changes what is asked of a job, first in storage; raises JobEnded for one that is canceled or has ended."""
    view = job_view(held, owner, job_id)
    if view.ended or view.stopped:
        state = view.progress.state
        raise JobEnded(f"The job is {state}: nothing of it will begin.", seen=state)
    job = view.progress.job
    held.ledger.control(job, paused=paused, priority=priority)
    steer(held.ledger, held.index, job)
    if not paused:
        model = job.recipe.model
        top_up(held.bells, model, min(job.total, max(1, held.index.hosts.slots(model))))
    return job_view(held, owner, job_id)
