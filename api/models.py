"""`/v1/models`: the nets that can be asked for."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.services import services
from shared import registry
from shared.errors import IndexUnavailable
from shared.recipes import DEFAULT_MODEL
from shared.services import Services

blueprint = APIBlueprint("models", __name__, abp_tags=[Tag(name="models", description="The nets")])


@blueprint.get("/v1/models", responses={200: schemas.Models})
def get_models(query: schemas.Empty) -> Response:
    """List the models."""
    return jsonify({"models": list_models(services())})


def list_models(held: Services) -> list[dict[str, Any]]:
    """Returns the registered models and whether a live worker serves each."""
    try:
        served = {digest for host in held.index.hosts.live() for digest in host.models.values()}
    except IndexUnavailable:
        served = set()
    return [
        {
            "name": model.name,
            "digest": model.digest,
            "summary": model.summary,
            "license": model.license,
            "default": model.name == DEFAULT_MODEL,
            "available": model.digest in served,
        }
        for model in registry.models()
    ]
