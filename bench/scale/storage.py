"""What an item leaves in storage and asks of it: requests to S3 as a proxy counts them, and bytes by kind of object."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from bench.masters import make_masters
from bench.scale import jobs, masters, nets
from bench.scale.bucket import NAME, Bucket, bucket
from bench.scale.house import Host, House
from bench.scale.scratch import scratch
from bench.scale.table import Table

#: A whole part of tiny masters, so that what is done once a part is seen once.
_TINY = 1_000
_LARGE = 20
_SLOTS = 2


def measure(table: Table) -> None:
    """Counts for a part of tiny masters: uploaded, colored, read; then the same again, already made."""
    with scratch() as folder, bucket() as place:
        models = folder / "models"
        nets.add_noop(models)
        settings = {"PREVIEWS": "all"}
        house = House(
            folder / "house", [Host(slots=_SLOTS)], models=models, settings=settings, environment=place.environment()
        )
        count = table.count(_TINY)
        (folder / "tiny").mkdir()
        (folder / "large").mkdir()
        tiny = [folder / "tiny" / f"{number}.png" for number in range(count)]
        for path, data in zip(tiny, masters.tinies(count), strict=True):
            path.write_bytes(data)
        with house:
            place.tap.counts.clear()
            digests = masters.upload(house.client, tiny)
            _requests(table, f"upload of {count:,} masters", place, count)
            for words in ("colored, all previews made", "found already made"):
                job_id = jobs.submit(house.url, digests, recipe={"model": nets.NOOP})
                jobs.ended(house.client, job_id)
                _requests(table, f"job of {count:,} items, {words}", place, count)
                sum(1 for _ in jobs.rows(house.client, job_id))
                _requests(table, "  its report read", place, count)
            before = _objects(place)
            large = masters.upload(house.client, make_masters(folder / "large", _LARGE))
            jobs.ended(house.client, jobs.submit(house.url, large))
            _bytes(table, {key: size for key, size in _objects(place).items() if key not in before})


def _requests(table: Table, words: str, place: Bucket, items: int) -> None:
    """Prints what was asked since the last look, by item."""
    asked: Counter[str] = Counter()
    for (method, path, _), times in place.tap.counts.items():
        asked["list" if path.endswith("?list") else method] += times
    table.say(f"{words}: S3 requests", asked.total(), bar=f"{asked.total() / items:.2f} an item")
    for kind, times in asked.most_common():
        table.say(f"    {kind}", times, bar=f"{times / items:.3f} an item")
    for (method, path, status), times in place.tap.counts.most_common():
        if times > 1 or method != "GET":
            table.say(f"      {method} {path} {status}", times)
    place.tap.counts.clear()


def _objects(place: Bucket) -> dict[str, int]:
    """Returns the bytes of each object by its key."""
    pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=NAME)
    return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", ())}


def _bytes(table: Table, objects: Mapping[str, int]) -> None:
    """Prints the mean size of each kind of object that a job of masters of 2 MP left."""
    table.say(f"a job of {_LARGE} masters of 2 MP in lite, objects", len(objects))
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for key, size in objects.items():
        parts = key.split("/")
        kind = {"previews": "preview", "derivatives": "sidecar" if key.endswith(".json") else "derivative"}.get(
            parts[2], "/".join(parts[2:3] + parts[4:5] * (parts[2] == "jobs"))
        )
        sizes[kind].append(size)
    for kind, found in sorted(sizes.items()):
        table.say(f"    {kind}", len(found), bar=f"{sum(found) / len(found):,.0f} bytes each")
