"""The whole service over distinct masters of 2 megapixels, beside the plain loop and beside the net alone.

The net alone is that of eccv16 as its release describes it, which is how OpenCV runs it everywhere else. The form of it
that the service runs is faster, and is measured alone as well.

Each run has an empty data folder and the settings of a new installation, fsync and previews included. The ways take
turns; of each the better run counts.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.masters import make_masters
from bench.scale import jobs, masters, nets, plain
from bench.scale.house import Host, House
from bench.scale.processor import cores, pinned, seconds, since
from bench.scale.scratch import scratch
from bench.scale.table import Table

_LITE, _ECCV16 = 200, 80
_ROUNDS = 2
_CORES = 2

#: Pictures that are colored before anything is measured, so that nets, kernels and sandboxes are warm.
_WARM = 4

#: The way that has everything in it: reading, sending, coloring and fetching.
_WHOLE = "from files to files"

_LOOP_BAR, _NET_BAR = 1.5, 0.95


def measure(table: Table) -> None:
    """Measures `lite` beside the plain loop, then eccv16's twin beside the net alone."""
    count = table.count(_LITE)
    with scratch() as folder, pinned(cores(_CORES)):
        (folder / "masters").mkdir()
        paths = make_masters(folder / "masters", count + _WARM)
        distinct = {hashlib.sha256(path.read_bytes()).digest() for path in paths}
        table.exact("distinct masters of 2 MP, and those that warm up", len(distinct), count + _WARM)
        warm, cold = paths[:_WARM], paths[_WARM:]
        for path in warm:
            path.rename(folder / path.name)
        warm = [folder / path.name for path in warm]
        _lite(table, folder, warm, cold)
        _eccv16(table, folder, warm, cold[: table.count(_ECCV16)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of the service."""

    #: pictures a second
    rate: float
    #: processor seconds by part, seconds by stage of all pictures
    processors: Mapping[str, float]
    stages: Mapping[str, float]
    #: pictures that were colored, and not found already made
    executed: int
    wall: float


#: Has a house color the masters; returns the seconds.
_Way = Callable[[House, list[Path]], float]


def run(
    warm: list[Path],
    cold: list[Path],
    way: _Way,
    house: House,
    *,
    model: str = "lite",
    beside: Mapping[str, int] | None = None,
) -> Run:
    """Has a fresh service color the masters, once it is warm; `beside` are processes that it needs, by name."""
    with house:
        jobs.ended(house.client, jobs.submit(house.url, masters.upload(house.client, warm), recipe={"model": model}))
        before = seconds(house, beside)
        wall = way(house, cold)
        processors = since(before, seconds(house, beside))
        known = {hashlib.sha256(path.read_bytes()).hexdigest() for path in cold}
        found = [
            row for job in house.client.jobs() for row in jobs.rows(house.client, job.id) if row["master"] in known
        ]
    stages: defaultdict[str, float] = defaultdict(float)
    for row in found:
        for stage, taken in row["timings"].items():
            stages[stage] += taken
    return Run(rate=len(cold) / wall, processors=processors, stages=stages, executed=jobs.executed(found), wall=wall)


def from_job(model: str) -> _Way:
    """Returns the way of a client whose masters are stored already: from the POST to the job's end."""

    def way(house: House, paths: list[Path]) -> float:
        digests = masters.upload(house.client, paths)
        begun = time.monotonic()
        jobs.ended(house.client, jobs.submit(house.url, digests, recipe={"model": model}))
        return time.monotonic() - begun

    return way


def _from_files(house: House, paths: list[Path]) -> float:
    """From files to files: `photochrom submit`, its own start included."""
    out = house.folder / "color"
    command = [sys.executable, "-m", "photochrom", "submit", str(paths[0].parent), "--out", str(out)]
    begun = time.monotonic()
    subprocess.run([*command, "--server", house.url, "--json"], check=True, capture_output=True)
    taken = time.monotonic() - begun
    if (made := len(list(out.glob("*_colorized.jpg")))) != len(paths):
        raise SystemExit(f"`photochrom submit` brought {made} of {len(paths)} pictures.")
    return taken


def _lite(table: Table, folder: Path, warm: list[Path], cold: list[Path]) -> None:
    ways: dict[str, _Way] = {
        "from the POST of the job to its end": from_job("lite"),
        "from files to files": _from_files,
    }
    loop, runs = 0.0, {name: [] for name in ways}  # type: tuple[float, dict[str, list[Run]]]
    for turn in range(_ROUNDS):
        loop = max(loop, plain.loops(cold, folder / f"loop{turn}", cores=[None]))
        for number, (name, way) in enumerate(ways.items()):
            house = House(folder / f"lite{turn}{number}", [Host(slots=_CORES)])
            runs[name].append(run(warm, cold, way, house))
    table.say("the plain loop on the same two cores, pictures a second", loop)
    for name, taken in runs.items():
        best = max(taken, key=lambda each: each.rate)
        table.say(f"lite, {name}, pictures a second", best.rate)
        table.least("  times the plain loop", best.rate / loop, _LOOP_BAR)
        for each in taken:
            table.exact("  pictures that were colored", each.executed, len(cold))
        if name == _WHOLE:
            _say_profile(table, best, len(cold))


def _eccv16(table: Table, folder: Path, warm: list[Path], cold: list[Path]) -> None:
    models = folder / "models"
    nets.add_twin(models)
    alone = partial(plain.nets_alone, models, nets.TWIN, count=len(cold) // _CORES, processes=_CORES)
    released, ours, runs = 0.0, 0.0, []
    for turn in range(_ROUNDS):
        released, ours = max(released, alone(released=True)), max(ours, alone(released=False))
        house = House(folder / f"eccv16{turn}", [Host(slots=_CORES)], models=models, settings={"MODELS": nets.TWIN})
        runs.append(run(warm, cold, from_job(nets.TWIN), house, model=nets.TWIN))
    best = max(runs, key=lambda each: each.rate)
    table.say("the net of eccv16 as released, alone in two processes, looks a second", released)
    table.say("  in the form that the service runs", ours)
    table.say("eccv16, from the POST of the job to its end, pictures a second", best.rate)
    table.least("  times the net alone, as released", best.rate / released, _NET_BAR)
    table.say("  times the net alone, in the form that the service runs", best.rate / ours)
    for each in runs:
        table.exact("  pictures that were colored", each.executed, len(cold))
    _say_profile(table, best, len(cold))


def _say_profile(table: Table, best: Run, count: int) -> None:
    """Says where the time goes: what each part takes of the cores, and each stage by the clock."""
    for name, taken in best.processors.items():
        table.say(f"  {name}, processor ms a picture", taken / count * 1e3)
    busy = sum(best.processors.values()) / (_CORES * best.wall)
    table.say("  processors busy with the service", f"{busy:.0%}", bar="of two cores")
    for stage, taken in sorted(best.stages.items(), key=lambda stage: -stage[1]):
        table.say(f"  stage {stage}, ms a picture by the clock", taken / count * 1e3)
