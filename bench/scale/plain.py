"""What the service is measured against: the plain loop of `bench.seed`, and the net with nothing around it.

`python -m bench.scale.plain MODELS MODEL COUNT [--released]` loads the net, says so, waits for a line, and prints the
seconds of COUNT looks of the net, one after the other on one thread.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.released import Released
from models.files import proved
from models.nets import Net, load_net
from shared.registry import load_registry

#: Looks before the clock starts: the first ones take memory.
_WARM = 2


def loops(masters: Sequence[Path], out: Path, *, cores: Sequence[set[int] | None]) -> float:
    """Runs a plain loop over all masters on each of the core sets at once (None: all); returns pictures a second."""
    outs = [out / str(number) for number in range(len(cores))]
    for folder in outs:
        folder.mkdir(parents=True)
    loops_ = [
        subprocess.Popen([*_on(place), "-m", "bench.seed", str(folder), *map(str, masters)], stdout=subprocess.PIPE)
        for place, folder in zip(cores, outs, strict=True)
    ]
    slowest = max(_answer(loop) for loop in loops_)
    for folder in outs:
        if (made := len(list(folder.iterdir()))) != len(masters):
            raise SystemExit(f"The plain loop made {made} of {len(masters)} pictures.")
    return len(cores) * len(masters) / slowest


def nets_alone(models: Path, model: str, *, count: int, processes: int, released: bool = False) -> float:
    """Runs the net in so many processes at once, `count` looks each; returns looks a second.

    `released` has OpenCV run it as the release describes it, and not in the form that the service uses.
    """
    form = ["--released"] if released else []
    command = [sys.executable, "-m", "bench.scale.plain", str(models), model, str(count), *form]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(processes)]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    return processes * count / max(map(_answer, running))


def _on(cores: set[int] | None) -> list[str]:
    pin = ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores else []
    return [*pin, sys.executable]


def _answer(process: subprocess.Popen[bytes]) -> float:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with status {process.returncode}.")
    return float(out)


def _look(models: Path, name: str, count: int, *, released: bool) -> None:
    model = load_registry(models).named(name)
    net: Net = load_net(model, models, threads=1)
    if released:
        net = Released(proved(model, models)[-1])
    lightness = np.random.default_rng(0).normal(0, 25, (1, 1, net.input_size, net.input_size)).astype(np.float32)
    for _ in range(_WARM):
        net.logits(lightness)
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for _ in range(count):
        net.logits(lightness)
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    _look(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), released="--released" in sys.argv[4:])
