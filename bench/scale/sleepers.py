"""One worker process and eight, with a net that sleeps 250 ms: what waits costs no core."""

from __future__ import annotations

import time
from pathlib import Path

from bench.scale import jobs, masters, nets
from bench.scale.house import Host, House
from bench.scale.scratch import scratch
from bench.scale.sleepy import SLEEP
from bench.scale.table import Table

#: Items for each worker.
_ITEMS = 120
_MANY = 8

#: Items for each worker that are colored before anything is measured: each has loaded its net by then.
_WARM = 8

_BAR = 7.5


def measure(table: Table) -> None:
    """Measures one worker, then eight, which get eight times as many items."""
    with scratch() as folder:
        models = folder / "models"
        nets.add_noop(models)
        one, many = (_rate(table, folder / str(slots), models, slots) for slots in (1, _MANY))
        table.say("one worker, items a second", one, bar=f"{1 / SLEEP:g} if nothing but the net took time")
        table.say(f"{_MANY} workers, items a second", many)
        table.least("  times one", many / one, _BAR)


def _rate(table: Table, folder: Path, models: Path, slots: int) -> float:
    host = Host(slots=slots, entry=("-m", "bench.scale.sleepy"))
    warm, cold = slots * _WARM, slots * table.count(_ITEMS)
    with House(folder, [host], models=models, settings={"MODELS": nets.NOOP, "PREVIEWS": "none"}) as house:
        digests = masters.store(house.objects, masters.tinies(warm + cold))
        jobs.ended(house.client, jobs.submit(house.url, digests[:warm], recipe={"model": nets.NOOP}))
        begun = time.monotonic()
        job_id = jobs.submit(house.url, digests[warm:], recipe={"model": nets.NOOP})
        jobs.ended(house.client, job_id)
        taken = time.monotonic() - begun
        found = list(jobs.rows(house.client, job_id))
    table.exact(f"{slots} worker{'s' * (slots > 1)}, items that were colored", jobs.executed(found), cold)
    table.exact("  in which the net slept", sum(row["timings"]["net"] >= SLEEP for row in found), cold)
    return cold / taken
