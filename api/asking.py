"""The request at hand: its tenant, and answers that every resource gives alike."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, g, jsonify, request

from api.auth import Doorkeeper
from api.job_views import JobView
from api.services import services

#: Calls that need no key: they tell nothing of anybody's work.
_OPEN = ("/healthz", "/readyz", "/static/", "/openapi")


def admit(doorkeeper: Doorkeeper) -> None:
    """Finds out whose request this is, before any route."""
    open_call = request.path == "/" or request.path.startswith(_OPEN)
    if open_call and not doorkeeper.keyless():
        return
    g.tenant = doorkeeper.tenant(
        authorization=request.headers.get("Authorization"), host=request.host, origin=request.headers.get("Origin")
    )


def tenant() -> str:
    """Returns the tenant that this request belongs to."""
    return cast("str", g.tenant)


def job_answer(view: JobView, status: int = 200, **headers: str) -> Response:
    """Renders a job with its ETag; 304 where the client has it already."""
    now = services().clock.now()
    response = jsonify(view.to_json(now))
    response.status_code = status
    response.headers.update(headers)
    response.headers["Cache-Control"] = "no-cache"
    if not view.ended:
        response.headers["Retry-After"] = str(view.retry_after(now))
    response.set_etag(view.etag)
    if status == 200:
        response.make_conditional(request)
    return response


def bytes_answer(data: Any, *, media_type: str, size: int, etag: str, filename: str, inline: bool) -> Response:
    """Streams stored bytes that never change under their address."""
    response = Response(data, mimetype=media_type, direct_passthrough=True)
    response.content_length = size
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    response.headers.set("Content-Disposition", "inline" if inline else "attachment", filename=filename)
    response.set_etag(etag)
    response.make_conditional(request)
    return response
