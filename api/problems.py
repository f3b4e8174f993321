"""Problems: every error answer is RFC 9457 `application/problem+json` with a stable code."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, g
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from api.strict_json import shown
from shared import logs
from shared.errors import InvalidRequest, NotFound, NotReady, PhotochromError, Throttled, TooLarge, Unavailable

_log = logs.logger(__name__)

#: What a client waits before it asks again, seconds.
RETRY_AFTER = 5
NOT_READY_AFTER = 1


def problem(error: PhotochromError) -> Response:
    """Renders an error of the tree."""
    body = {
        "type": f"/openapi/errors#{error.code}",
        "title": error.title(),
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        **error.extra,
    }
    # What a client sent may stand in it, and half of a surrogate pair is no UTF-8.
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    response = Response(text, error.status, mimetype="application/problem+json")
    g.problem = error.code
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(RETRY_AFTER)
    elif isinstance(error, NotReady):
        response.headers["Retry-After"] = str(error.extra.get("retry_after", NOT_READY_AFTER))
    elif isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.extra.get("retry_after", RETRY_AFTER))
    elif error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def found_by(error: ValidationError) -> list[dict[str, str]]:
    """Returns `field` and `detail` of all that pydantic found."""
    return [
        {
            "field": ".".join(shown(step) for step in entry["loc"]) or "body",
            "detail": entry["msg"].removeprefix("Value error, "),
        }
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def invalid(error: ValidationError) -> Response:
    """Renders what pydantic found: the first field that does not hold, and all of them in `errors`."""
    found = found_by(error)
    first = found[0]
    return problem(InvalidRequest(f"{first['field']}: {first['detail']}.", field=first["field"], errors=found[:20]))


def install(app: Flask) -> None:
    """Makes every error of the app a problem."""
    app.register_error_handler(PhotochromError, problem)
    app.register_error_handler(ValidationError, invalid)
    app.register_error_handler(HTTPException, _foreign)
    app.register_error_handler(Exception, _unforeseen)


def _foreign(error: HTTPException) -> Response:
    """Renders werkzeug's own errors."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # flask_openapi3 aborts with our own problem
    if error.code == 404:
        return problem(NotFound())
    if error.code == 413:
        return problem(TooLarge(error.description or ""))
    code = error.name.lower().replace(" ", "_")
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "code": code,
    }
    response = Response(json.dumps(body), error.code, mimetype="application/problem+json")
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unforeseen(error: Exception) -> Response:
    """Renders a bug: the log has the traceback, the client has not."""
    _log.exception("request_failed", error=type(error).__name__)
    return problem(PhotochromError("Something went wrong in Photochrom; the server's log has the details."))
