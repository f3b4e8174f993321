"""Three worker hosts on networks of their own, one cut off in the middle of its work and connected again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.scale import jobs, masters, nets
from bench.scale.bucket import bucket
from bench.scale.house import Host, House
from bench.scale.islands import Island, entry, has_namespaces, islands
from bench.scale.scratch import scratch
from bench.scale.table import Table
from shared.clock import timestamp

#: A lease is a ninth of the default's length, and all periods are short.
_LEASE = 5
_SETTINGS = {"LEASE_SECONDS": str(_LEASE), "SLICE_SECONDS": "1", "SWEEP_SECONDS": "1", "RECOVER_SECONDS": "3"}

_HOSTS, _SLOTS = 3, 2
#: Items enough for all that follows, each with a net that sleeps 250 ms, so that some are in hand at any moment.
_ITEMS = 1_500
_WARM = 60

#: When the host is cut off after the start, and for how long, seconds.
_BEFORE, _AWAY = 3.0, 4 * _LEASE


def measure(table: Table) -> None:
    """Cuts one host off for four leases; the job must end as if nothing had happened."""
    items = table.count(_ITEMS) if not table.small else _ITEMS // 2
    namespaces = has_namespaces()
    table.say("each host in a network namespace", "yes" if namespaces else "no: behind wires that are cut")
    with scratch() as folder, bucket() as place:
        models = folder / "models"
        nets.add_noop(models)
        settings = {**_SETTINGS, "MODELS": nets.NOOP, "PREVIEWS": "none"}
        house = House(folder / "house", [], models=models, settings=settings, environment=place.environment())
        with islands(_HOSTS, valkey=house.valkey.socket, bucket=place.tap.port, namespaces=namespaces) as found:
            for number, island in enumerate(found):
                house.add(_host(number, island), place.environment(_address(island)))
            with house:
                _run(table, house, found[0], items)


def _host(number: int, island: Island) -> Host:
    address = f"redis://{island.valkey.address}:{island.valkey.port}"
    command = entry(island, ("-m", "bench.scale.sleepy"))
    return Host(slots=_SLOTS, name=f"island{number}", entry=command, settings={"REDIS_URL": address})


def _address(island: Island) -> str:
    return f"http://{island.bucket.address}:{island.bucket.port}"


def _run(table: Table, house: House, island: Island, items: int) -> None:
    scans = house.folder / "scans"
    scans.mkdir()
    paths: list[Path] = []
    for number, data in enumerate(masters.tinies(items + _WARM)):
        paths.append(scans / f"{number}.png")
        paths[-1].write_bytes(data)
    digests = masters.upload(house.client, paths)
    jobs.ended(house.client, jobs.submit(house.url, digests[:_WARM], recipe={"model": nets.NOOP}))
    job_id = jobs.submit(house.url, digests[_WARM:], recipe={"model": nets.NOOP})
    time.sleep(_BEFORE)
    island.cut()
    cut = timestamp(time.time())
    try:
        time.sleep(_AWAY)
        done = jobs.settled(house.client.job(job_id))
    finally:
        island.mend()
    mended = timestamp(time.time())
    job = jobs.ended(house.client, job_id)
    rows = list(jobs.rows(house.client, job_id))
    table.exact("items were left when the host was connected again", int(done < items), 1)
    table.exact("succeeded, by the job's counts", job.counts["succeeded"], items)
    table.exact("rows of the report", len(rows), items)
    table.exact("  of different items", len({row["number"] for row in rows}), items)
    table.exact("  succeeded", sum(row["state"] == "succeeded" for row in rows), items)
    _say_hosts(table, rows, cut, mended)


def _say_hosts(table: Table, rows: Sequence[Mapping[str, Any]], cut: str, mended: str) -> None:
    """Says who did what, and what was done twice."""
    table.say(f"seconds that it was cut off, with leases of {_LEASE} s", _AWAY)
    for when, among in (
        ("before", [row for row in rows if row["finished_at"] < cut]),
        ("meanwhile", [row for row in rows if cut <= row["finished_at"] < mended]),
        ("afterwards", [row for row in rows if row["finished_at"] >= mended]),
    ):
        ended = Counter(row["worker"] for row in among)
        words = ", ".join(f"{name} {ended[name]}" for name in sorted(ended))
        table.say(f"  items ended {when}", len(among), bar=words)
    table.say("attempts beyond the first: what was in its hands", sum(row["attempts"] - 1 for row in rows))
    table.say("  found already made by the second", sum(row["already_made"] for row in rows))
