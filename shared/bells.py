"""Bells: Celery messages that say *there is work for this model*. They name no item.

A lost bell loses nothing, since the sweeper rings again; a doubled one finds nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import redis
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from shared.errors import IndexUnavailable
from shared.index.connection import translated

#: Name of the one task.
TASK = "bell"


class Bells(Protocol):
    """Where bells are rung and heard."""

    def ring(self, model: str) -> None:
        """Sends one bell to the workers that serve `model` (a digest)."""

    def waiting(self, model: str) -> int:
        """Returns how many bells nobody has heard yet."""


def top_up(bells: Bells, model: str, wanted: int) -> int:
    """Rings until `wanted` bells wait; more would find nothing to do. Returns how many it rang."""
    missing = max(0, wanted - bells.waiting(model))
    for _ in range(missing):
        bells.ring(model)
    return missing


def queue(model: str) -> Queue:
    """Returns the queue of a model's bells: the default exchange, so that a flush takes no binding with it."""
    name = f"bell.{model}"
    return Queue(name, Exchange("", type="direct"), routing_key=name)


def broker_settings(redis_url: str) -> dict[str, Any]:
    """Returns the Celery settings that every process must share, for a `redis://` or `unix://` address."""
    return {
        "broker_url": redis_url.replace("unix://", "redis+socket://", 1),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # A bell that a dead worker took comes back after this, seconds; it then finds what is left, or nothing.
            "visibility_timeout": 60,
            "priority_steps": [0],
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 15,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_backend": None,
        "task_ignore_result": True,
        "task_create_missing_queues": False,
    }


class CeleryBells:
    """Bells over Celery's Redis transport."""

    def __init__(self, app: Celery, client: redis.Redis) -> None:
        self._app = app
        self._client: Any = client

    def ring(self, model: str) -> None:
        """Sends one bell; raises IndexUnavailable where the broker does not answer."""
        try:
            self._app.send_task(TASK, args=[model], queue=queue(model), retry=False)
        except OperationalError as error:
            raise IndexUnavailable(f"The broker (Redis or Valkey) does not answer: {error}") from error

    def waiting(self, model: str) -> int:
        """Returns the length of the model's queue."""
        with translated():
            return int(self._client.llen(queue(model).name))


class MemoryBells:
    """The in-memory twin."""

    def __init__(self) -> None:
        self.rung: Counter[str] = Counter()

    def ring(self, model: str) -> None:
        """Counts one bell."""
        self.rung[model] += 1

    def waiting(self, model: str) -> int:
        """Returns how many bells were rung."""
        return self.rung[model]


def ringer(redis_url: str, client: redis.Redis) -> CeleryBells:
    """Returns bells for a process that only rings, such as the API."""
    app = Celery("photochrom", set_as_current=False)
    app.conf.update(broker_settings(redis_url))
    return CeleryBells(app, client)
