"""`/healthz` and `/readyz`: is the process up, and can a picture be colored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.services import services
from shared import layout
from shared.errors import PhotochromError
from shared.services import Services

blueprint = APIBlueprint("health", __name__, abp_tags=[Tag(name="health", description="For supervisors")])


@blueprint.get("/healthz")
def get_health() -> Response:
    """Tell that the process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def get_ready() -> tuple[Response, int]:
    """Tell whether storage, index and a worker are there."""
    checks = {
        "storage": _check(lambda: _storage(services())),
        "index": _check(lambda: _index(services())),
        "workers": _check(lambda: _workers(services())),
    }
    ready = all(check["ok"] for check in checks.values())
    return jsonify({"ready": ready, "checks": checks}), 200 if ready else 503


def _check(look: Callable[[], tuple[bool, str]]) -> dict[str, Any]:
    try:
        ok, detail = look()
    except PhotochromError as error:
        ok, detail = False, error.detail
    return {"ok": ok, "detail": detail}


def _storage(held: Services) -> tuple[bool, str]:
    held.store.head(layout.OPEN + "ready")
    return True, "answers"


def _index(held: Services) -> tuple[bool, str]:
    held.index.ping()
    return True, "answers"


def _workers(held: Services) -> tuple[bool, str]:
    hosts = held.index.hosts.live()
    if not hosts:
        return False, "no worker is running"
    return True, f"{len(hosts)} hosts, {sum(host.slots for host in hosts)} slots"
