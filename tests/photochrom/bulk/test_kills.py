"""`photochrom submit`, killed at random and run again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from photochrom import Client
from tests.house import write_picture
from tests.served import Served

_KILLS = 5
_FILES = 30


def test_a_kill_costs_nothing(served: Served, tmp_path: Path) -> None:
    """Killed after a random call, again and again: each file is stored once, one job has them all, no result lacks."""
    dice = random.Random(6)
    scans, out = tmp_path / "scans", tmp_path / "color"
    for number in range(_FILES):
        write_picture(scans / f"box-{number % 3}" / f"{number:02}.png", width=16, height=12, seed=number)
    killed = sum(_run(served, scans, out, patience=dice.randrange(1, 25)) is None for _ in range(_KILLS))
    assert killed >= _KILLS - 1
    summary = _run(served, scans, out, patience=None)
    assert summary is not None
    assert (summary["succeeded"], summary["failed"], summary["queued"]) == (_FILES, 0, 0)
    assert served.counted.count("PUT", "/v1/uploads", status=201) == _FILES
    results = {str(path.relative_to(out)) for path in out.rglob("*.png") if ".photochrom" not in path.parts}
    assert results == {f"box-{number % 3}/{number:02}_colorized.png" for number in range(_FILES)}
    (job,) = Client(served.url).jobs()
    assert job.total == _FILES
    assert [path.name for path in (out / ".photochrom" / "unfinished").iterdir()] == []


def _run(served: Served, scans: Path, out: Path, *, patience: int | None) -> dict[str, int] | None:
    """Runs the command, kills it after so many answered calls, and returns its summary if it came to that."""
    command = [sys.executable, "-m", "photochrom", "submit", str(scans), "--out", str(out)]
    process = subprocess.Popen([*command, "--server", served.url, "--json"], stdout=subprocess.PIPE, text=True)
    until = None if patience is None else len(served.counted.calls) + patience
    served.counted.heard = lambda count: process.kill() if until is not None and count >= until else None
    said, _ = process.communicate(timeout=120)
    served.counted.heard = lambda count: None
    lines = [json.loads(line) for line in said.splitlines() if line.endswith("}")]
    summary: dict[str, int] | None = next((line["summary"] for line in lines if line["event"] == "summary"), None)
    return summary
