"""Memory of a running job in the index, by `MEMORY USAGE`, while its items end and after all have."""

from __future__ import annotations

import tempfile
from pathlib import Path

import redis

from cli.embedded import EmbeddedValkey
from shared.ids import new_id
from shared.index import Index
from shared.items import ItemState
from shared.jobs import Job
from shared.recipes import PIPELINE_VERSION, resolve

_ITEMS = 100_000
_FIXED = 4096


def main() -> None:
    """Prints the bytes of a job of 100,000 items at several moments; exits 1 above 4 KiB and a byte an item."""
    with tempfile.TemporaryDirectory() as name:
        server = EmbeddedValkey(Path(name) / "valkey.log")
        server.start()
        client = redis.Redis.from_url(server.url)
        index = Index(client)
        job = Job(id=new_id(), tenant="default", created=0.0, model="lite", recipe=resolve({}), total=_ITEMS)
        index.register(job)
        print(f"a running job of {_ITEMS:,} items in the index; limit {_FIXED:,} + 1 byte an item")
        print(f"{'ended':>10}{'bytes':>12}{'bytes an item':>16}")
        worst = _say(client, job, 0)
        for number in range(_ITEMS):
            (claim,) = index.claim(job.recipe.model, pipeline=PIPELINE_VERSION, owner=f"h/{number}", host="h", lease=45)
            index.begin(claim, lease=45)
            index.complete(job.id, {claim.item: ItemState.FAILED if number % 3 == 0 else ItemState.SUCCEEDED})
            if number + 1 in (1_000, 10_000, 50_000, 99_999):
                worst = max(worst, _say(client, job, number + 1))
        client.close()
        server.stop()
    if worst > _FIXED + _ITEMS:
        raise SystemExit(f"{worst:,} bytes are more than {_FIXED + _ITEMS:,}")


def job_bytes(client: redis.Redis, job_id: str) -> int:
    """Returns what a job's keys take in the index."""
    keys = [key for key in client.scan_iter("pc:*") if job_id.encode() in key]
    return sum(int(client.memory_usage(key) or 0) for key in keys)


def _say(client: redis.Redis, job: Job, ended: int) -> int:
    size = job_bytes(client, job.id)
    print(f"{ended:10,}{size:12,}{size / _ITEMS:16.3f}")
    return size
