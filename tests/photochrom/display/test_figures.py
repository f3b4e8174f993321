"""What a person, or a script, sees while a submission runs."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.cells import cell_len

from photochrom.bulk.state import Entry
from photochrom.display.bars import Bars
from photochrom.display.figures import Figures, Lines, amount, print_failures, rate
from photochrom.display.json_lines import JsonLines

FAILED = Entry(path="/scans/a.png", recipe="{}", sha256="0", state="failed", code="corrupt", detail="No picture.")


def work(display: Figures) -> None:
    """Sixteen threads find and do five hundred things; one of them fails."""
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with display, ThreadPoolExecutor(16) as threads:

            def fetch(_: int) -> None:
                display.expect("color", 1)
                display.expect("download", 3_000_000)
                display.advance("download", 2_000_000)
                display.advance("download", -2_000_000)
                display.advance("download", 3_000_000)
                display.advance("color", 1)

            list(threads.map(fetch, range(500)))
            display.ended(FAILED, Path("out"))
    finally:
        sys.setswitchinterval(pause)


def test_bars_that_many_threads_move(capsys: pytest.CaptureFixture[str]) -> None:
    """Each stage with something to do has one bar with the exact numbers, within 80 columns, and failures a line."""
    work(Bars())
    shown = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in shown if line.strip()] == ["Coloring", "Downloading", "1"]
    assert " 500/500 " in shown[0]
    assert " 1.5/1.5 GB " in shown[1]
    assert shown[2].rstrip() == "1 failed so far"
    assert max(map(cell_len, shown)) <= 80


def test_lines_for_log_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, all stages are one sentence, which is not said twice."""
    lines = Lines()
    work(lines)
    lines.show()
    assert capsys.readouterr().err == "Colored 500/500, downloaded 1.5/1.5 GB, 1 failed.\n"


def test_events_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json each line has an event: what ended, and how far each stage is."""
    display = JsonLines()
    work(display)
    display.note("words")
    printed = capsys.readouterr()
    events = [json.loads(line) for line in printed.out.splitlines()]
    ended = next(event for event in events if event["event"] == "ended")
    assert (ended["path"], ended["state"], ended["code"], ended["output"]) == (
        "/scans/a.png",
        "failed",
        "corrupt",
        None,
    )
    progress = [event for event in events if event["event"] == "progress"][-1]
    assert progress["color"] == {"done": 500, "total": 500}
    assert progress["download"] == {"done": 1_500_000_000, "total": 1_500_000_000}
    assert progress["failed"] == 1
    assert events[-1] == {"event": "note", "text": "words"}
    assert printed.err == "words\n"


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [(0, 999, "0/999 B"), (500, 1000, "0.5/1.0 kB"), (1_234_000_000_000, 5_000_000_000_000, "1.2/5.0 TB")],
)
def test_amounts_are_in_the_unit_of_the_whole(done: int, total: int, words: str) -> None:
    """Bytes done and bytes in all are compared at a glance."""
    assert amount(done, total, in_bytes=True) == words


def test_rates() -> None:
    """Few things a second have a decimal, many have none, bytes have their unit; nothing is said of the unknown."""
    assert rate(None, in_bytes=False) == ""
    assert rate(2.5, in_bytes=False) == "2.5/s"
    assert rate(1234.5, in_bytes=False) == "1,234/s"
    assert rate(45_300_000, in_bytes=True) == "45.3 MB/s"


def test_failures_beyond_what_a_person_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """The first failures are named, the others counted."""
    print_failures([("a.png", "corrupt", "No picture.")], 1_000)
    assert capsys.readouterr().err == "failed\ta.png\tcorrupt\tNo picture.\n999 more failed.\n"
