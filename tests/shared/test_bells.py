"""Bells over Celery's transport and a real Valkey."""

from __future__ import annotations

import pytest
import redis

from shared.bells import ringer, top_up
from shared.errors import IndexUnavailable
from shared.index.connection import connect


def test_bells_wait_in_their_models_queue(redis_url: str, client: redis.Redis) -> None:
    """A bell is a small JSON message in its model's queue, and names no item."""
    bells = ringer(redis_url, client)
    top_up(bells, "abc", 2)
    assert bells.waiting("abc") == 2
    assert bells.waiting("other") == 0
    message = client.lindex("bell.abc", 0)
    assert isinstance(message, bytes)
    assert len(message) < 2000


def test_a_missing_broker_is_told() -> None:
    """Where nobody answers both ringing and counting raise IndexUnavailable."""
    url = "redis://127.0.0.1:1/0"
    bells = ringer(url, connect(url))
    with pytest.raises(IndexUnavailable):
        bells.ring("abc")
    with pytest.raises(IndexUnavailable):
        bells.waiting("abc")
