"""A million items over 10,000 tiny masters with a net that does nothing: what the control plane takes, and how fast.

One item in a hundred is colored, the others find the picture already made: what is measured is manifests, claims,
records and reports, not pictures.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import redis

from bench.index_memory import job_bytes
from bench.scale import jobs, masters, nets
from bench.scale.house import Host, House
from bench.scale.processor import peak_bytes, seconds, since
from bench.scale.scratch import scratch
from bench.scale.table import Table
from photochrom.wire.records import Job

_ITEMS = 1_000_000
#: Items that name one master.
_SHARED = 100
#: Items of the run that waits for the disk.
_SYNCED = 20_000
#: Items that are colored before anything is measured, so that nets, kernels and sandboxes are warm.
_WARM = 64

_SLOTS = 2

_RSS_BAR, _INDEX_BAR, _VALKEY_BAR, _RATE_BAR = 200, 1, 64, 2_000

#: Files an item leaves, those of its master's derivative, and bytes of a done record: for room on the disk.
_FILES = 1.1

#: How often a running job is looked at, seconds.
_PERIOD = 1.0


def measure(table: Table) -> None:
    """Runs both jobs."""
    items = table.count(_ITEMS)
    with scratch(files=int(items * _FILES)) as folder:
        models = folder / "models"
        nets.add_noop(models)
        _say(table, _run(folder / "quick", models, items, fsync=False))
        synced = table.count(_SYNCED)
        run = _run(folder / "synced", models, synced, fsync=True)
        table.say(f"  beside it, {synced:,} items with fsync on: items a second", synced / run.drain)


@dataclass(kw_only=True)
class _Run:
    """What was seen of one job."""

    items: int
    #: seconds from the first byte of the manifest to the 202, and from there to the job's end
    accepted: float = 0.0
    drain: float = 0.0
    #: bytes of the API's processes when the job was accepted, and after the report
    rss: tuple[int, int] = (0, 0)
    #: greatest size of the job in the index, and all that Valkey ever used, bytes
    index: int = 0
    valkey: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    #: rows of the report by what happened: executed, made, other
    rows: Counter[str] = field(default_factory=Counter)
    #: different numbers in it
    numbers: int = 0
    #: items a second once everything was made
    made_rate: float = 0.0
    report: float = 0.0
    processors: dict[str, float] = field(default_factory=dict)


def _run(folder: Path, models: Path, items: int, *, fsync: bool) -> _Run:
    run = _Run(items=items)
    settings = {"FSYNC": str(fsync).lower(), "PREVIEWS": "none", "MODELS": nets.NOOP}
    with House(folder, [Host(slots=_SLOTS)], models=models, settings=settings) as house:
        data = masters.tinies(items // _SHARED + _WARM)
        _warm(house, masters.store(house.objects, islice(data, _WARM)))
        digests = masters.store(house.objects, data)
        begun = time.monotonic()
        job_id = jobs.submit(house.url, digests, total=items, recipe={"model": nets.NOOP})
        accepted = time.monotonic()
        run.accepted, first = accepted - begun, peak_bytes(house.apis[0].pid)
        before = seconds(house)
        with house.valkey.client() as client:
            job = jobs.ended(house.client, job_id, period=_PERIOD, look=lambda job: _weigh(run, client, job))
            run.drain = time.monotonic() - accepted
            run.processors = since(before, seconds(house))
            run.valkey = client.info("memory")["used_memory_peak"]
        run.counts = dict(job.counts)
        _read(run, house, job_id)
        run.rss = first, peak_bytes(house.apis[0].pid)
    return run


def _warm(house: House, digests: list[str]) -> None:
    jobs.ended(house.client, jobs.submit(house.url, digests, recipe={"model": nets.NOOP}))


def _weigh(run: _Run, client: redis.Redis, job: Job) -> None:
    run.index = max(run.index, job_bytes(client, job.id))


def _read(run: _Run, house: House, job_id: str) -> None:
    """Reads the whole report and counts its rows."""
    begun = time.monotonic()
    seen = bytearray(run.items)
    ends: dict[str, list[float]] = {"executed": [], "made": []}
    for row in jobs.rows(house.client, job_id):
        kind = "made" if row["already_made"] else "executed" if row["attempts"] == 1 else "other"
        run.rows[kind] += 1
        seen[row["number"]] = 1
        if kind in ends:
            ends[kind].append(datetime.fromisoformat(row["finished_at"]).timestamp())
    run.report, run.numbers = time.monotonic() - begun, sum(seen)
    # Beside what is colored nobody can tell what an item that is made already costs.
    last = max(ends["executed"])
    alone = [end for end in ends["made"] if end > last]
    run.made_rate = len(alone) / (max(alone) - last) if alone else 0.0


def _say(table: Table, run: _Run) -> None:
    megabyte = 1e6
    table.say(f"manifest of {run.items:,} lines accepted, seconds", run.accepted)
    table.most("peak RSS of the API's processes by then, MB", run.rss[0] / megabyte, _RSS_BAR)
    table.most("the same after it streamed the report, MB", run.rss[1] / megabyte, _RSS_BAR)
    table.most("greatest size of the job in the index, bytes an item", run.index / run.items, _INDEX_BAR)
    table.most("peak memory of Valkey, MB", run.valkey / megabyte, _VALKEY_BAR)
    table.say("drained, seconds", run.drain)
    table.least("items a second, from the 202 to the end", run.items / run.drain, _RATE_BAR)
    table.say("  of these colored, the sandbox and the no-op net included", run.rows["executed"])
    table.say("  of these found already made", run.rows["made"])
    table.say("  items a second once all pictures were there", run.made_rate)
    table.exact("succeeded", run.counts["succeeded"], run.items)
    table.exact("failed or canceled", run.counts["failed"] + run.counts["canceled"], 0)
    table.exact("rows of the report", run.rows.total(), run.items)
    table.exact("different numbers in it", run.numbers, run.items)
    table.exact("colored, one a master and no more", run.rows["executed"], run.items // _SHARED)
    table.say("the report read and parsed, seconds", run.report)
    _say_bound(table, run)


def _say_bound(table: Table, run: _Run) -> None:
    """Says what the drain was spent on."""
    for name, taken in run.processors.items():
        table.say(f"  processor seconds, {name}", taken)
    spent = sum(run.processors.values())
    first, most = next(iter(run.processors.items()))
    words = f"of two cores; {first}: {most / spent:.0%} of it"
    table.say("what bounds it: processors were busy", f"{spent / (_SLOTS * run.drain):.0%}", bar=words)
    table.say("  items a second if they were always", _SLOTS * run.items / spent)
    table.say("Valkey alone would be full at, items a second", run.items / run.processors["Valkey"])
