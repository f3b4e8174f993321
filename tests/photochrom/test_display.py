"""What a person sees while a submission runs."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from photochrom.display import Bars


def test_bars_that_many_threads_move(capsys: pytest.CaptureFixture[str]) -> None:
    """Each stage has one bar with the exact numbers, however many threads found its first work at once."""
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Bars() as bars, ThreadPoolExecutor(16) as threads:

            def fetch(_: int) -> None:
                bars.expect("download", 1)
                bars.advance("download")

            list(threads.map(fetch, range(500)))
    finally:
        sys.setswitchinterval(pause)
    shown = [line.split() for line in capsys.readouterr().err.splitlines() if "Downloading" in line]
    assert [line[-2] for line in shown] == ["500/500"]
