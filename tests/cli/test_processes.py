"""`colorize` in several processes, and its end from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.coloring import Done
from cli.places import Place
from cli.processes import color_side_by_side, interruptible
from tests.house import write_picture

FILES = 12


def begin(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Begins to color some photos into `folder`/out; returns the command and its processes, once they are there."""
    photos = [write_picture(folder / f"{number}.png", seed=number) for number in range(FILES)]
    run = subprocess.Popen(
        [sys.executable, "-m", "photochrom", "colorize", "-o", str(folder / "out"), *map(str, photos)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PHOTOCHROM_WORKERS": "2"},
    )
    return run, wait_for(lambda: [pid for pid in children(run.pid) if b"spawn_main" in proc(pid, "cmdline")], 2)


def children(pid: int) -> list[int]:
    """The processes that one began."""
    return [int(each) for each in proc(pid, f"task/{pid}/children").split()]


def alive(pids: list[int]) -> list[int]:
    """Those that have not ended: what nobody has waited for has."""
    return [pid for pid in pids if proc(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])]


def proc(pid: int, name: str) -> bytes:
    """What the kernel says of a process; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def wait_for(look: Callable[[], list[int]], count: int) -> list[int]:
    """Looks until there are so many."""
    deadline = time.monotonic() + 60
    while len(found := look()) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_photo(tmp_path: Path) -> None:
    """What it had begun is colored all the same, and the reason is told once."""
    run, workers = begin(tmp_path)
    os.kill(workers[0], signal.SIGKILL)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0
    assert err.count("A process was killed") == 1
    assert out.count("->") == FILES
    assert len(list((tmp_path / "out").glob("*_colorized.png"))) == FILES


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_command(tmp_path: Path, end: signal.Signals) -> None:
    """However it ends, its processes end too, and leave nothing half."""
    run, workers = begin(tmp_path)
    wait_for(lambda: [*range(any((tmp_path / "out").iterdir()))], 1)
    run.send_signal(end)
    _, err = run.communicate(timeout=120)
    assert run.returncode == (-end if end == signal.SIGKILL else 1)
    wait_for(lambda: alive(workers), 0)
    assert "Traceback" not in err
    assert list((tmp_path / "out").glob(".*")) == []


def test_places_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What became of the first file is told while others are still looked for; the order is theirs."""
    monkeypatch.setattr("cli.processes._AHEAD", 3)
    monkeypatch.setattr("cli.processes.ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    taken: list[Place] = []

    def places() -> Iterator[Place]:
        for number in range(10):
            taken.append(Place(path=Path(f"{number}.png")))
            yield taken[-1]

    def color(place: Place) -> Done:
        return Done(path=str(place.path), state="succeeded")

    ended = color_side_by_side(places(), color, workers=2, note=pytest.fail)
    first = next(ended)
    assert len(taken) <= 3
    assert [first.path, *(done.path for done in ended)] == [f"{number}.png" for number in range(10)]


def test_a_command_under_nohup_goes_on() -> None:
    """SIGTERM is as Ctrl-C; SIGHUP is ignored where it was; afterwards all is as before."""
    # Another test may have left a handler of its own.
    begun_with = {signal.SIGHUP: signal.SIG_IGN, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in begun_with.items()}
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
        assert {number: signal.getsignal(number) for number in begun_with} == begun_with
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
