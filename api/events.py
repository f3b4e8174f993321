"""`/v1/jobs/<id>/events`: a job as it changes, as server-sent events (HTML Living Standard, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import admitted, tenant
from api.job_views import JobView, job_view
from api.polling import Seats, seats
from api.services import services
from shared.errors import NotFound, TooManyStreams, Unavailable
from shared.services import Services

blueprint = APIBlueprint("events", __name__, abp_tags=[Tag(name="events", description="A job as it changes")])

#: How often a stream looks at its job, which is how often it says something at most, seconds.
_STEP = 1.0

#: After how long a stream says that it is still there, seconds.
_SILENCE = 15.0

#: How long a stream lasts, seconds: seats go round, and a client that wants more comes again by itself.
_LIFE = 300.0

#: When a client whose stream broke off comes again, milliseconds.
_RETRY = 2000


@blueprint.get("/v1/jobs/<job_id>/events")
def get_events(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Follow a job: an event at each change, at most one a second; ends with the job."""
    view, seen = job_view(services(), tenant(), path.job_id), request.headers.get("Last-Event-ID")
    if view.ended and seen == _id(view):
        return Response(status=204)  # a browser that comes again after the end is told to stay away
    room = seats()
    if not room.take():
        raise TooManyStreams()
    said = events(services(), room, tenant(), path.job_id, seen=seen, welcome=admitted())
    response = Response(said, mimetype="text/event-stream")
    response.call_on_close(room.leave)
    response.headers.set("Content-Disposition", "attachment", filename=f"photochrom-{path.job_id}.events")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx hands on what comes at once
    return response


def events(
    held: Services, room: Seats, owner: str, job_id: str, *, seen: str | None, welcome: Callable[[], bool]
) -> Iterator[str]:
    """Yields the events of a job, without that of the revision `seen`, for as long as the caller is `welcome`."""
    clock = held.clock
    spoken = clock.now()
    until = spoken + _LIFE
    yield f"retry: {_RETRY}\n\n"
    while not room.closed and clock.now() < until and welcome():
        try:
            view = _changed(held, owner, job_id, seen)
        except NotFound:
            yield _event("gone", {"id": job_id})
            return
        if view:
            seen, spoken = _id(view), clock.now()
            yield _event("job", view.to_json(spoken), seen)
            if view.ended:
                return
        elif clock.now() - spoken >= _SILENCE:
            spoken = clock.now()
            yield ": still here\n\n"
        clock.sleep(_STEP)


def _changed(held: Services, owner: str, job_id: str, seen: str | None) -> JobView | None:
    """Returns the job if it is not as it was seen; None also where nobody can tell now. Raises NotFound."""
    try:
        pulse = held.index.polls.pulse(job_id)
        if pulse and str(pulse.revision) == seen:
            return None
        view = job_view(held, owner, job_id)
    except Unavailable:
        return None
    return view if _id(view) != seen else None


def _id(view: JobView) -> str:
    return str(view.progress.revision)


def _event(name: str, data: object, number: str | None = None) -> str:
    lines = [
        f"event: {name}",
        *([f"id: {number}"] if number else []),
        f"data: {json.dumps(data, separators=(',', ':'))}",
    ]
    return "\n".join(lines) + "\n\n"
