"""Proofs: a worker's nets are asked for their known answers again and again."""

from __future__ import annotations

import pytest

from shared.errors import NetSelfTestFailed
from worker.proofs import Proofs


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
