"""Where a picture's time goes: milliseconds of each stage on one thread, and nanoseconds a pixel."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.in_place import color
from bench.masters import HEIGHT, WIDTH, make_masters

_COUNT = 12


def main() -> None:
    """Prints the median of each stage over 12 masters of 2 MP."""
    stages: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for path in make_masters(Path(name), _COUNT):
            for stage, seconds in color(path, Path(name)).timings.items():
                stages[stage].append(seconds)
    print(f"{_COUNT} masters of 2 MP on one thread, median")
    for stage, taken in stages.items():
        print(f"{stage:10}{median(taken) * 1e3:8.1f} ms{median(taken) / (WIDTH * HEIGHT) * 1e9:8.1f} ns a pixel")
