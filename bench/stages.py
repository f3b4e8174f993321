"""Where a picture's time goes: milliseconds of each stage on one thread, and the render's nanoseconds a pixel."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.masters import HEIGHT, WIDTH, make_masters
from models.nets import WEIGHTS, load_net
from models.render import warm
from shared.recipes import resolve
from shared.registry import model_named
from shared.settings import load
from worker.pipeline import Limits, derive

_COUNT = 12


def main() -> None:
    """Prints the median of each stage over 12 masters of 2 MP."""
    warm(load().cache_dir)
    net = load_net(model_named("lite"), WEIGHTS, threads=1)
    stages: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for path in make_masters(Path(name), _COUNT):
            data = path.read_bytes()
            with path.open("rb") as source:
                made = derive(
                    source,
                    master=hashlib.sha256(data).hexdigest(),
                    recipe=resolve({}),
                    net=net,
                    limits=Limits(max_pixels=10**8),
                )
            for stage, seconds in made.timings.items():
                stages[stage].append(seconds)
    print(f"{_COUNT} masters of 2 MP on one thread, median")
    for stage, taken in stages.items():
        print(f"{stage:10}{median(taken) * 1e3:8.1f} ms{median(taken) / (WIDTH * HEIGHT) * 1e9:8.1f} ns a pixel")
