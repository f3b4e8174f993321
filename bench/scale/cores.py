"""Twice the cores: the whole service pinned to one and to two, beside one and two copies of the plain loop."""

from __future__ import annotations

from pathlib import Path

from bench.masters import make_masters
from bench.scale import plain
from bench.scale.house import Host, House
from bench.scale.processor import cores, pinned
from bench.scale.scratch import scratch
from bench.scale.service import from_job, run
from bench.scale.table import Table

#: Masters a core: of each copy of the loop, and of each worker.
_COUNT = 100
_ROUNDS = 2
_WARM = 4

_BAR = 0.9


def measure(table: Table) -> None:
    """Runs the four in turn, twice; of each the better counts. Both ways color as many masters a core."""
    count = table.count(_COUNT)
    with scratch() as folder:
        (folder / "masters").mkdir()
        paths = make_masters(folder / "masters", 2 * count + _WARM)
        loops: dict[int, float] = {1: 0.0, 2: 0.0}
        houses = dict(loops)
        for turn in range(_ROUNDS):
            for width in (1, 2):
                places = [{core} for core in sorted(cores(width))]
                loops[width] = max(
                    loops[width], plain.loops(paths[_WARM:][:count], folder / f"loop{turn}{width}", cores=places)
                )
                houses[width] = max(
                    houses[width],
                    _service(table, folder / f"house{turn}{width}", paths[: width * count + _WARM], width),
                )
        table.say("plain loops, one on one core, pictures a second", loops[1])
        table.say("plain loops, two on two cores, pictures a second", loops[2])
        table.say("  gain", loops[2] / loops[1])
        table.say("one worker, all of the service on one core, pictures a second", houses[1])
        table.say("two workers, all of the service on two cores", houses[2])
        table.say("  gain", houses[2] / houses[1])
        table.least("gain of the service over gain of the loops", houses[2] / houses[1] * loops[1] / loops[2], _BAR)


def _service(table: Table, folder: Path, paths: list[Path], width: int) -> float:
    with pinned(cores(width)):
        each = run(paths[:_WARM], paths[_WARM:], from_job("lite"), House(folder, [Host(slots=width)]))
    table.exact(f"  pictures that were colored on {width} core{'s' * (width > 1)}", each.executed, len(paths) - _WARM)
    return each.rate
