"""Header fields that calls look at, for the OpenAPI document: the routes read them by hand."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import OpenAPI
from flask_openapi3.models import Parameter
from flask_openapi3.utils import parse_rule

#: Characters of an Idempotency-Key.
MAX_KEY = 255

_Field = dict[str, Any]

_IDEMPOTENCY_KEY: _Field = {
    "name": "Idempotency-Key",
    "description": "makes the call safe to repeat for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
_PREFER: _Field = {
    "name": "Prefer",
    "description": "`wait=N` (RFC 7240) answers when the job has ended, or after N seconds, at most 60",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH: _Field = {
    "name": "If-None-Match",
    "description": "the last ETag: 304 where nothing has changed",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID: _Field = {
    "name": "Last-Event-ID",
    "description": "id of the last event that was seen, which is not said again",
    "schema": {"type": "string"},
}

#: By method and route, as the routes are written.
_FIELDS: dict[tuple[str, str], tuple[_Field, ...]] = {
    ("POST", "/v1/jobs"): (_IDEMPOTENCY_KEY,),
    ("POST", "/v1/jobs/<job_id>/retry"): (_IDEMPOTENCY_KEY,),
    ("GET", "/v1/jobs/<job_id>"): (_PREFER, _IF_NONE_MATCH),
    ("GET", "/v1/jobs/<job_id>/states"): (_IF_NONE_MATCH,),
    ("GET", "/v1/jobs/<job_id>/events"): (_LAST_EVENT_ID,),
}


def document(app: OpenAPI) -> None:
    """Writes the fields into the OpenAPI document. Apps share the operations: what is there already is replaced."""
    for (method, route), fields in _FIELDS.items():
        operation = getattr(app.paths[parse_rule(route)], method.lower())
        named = [Parameter.model_validate({"in": "header", **field}) for field in fields]
        others = [each for each in operation.parameters or () if each.param_in != named[0].param_in]
        operation.parameters = [*others, *named]
