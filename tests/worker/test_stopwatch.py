"""The stopwatch: each second counts once."""

from __future__ import annotations

import pytest

from worker.stopwatch import Stopwatch


def test_inner_stages_stop_the_outer(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an inner stage runs, the outer one stands still; time outside stages counts for none."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Stopwatch()

    def steps():
        for seconds in (1, 2):
            now[0] += seconds
            yield seconds

    with clock.stage("encode"):
        now[0] += 10
        for _ in clock.each("decode", steps()):
            now[0] += 100
            with clock.stage("render"):
                now[0] += 1000
    now[0] += 5000
    with clock.stage("encode"):
        now[0] += 10
    assert clock.seconds() == {"encode": 220, "decode": 3, "render": 2000}


def test_a_stage_that_fails_ends() -> None:
    """What raises within a stage leaves the stopwatch as it was."""
    clock = Stopwatch()
    with pytest.raises(ValueError, match="x"), clock.stage("a"):
        raise ValueError("x")
    with clock.stage("b"):
        pass
    assert set(clock.seconds()) == {"a", "b"}
