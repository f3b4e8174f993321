"""Intake: what a POST of a job asks for, by its content type."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from flask import Request

from api import schemas
from api.fields import MAX_KEY
from api.manifests import MAX_LINE, item_of, read_manifest
from api.models import digest_of
from api.multipart import MAX_IMAGES, read_form
from api.strict_json import read_json
from api.submission import Submission
from shared.errors import InvalidRequest, TooManyItems, UnsupportedMedia
from shared.jobs import MAX_ITEMS, Priority
from shared.recipes import DEFAULT_MODEL, resolve
from shared.services import Services
from shared.webhooks import MAX_URL, Rules

_MULTIPART, _JSON, _NDJSON = "multipart/form-data", "application/json", "application/x-ndjson"


def document() -> dict[str, Any]:
    """Returns the request body of `POST /v1/jobs` for the OpenAPI document: it is read by hand."""
    form = {
        "image": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_IMAGES,
            "items": {"type": "string", "format": "binary"},
        },
        "recipe": {"type": "string", "description": "a JSON object, see RecipeRequest"},
        "client_ref": {"type": "array", "items": {"type": "string"}},
        "webhook": {"type": "string", "maxLength": MAX_URL, "description": schemas.WEBHOOK},
        "priority": {"type": "string", "enum": list(Priority)},
    }
    lines = {
        "type": "array",
        "description": f"An entry is a line, of at most {MAX_LINE:,} bytes. Only the first can be a HeadRequest.",
        "minItems": 1,
        "maxItems": MAX_ITEMS + 1,
        "items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("ItemRequest", "HeadRequest")]},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                _MULTIPART: {
                    "schema": {
                        "type": "object",
                        "required": ["image"],
                        "additionalProperties": False,
                        "properties": form,
                    }
                },
                _JSON: {"schema": schemas.JobRequest.model_json_schema(ref_template="#/components/schemas/{model}")},
                _NDJSON: {"schema": lines},
            },
        }
    }


def read_submission(held: Services, owner: str, request: Request) -> Submission:
    """Reads what is asked for; the items of an NDJSON body are read when they are submitted."""
    key = read_key(request)
    readers = {_MULTIPART: _read_multipart, _JSON: _read_json, _NDJSON: _read_ndjson}
    if request.mimetype not in readers:
        raise UnsupportedMedia(f"Send {', '.join(readers)}.", seen=request.mimetype, limit=list(readers))
    return replace(readers[request.mimetype](held, owner, request), key=key)


def read_key(request: Request) -> str | None:
    """Returns the Idempotency-Key, or None; raises InvalidRequest for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters.", field="Idempotency-Key")
    return key


def _read_multipart(held: Services, owner: str, request: Request) -> Submission:
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise InvalidRequest("The Content-Type names no multipart boundary.", field="Content-Type")
    form = read_form(request.stream, boundary, held.store, owner, limit=held.settings.max_bytes)
    recipe = resolve(form.recipe, partial(digest_of, held))
    return Submission(
        tenant=owner,
        model=form.recipe.get("model", DEFAULT_MODEL),
        recipe=recipe,
        items=form.items(),
        webhook=_webhook(held, form.webhook),
        priority=form.priority or Priority.NORMAL,
    )


def _read_json(held: Services, owner: str, request: Request) -> Submission:
    data = read_json(request.get_data(cache=False))
    items = data.get("items") if isinstance(data, dict) else None
    if isinstance(items, list) and len(items) > schemas.MAX_JSON_ITEMS:
        raise TooManyItems(
            f"A JSON body has at most {schemas.MAX_JSON_ITEMS:,} items; send more as {_NDJSON}.",
            limit=schemas.MAX_JSON_ITEMS,
            seen=len(items),
        )
    body = schemas.JobRequest.model_validate(data)
    asked = _headed(held, owner, body)
    return replace(asked, items=[item_of(number, item) for number, item in enumerate(body.items)])


def _read_ndjson(held: Services, owner: str, request: Request) -> Submission:
    manifest = read_manifest(request.stream)
    return replace(_headed(held, owner, manifest.head), items=manifest.items, findings=manifest.findings)


def _headed(held: Services, owner: str, head: schemas.HeadRequest) -> Submission:
    """Returns a submission without items yet."""
    recipe = head.recipe.model_dump(exclude_unset=True)
    return Submission(
        tenant=owner,
        model=recipe.get("model", DEFAULT_MODEL),
        recipe=resolve(recipe, partial(digest_of, held)),
        items=(),
        webhook=_webhook(held, head.webhook),
        priority=head.priority,
    )


def _webhook(held: Services, url: str | None) -> str | None:
    """Returns the webhook as it was sent; raises InvalidRequest for one that would not be called."""
    if url is not None:
        Rules.of(held.settings).check(url)
    return url
