"""The Celery app of a worker."""

from __future__ import annotations

from shared.recipes import MAX_CANDIDATES
from shared.registry import shipped
from shared.settings import Settings
from worker.app import make_celery
from worker.leases import deadline
from worker.slices import AHEAD, STRETCH


def test_a_task_may_take_what_its_items_may() -> None:
    """What is in hand at a slice's end may be the largest pictures, each at as many temperatures as there can be."""
    settings = Settings(models="lite")
    item = MAX_CANDIDATES * deadline(0, megapixels=settings.max_megapixels)
    limit = make_celery(settings, shipped()).conf.task_time_limit
    assert limit >= STRETCH * settings.slice_seconds + (AHEAD + 1) * item
