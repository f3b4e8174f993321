"""Manifests at hand: read once, and believed for a minute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared import layout
from shared.clock import ManualClock
from tests.house import LITE, House, picture
from tests.worker.test_slices import submit
from worker.manifests import Manifests


def test_a_part_is_read_once_a_minute(house: House) -> None:
    """Slices of the next minute read nothing again; after that a job that was deleted is missed, and forgotten."""
    job, clock = submit(house, picture()), ManualClock()
    shop = replace(house.shop, clock=clock)
    (claim,) = shop.index.claim(LITE.digest, pipeline=shop.pipeline, owner=shop.new_owner(), host="h", lease=9)
    manifests = Manifests()
    assert manifests.find(shop, claim) == (job, shop.ledger.read_item(job, 0))
    shop.store.delete(layout.job(job.tenant, job.id))
    clock.sleep(59)
    assert manifests.find(shop, claim)[0] == job
    clock.sleep(2)
    with pytest.raises(LookupError, match="not in storage"):
        manifests.find(shop, claim)
    assert shop.index.progress(job.id) is None
