"""What the client's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.house import make_house
from tests.served import Served, serve


@pytest.fixture
def served(client: redis.Redis) -> Iterator[Served]:
    """The API over loopback, with a worker that hears every bell."""
    with serve(make_house(client)) as served:
        yield served
