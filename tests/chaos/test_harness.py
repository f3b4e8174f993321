"""The harness itself: it sees what a plain queue loses, and nothing where the service is struck."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.blindness import blind_test
from tests.chaos.faults.index import FlushAll
from tests.chaos.faults.valkey import KillValkey
from tests.chaos.faults.workers import KillWorkers
from tests.chaos.pictures import add_model
from tests.chaos.program import only, rounds
from tests.chaos.rounds import Chain, Round, run
from tests.chaos.table import table
from tests.chaos.valkey import Persistence

pytestmark = pytest.mark.slow


def test_it_is_not_blind(tmp_path: Path) -> None:
    """Tasks of their own for each item, acks_late or not, do not survive a flush, and the harness says so."""
    row = blind_test(FlushAll(pause=(0, 0)), 1, items=300, seed=0, folder=tmp_path / "strawman")
    assert row.lost > 100
    assert f"| {row.lost} |" in table([row])


def test_a_short_round(tmp_path: Path) -> None:
    """A killed worker, a flush and a killed Valkey cost nothing, and the round's row says what happened."""
    add_model(tmp_path / "models")
    chains: list[Chain] = [
        [(KillWorkers(pause=(0.2, 0.5)), 2)],
        [(FlushAll(pause=(0.2, 1)), 1), (KillValkey(persistence=Persistence.NONE, pause=(0.2, 0.5)), 1)],
    ]
    plan = Round(name="short", chains=chains, clients=3, items=(1, 5), hosts=1)
    report = run(plan, 0, tmp_path / "short", tmp_path / "models")
    assert report.wrong == []
    assert [row.times for row in report.rows] == [2, 1, 1]
    assert report.rows[0].items >= report.rows[0].jobs > 0
    assert not (tmp_path / "short").exists()


def test_rounds_by_name() -> None:
    """A round is chosen by its name with all that happens in it, or by a fault with that alone."""
    plans = rounds(long=False)
    (named,) = only(plans, "index damaged")
    assert len(named.chains) == 4
    (flush,) = only(plans, "FLUSHALL")
    assert [[fault.name for fault, _ in chain] for chain in flush.chains] == [["FLUSHALL"]]
    counts = {fault.name: times for plan in plans for chain in plan.chains for fault, times in chain}
    assert (counts["SIGKILL of a worker"], counts["SIGKILL of the API"], counts["SIGTERM rolling restart"]) == (
        60,
        40,
        20,
    )
