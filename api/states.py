"""`/v1/jobs/<id>/states`: what has become of every item, two bits each."""

from __future__ import annotations

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import tenant
from api.item_pages import packed_states
from api.job_views import job_view
from api.services import services

blueprint = APIBlueprint("states", __name__, abp_tags=[Tag(name="states", description="All items at one look")])


@blueprint.get("/v1/jobs/<job_id>/states")
def get_states(path: schemas.JobPath, query: schemas.Empty) -> Response:
    """Fetch the state of every item, two bits each, item 0 first.

    0 is queued or running, 1 succeeded, 2 failed, 3 canceled.
    """
    # The job comes first: states that are newer than their ETag are fetched once more, older ones would stay.
    view = job_view(services(), tenant(), path.job_id)
    known = request.if_none_match.contains_weak(view.etag)
    response = Response(b"" if known else packed_states(services(), view), mimetype="application/octet-stream")
    response.status_code = 304 if known else 200
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers.set("Content-Disposition", "attachment", filename=f"photochrom-{path.job_id}.states")
    response.set_etag(view.etag)
    return response
