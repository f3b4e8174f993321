"""What several tests of the worker ask for."""

from __future__ import annotations

import pytest

from shared import reports
from tests.house import House, picture
from tests.worker.test_slices import submit


@pytest.fixture
def masters(house: House) -> list[str]:
    """Three masters whose derivatives are made."""
    job = submit(house, *(picture(seed=n) for n in range(3)))
    house.work()
    return [str(row.master) for row in reports.rows(house.shop.ledger, job)]
