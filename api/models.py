"""`/v1/models`: the nets that can be asked for."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.services import services
from shared.errors import IndexUnavailable, UnknownModel
from shared.recipes import DEFAULT_MODEL
from shared.registry import Model
from shared.services import Services

blueprint = APIBlueprint("models", __name__, abp_tags=[Tag(name="models", description="The nets")])


@blueprint.get("/v1/models", responses={200: schemas.Models})
def get_models(query: schemas.Empty) -> Response:
    """List the models."""
    return jsonify({"models": list_models(services())})


def list_models(held: Services) -> list[dict[str, Any]]:
    """Returns the models that are known here or that only a live worker has, and whether a live worker serves each."""
    try:
        served = _served(held)
    except IndexUnavailable:
        served = {}
    known = {model.name: model for model in held.registry.models}
    elsewhere = sorted(set(served) - set(known))
    return [
        *(_view(model, model.digest or _only(served.get(model.name)), served) for model in known.values()),
        *(_foreign_view(name, digest) for name in elsewhere for digest in sorted(served[name])),
    ]


def digest_of(held: Services, name: str) -> str:
    """Returns the digest of the model called `name`: as the registry here has it, else as live workers announce it.

    Raises UnknownModel for a name that is known nowhere, or that means different nets on different workers, and
    IndexUnavailable where only the workers could tell.
    """
    registered = {model.name: model for model in held.registry.models}
    if name in registered and (digest := registered[name].digest):
        return digest
    served = _served(held)
    if digest := _only(served.get(name)):
        return digest
    known = sorted({*registered, *served})
    if name in served:
        words = f"Live workers have different nets under the name {name!r}: one of them needs another name."
    elif name in registered:
        words = f"No live worker has {name!r}. `{registered[name].remedy}` on a worker's machine fetches it."
    else:
        words = f"No model is called {name!r}. Known: {', '.join(known)}."
    raise UnknownModel(words, seen=name, known=known)


def _served(held: Services) -> dict[str, set[str]]:
    """Returns what live workers announce: names, and the digests that each has; there should be one."""
    served: dict[str, set[str]] = {}
    for host in held.index.hosts.live():
        for name, digest in host.models.items():
            served.setdefault(name, set()).add(digest)
    return served


def _only(digests: set[str] | None) -> str | None:
    return next(iter(digests)) if digests and len(digests) == 1 else None


def _view(model: Model, digest: str | None, served: dict[str, set[str]]) -> dict[str, Any]:
    return {
        "name": model.name,
        "digest": digest,
        "summary": model.summary,
        "license": model.license,
        "default": model.name == DEFAULT_MODEL,
        "available": any(digest in digests for digests in served.values()),
    }


def _foreign_view(name: str, digest: str) -> dict[str, Any]:
    """A model that only workers know: they announce a name and a digest."""
    return {
        "name": name,
        "digest": digest,
        "summary": "A net that a worker's operator has added.",
        "license": "not known here",
        "default": False,
        "available": True,
    }
