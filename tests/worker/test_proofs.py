"""Proofs: a worker's nets are asked for their known answers again and again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared import reports
from shared.errors import NetFailed, NetSelfTestFailed
from tests.house import LITE, House, picture
from tests.worker.test_slices import submit
from worker.proofs import Proofs
from worker.slices import work


class Oracle:
    """A test of a net that can be made to fail; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.wrong = False

    def __call__(self) -> None:
        self.asked += 1
        if self.wrong:
            raise NetSelfTestFailed("It answers wrongly.")


def test_each_net_is_asked_after_so_many_of_its_own_items() -> None:
    """Three items pass, the fourth waits for a proof; another model's items do not count."""
    lite, other = Oracle(), Oracle()
    proofs = Proofs(tests={"lite": lite, "other": other}, every=3)
    asked = []
    for _ in range(8):
        proofs.before("lite")
        asked.append(lite.asked)
    assert asked == [0, 0, 0, 1, 1, 1, 2, 2]
    proofs.before("other")
    assert other.asked == 0
    proofs.before("a model of another host")


def test_a_net_that_failed_colors_nothing_more() -> None:
    """After a wrong answer each further item raises, whoever asks."""
    oracle = Oracle()
    proofs = Proofs(tests={"lite": oracle}, every=1)
    proofs.before("lite")
    oracle.wrong = True
    for _ in range(3):
        with pytest.raises(NetSelfTestFailed):
            proofs.before("lite")
    assert oracle.asked == 3


class Broken:
    """A net that answers nobody."""

    engine, input_size = "broken", 224

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        raise NetFailed("Out of memory.")


def test_a_net_that_gives_no_answer_is_proved_at_once(house: House) -> None:
    """Where it is the net that is broken, the slice ends and no item is charged; where it is sound, the item fails."""
    oracle = Oracle()
    proofs = Proofs(tests={LITE.digest or "": oracle})
    shop = replace(house.shop, nets={LITE.digest or "": Broken()}, proofs=proofs)
    job = submit(house, picture(), picture(seed=1))
    oracle.wrong = True
    with pytest.raises(NetSelfTestFailed):
        work(shop, LITE.digest or "")
    progress = shop.index.progress(job.id)
    assert progress is not None
    assert progress.counts.failed == 0
    assert house.client.hget(f"pc:job:{job.id}:tries", "0") in (None, b"0|0|")
    with pytest.raises(NetSelfTestFailed):
        proofs.before(LITE.digest or "")
    other = submit(house, picture(seed=2))
    oracle.wrong = False
    work(shop, LITE.digest or "")
    assert [row.code for row in reports.rows(shop.ledger, other)] == ["net_failed"]
