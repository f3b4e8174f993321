"""`/healthz` and `/readyz`: is the process up, and can a picture be colored."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.problems import RETRY_AFTER
from api.services import services
from shared import layout
from shared.errors import PhotochromError
from shared.services import Services
from shared.storage import ObjectStore
from shared.storage.direct import NotOffered

#: How long what was found of the storage is believed, seconds.
_BELIEVED_SECONDS = 3.0

#: What is written, bytes: a disk that is full has no block left.
_BLOCK = 4096

blueprint = APIBlueprint("health", __name__, abp_tags=[Tag(name="health", description="For supervisors")])


@blueprint.get("/healthz")
def get_health() -> Response:
    """Tell that the process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def get_ready() -> tuple[Response, int]:
    """Tell whether storage, index and a worker are there."""
    checks = {
        "storage": _check(storage_check()),
        "index": _check(lambda: _index(services())),
        "workers": _check(lambda: _workers(services())),
    }
    ready = all(check["ok"] for check in checks.values())
    answer = jsonify({"ready": ready, "checks": checks})
    if not ready:
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer, 200 if ready else 503


class StorageCheck:
    """Whether storage holds up: proved once, then written to, at most every few seconds however often one asks."""

    def __init__(self, store: ObjectStore) -> None:
        """Asks nothing yet."""
        self._store = store
        self._guard = threading.Lock()
        self._proved = False
        self._asked = -math.inf
        self._found: tuple[bool, str] = (False, "")

    def __call__(self) -> tuple[bool, str]:
        """Tells whether it does, and in words why not."""
        with self._guard:
            if time.monotonic() - self._asked > _BELIEVED_SECONDS:
                self._found = self._ask()
                self._asked = time.monotonic()
            return self._found

    def _ask(self) -> tuple[bool, str]:
        try:
            if not self._proved:
                self._store.probe()
                self._proved = True
            self._store.put(layout.READY, bytes(_BLOCK))
            direct = self._store.direct()
        except PhotochromError as error:
            return False, error.detail
        words = "answers and can be written to"
        if isinstance(direct, NotOffered) and direct.reason:
            words += f"; uploads go through the API, since {direct.reason}"
        return True, words


def storage_check() -> StorageCheck:
    """Returns the check of the app that answers this request."""
    checks: dict[str, Any] = current_app.extensions
    check: StorageCheck = checks.setdefault("photochrom.storage", StorageCheck(services().store))
    return check


def _check(look: Callable[[], tuple[bool, str]]) -> dict[str, Any]:
    try:
        ok, detail = look()
    except PhotochromError as error:
        ok, detail = False, error.detail
    return {"ok": ok, "detail": detail}


def _index(held: Services) -> tuple[bool, str]:
    held.index.ping()
    return True, "answers"


def _workers(held: Services) -> tuple[bool, str]:
    hosts = held.index.hosts.live()
    if not hosts:
        return False, "no worker is running"
    return True, f"{len(hosts)} hosts, {sum(host.slots for host in hosts)} slots"
