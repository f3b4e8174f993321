"""Pictures a second over the same masters: the plain loop, `colorize`, and the whole service."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.masters import make_masters
from photochrom import Client

_COUNT = 100
_ROUNDS = 2


def main() -> None:
    """Measures the three in turn, twice, and prints the better of each."""
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        (folder / "masters").mkdir()
        masters = make_masters(folder / "masters", _COUNT)
        rows = {"(a) plain loop": [], "(b) colorize": [], "(c) whole service": []}  # type: dict[str, list[float]]
        for turn in range(_ROUNDS):
            for label, measure in zip(rows, (_loop, _colorize, _service), strict=True):
                out = folder / f"{label[1]}{turn}"
                out.mkdir()
                rows[label].append(measure(masters, out))
        base = _COUNT / min(rows["(a) plain loop"])
        print(f"{_COUNT} distinct masters of 2 MP, net lite, {os.cpu_count()} cores, best of {_ROUNDS} rounds")
        print(f"{'':20}{'pictures/s':>12}{'ratio to (a)':>14}")
        for label, seconds in rows.items():
            rate = _COUNT / min(seconds)
            print(f"{label:20}{rate:12.2f}{rate / base:14.2f}")


def _loop(masters: list[Path], out: Path) -> float:
    """Returns the seconds of the loop, without its start."""
    command = [sys.executable, "-m", "bench.seed", str(out), *map(str, masters)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    _count(out, "*.jpg")
    return float(done.stdout)


def _colorize(masters: list[Path], out: Path) -> float:
    """Returns the seconds of the whole command, its start included."""
    command = [sys.executable, "-m", "photochrom", "colorize", "-o", str(out), *map(str, masters)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    _count(out, "*_colorized.jpg")
    return seconds


def _service(masters: list[Path], out: Path) -> float:
    """Returns the seconds of `submit` against a fresh service: reading, sending, coloring and fetching."""
    port = _free_port()
    up = subprocess.Popen(
        [sys.executable, "-m", "photochrom", "up", "--data", str(out / "data"), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    for line in up.stdout:
        if "Ctrl-C stops it" in line:
            break
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "photochrom", "submit", str(masters[0].parent), "--out", str(out / "color")]
    begun = time.perf_counter()
    subprocess.run([*command, "--server", address, "--json"], check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    _count(out / "color", "*_colorized.jpg")
    client = Client(address)
    rows = [json.loads(line) for job in client.jobs() for line in b"".join(client.report(job.id)).splitlines()]
    executed = sum(row["attempts"] == 1 and not row["already_made"] for row in rows)
    assert executed == len(rows) == _COUNT, f"{executed} executions of {len(rows)} items"
    up.send_signal(signal.SIGINT)
    up.stdout.close()
    up.wait()
    return seconds


def _count(folder: Path, pattern: str) -> None:
    found = len(list(folder.glob(pattern)))
    assert found == _COUNT, f"{found} of {_COUNT} pictures were made"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
