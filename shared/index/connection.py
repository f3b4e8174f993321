"""The connection to Redis or Valkey, and where its exceptions stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis import exceptions
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from shared.errors import IndexUnavailable

_AWAY = [exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError]

#: A worker outlives an outage of about this many half seconds inside its slice: a Celery worker whose slots all fail
#: while the broker is away never fetches again.
_PATIENT_TRIES = 240


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """Returns a client for a `redis://` or `unix://` address; nothing is sent yet.

    A patient client waits two minutes for a server that is away; the other tries once more and gives up.
    """
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.02), _PATIENT_TRIES) if patient else Retry(NoBackoff(), 1)
    return redis.Redis.from_url(
        url,
        retry=retry,
        retry_on_error=_AWAY,
        socket_timeout=10,
        socket_connect_timeout=5,
        health_check_interval=10,
        **({} if url.startswith("unix") else {"socket_keepalive": True}),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turns what redis-py raises into IndexUnavailable."""
    try:
        yield
    except exceptions.RedisError as error:
        raise IndexUnavailable(f"The index (Redis or Valkey) does not answer: {error}") from error
