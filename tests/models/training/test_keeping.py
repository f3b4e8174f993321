"""What a run says and writes down: rate, progress, figures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from models.training.figures import COLUMNS, add_row
from models.training.plan import Plan
from models.training.progress import Progress


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def row(step: int, loss: float | None) -> dict[str, float | None]:
    """A row with one number everywhere but in `step`."""
    return {name: step if name == "step" else loss for name in COLUMNS}


@given(st.integers(1, 5000), st.integers(0, 500))
def test_the_rate_rises_then_falls(steps: int, warm_up: int) -> None:
    """It grows to its height in the warm-up, never exceeds it, and falls after it."""
    plan = Plan(net="lite", steps=steps, warm_up=warm_up, rate=0.5)
    rates = [plan.rate_at(step) for step in range(steps)]
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[:warm_up] == sorted(rates[:warm_up])
    assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)
    if steps > warm_up:
        assert rates[warm_up] == 0.5


def test_figures_of_a_run_that_goes_on(tmp_path: Path) -> None:
    """A row takes the place of those of its step and later; the others stay; None is empty."""
    path = tmp_path / "figures.csv"
    for step, loss in ((100, 3.0), (200, 2.0), (300, 9.0), (200, 1.23456789), (300, None)):
        add_row(path, row(step, loss))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [found["step"] for found in rows] == ["100", "200", "300"]
    assert [found["loss"] for found in rows] == ["3", "1.2346", ""]
    assert not list(tmp_path.glob("*.partial"))


def test_the_progress_line() -> None:
    """It says step, loss, pictures a second and time left, measured since the last line, and only when it is due."""
    clock, stream = Clock(), io.StringIO()
    progress = Progress(1000, 64, stream, clock=clock)
    clock.now = 10
    assert not progress.due()
    clock.now = 20
    assert progress.due()
    progress.line(10, 2.5)
    assert stream.getvalue() == "step 10 of 1,000  loss 2.500  32.0 pictures/s  0:33:00 left\n"
    clock.now = 30
    progress.restart(10)
    clock.now = 50
    progress.line(20, 2.0)
    assert stream.getvalue().splitlines()[1].endswith("32.0 pictures/s  0:32:40 left")


def test_on_a_terminal_the_line_is_one() -> None:
    """On a terminal each line goes over the one before; what has to stay ends it."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock, stream = Clock(), Terminal()
    progress = Progress(10, 1, stream, clock=clock)
    clock.now = 2
    progress.line(1, 1.0)
    progress.say("done")
    assert stream.getvalue().startswith("\r")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\rdone\x1b[K\n")
