"""What every test of the index asks for."""

from __future__ import annotations

import pytest
import redis

from shared.index import Index


@pytest.fixture
def index(client: redis.Redis) -> Index:
    """An empty index."""
    return Index(client)
