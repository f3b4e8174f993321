"""`/v1/queue`: how much work there is, for whoever starts and stops workers."""

from __future__ import annotations

import math
import threading
import time
from typing import Any, cast

from flask import Response, current_app, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.services import services
from shared.errors import IndexUnavailable
from shared.index.polls import Work
from shared.services import Services

#: How long what was counted is believed, seconds: it costs the same however many ask.
_BELIEVED_SECONDS = 1.0

#: How much of a digest is shown where two nets have one name.
_SHOWN = 12

blueprint = APIBlueprint("queue", __name__, abp_tags=[Tag(name="queue", description="For autoscalers")])


@blueprint.get("/v1/queue", responses={200: schemas.Queue})
def get_queue(query: schemas.Empty) -> Response:
    """Tell how many items wait and run, of all tenants, and how many the live workers take at once."""
    return jsonify(queue_count()())


class Count:
    """The queue, counted at most once a second however often one asks."""

    def __init__(self, held: Services) -> None:
        """Asks nothing yet."""
        self._held = held
        self._guard = threading.Lock()
        self._asked = -math.inf
        self._found: dict[str, Any] | IndexUnavailable = {}

    def __call__(self) -> dict[str, Any]:
        """Returns the answer's body; raises IndexUnavailable."""
        with self._guard:
            if time.monotonic() - self._asked > _BELIEVED_SECONDS:
                self._found = self._ask()
                self._asked = time.monotonic()
            if isinstance(self._found, IndexUnavailable):  # those that wait meanwhile need not ask one by one
                raise self._found
            return self._found

    def _ask(self) -> dict[str, Any] | IndexUnavailable:
        try:
            return count(self._held)
        except IndexUnavailable as error:
            return error


def count(held: Services) -> dict[str, Any]:
    """Returns what waits and runs, in all and by model, those without work too; raises IndexUnavailable."""
    index = held.index
    hosts, work = index.hosts.live(), index.polls.work()
    slots = {digest: 0 for host in hosts for digest in host.models.values()}
    for host in hosts:
        for digest in set(host.models.values()):
            slots[digest] += host.slots
    # Where no host lives, as when all were stopped for want of work, the registry or a job tells the name.
    names = {digest: name for host in hosts for name, digest in host.models.items()}
    names |= {model.digest: model.name for model in held.registry.models if model.digest}
    names |= {
        digest: index.polls.model_name(each.job) or digest for digest, each in work.items() if digest not in names
    }
    models = {model.name: _figures(None, Work(job=""), 0) for model in held.registry.models if not model.digest}
    taken: set[str] = set()
    for digest in sorted(names, key=lambda digest: (digest not in slots, digest)):
        name = names[digest] if names[digest] not in taken else f"{names[digest]}@{digest[:_SHOWN]}"
        taken.add(name)
        models[name] = _figures(digest, work.get(digest, Work(job="")), slots.get(digest, 0))
    return {
        "waiting": sum(each["waiting"] for each in models.values()),
        "running": sum(each["running"] for each in models.values()),
        "slots": sum(host.slots for host in hosts),
        "models": models,
    }


def _figures(digest: str | None, work: Work, slots: int) -> dict[str, Any]:
    waiting = work.small + work.large
    return {
        "digest": digest,
        "waiting": waiting,
        "running": work.running,
        # A job that nobody brings to its end needs a worker, too.
        "unfinished": waiting + work.running + work.closing,
        "small": work.small,
        "large": work.large,
        "slots": slots,
    }


def queue_count() -> Count:
    """Returns the count of the app that answers this request."""
    return cast("Count", current_app.extensions.setdefault("photochrom.queue", Count(services())))
