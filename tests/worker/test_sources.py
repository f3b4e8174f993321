"""Sources on their way to derivatives: fetched once, as they were when they were submitted."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import redis

from shared import layout
from shared.clock import ManualClock
from shared.condemned import condemn
from shared.errors import MastersCondemned, StorageUnavailable
from shared.items import Item, Source
from shared.sources.memory import MemorySources
from shared.sources.remembered import recall
from shared.storage import ObjectStore
from tests.house import House, make_house, picture
from tests.stores import Watched, does_at
from worker import sources as worker_sources
from worker.pruning import Pruner

DATA = picture()
DIGEST = hashlib.sha256(DATA).hexdigest()
ADDRESS = "s3://archive/scans/a.png"
ITEM = Item(number=0, master=None, filename="a.png")


@pytest.fixture
def sources() -> MemorySources:
    """A bucket with one scan."""
    made = MemorySources()
    made.objects["archive", "scans/a.png"] = DATA
    return made


@pytest.fixture
def sourced(client: redis.Redis, sources: MemorySources) -> House:
    """A house whose default tenant may fetch from s3://archive/scans/."""
    return with_sources(make_house(client, sources="default=s3://archive/scans/"), sources)


def with_sources(house: House, sources: Any) -> House:
    """The house with another way to its sources."""
    return replace(house, services=replace(house.services, sources=sources), shop=replace(house.shop, sources=sources))


def submit(house: House, *addresses: str) -> str:
    """Submits sources; returns the job's path."""
    body = "\n".join(json.dumps({"source": address}) for address in addresses or (ADDRESS,))
    answer = house.http().post("/v1/jobs", data=body, content_type="application/x-ndjson")
    assert answer.status_code == 202, answer.json
    return str(answer.headers["Location"])


def item(house: House, path: str, number: int = 0) -> dict[str, Any]:
    """An item as clients see it."""
    found: dict[str, Any] = house.http().get(f"{path}/items/{number}").json
    return found


def test_a_source_becomes_a_master_and_is_colored(sourced: House, sources: MemorySources) -> None:
    """Its bytes are a stored master, the record has digest and address, and the digest is remembered."""
    path = submit(sourced)
    assert sourced.work() == 1
    row = item(sourced, path)
    assert (row["state"], row["master"], row["source"]) == ("succeeded", DIGEST, ADDRESS), row["detail"]
    assert sourced.http().get(f"{path}/items/0/master").data == DATA
    assert sourced.http().get(f"{path}/items/0/result").status_code == 200
    source = sources.head("archive", "scans/a.png")
    assert source is not None
    assert recall(sourced.store, "default", source) == DIGEST
    report = json.loads(sourced.http().get(f"{path}/report").data)
    assert (report["master"], report["source"], report["attempts"]) == (DIGEST, ADDRESS, 1)


def test_the_second_time_costs_no_fetch(sourced: House, sources: MemorySources) -> None:
    """The same object submitted again, or twice in one job, is fetched once and colored once."""
    path = submit(sourced, ADDRESS, ADDRESS)
    again = submit(sourced)
    assert sourced.work() == 3
    later = submit(sourced)
    assert sourced.work() == 1
    assert sources.opened <= 2, "two items that are fetched at the same moment know nothing of each other"
    assert [item(sourced, each)["master"] for each in (path, again, later)] == [DIGEST] * 3
    report = json.loads(sourced.http().get(f"{later}/report").data)
    assert (report["already_made"], report["attempts"]) == (True, 0)


def test_what_was_uploaded_before_is_not_made_again(sourced: House) -> None:
    """A source with the bytes of a master whose derivative is made ends as already made."""
    sourced.http().put(f"/v1/uploads/{DIGEST}", data=DATA)
    sourced.http().post("/v1/jobs", json={"items": [{"sha256": DIGEST}]})
    sourced.work()
    path = submit(sourced)
    sourced.work()
    report = json.loads(sourced.http().get(f"{path}/report").data)
    assert (report["master"], report["already_made"]) == (DIGEST, True)


@pytest.mark.parametrize(
    ("now", "code"),
    [
        pytest.param(picture(seed=1), "source_changed", id="another object"),
        pytest.param(None, "source_missing", id="gone"),
    ],
)
def test_a_source_that_moved_fails_its_item(
    sourced: House, sources: MemorySources, now: bytes | None, code: str
) -> None:
    """The item fails with its own code and the address, counts no attempt, and nothing is kept; others go on."""
    sources.objects["archive", "scans/b.png"] = picture(seed=2)
    path = submit(sourced, ADDRESS, "s3://archive/scans/b.png")
    if now is None:
        del sources.objects["archive", "scans/a.png"]
    else:
        sources.objects["archive", "scans/a.png"] = now
    assert sourced.work() == 2
    row = item(sourced, path)
    assert (row["state"], row["code"], row["master"], row["source"]) == ("failed", code, None, ADDRESS)
    assert json.loads(sourced.http().get(f"{path}/report").data.splitlines()[0])["attempts"] == 0
    assert item(sourced, path, 1)["state"] == "succeeded"
    assert len(list(sourced.store.list(layout.masters("default")))) == 1


@pytest.mark.parametrize("data", [b"", b"no picture at all"])
def test_what_is_no_picture_is_not_kept(sourced: House, sources: MemorySources, data: bytes) -> None:
    """The first bytes tell: the item fails as an upload would, and there is no master of it."""
    sources.objects["archive", "scans/a.png"] = data
    path = submit(sourced)
    sourced.work()
    row = item(sourced, path)
    assert (row["state"], row["code"]) == ("failed", "not_a_picture")
    assert list(sourced.store.list(layout.masters("default"))) == []


def test_a_source_of_another_size_is_another(sourced: House, sources: MemorySources) -> None:
    """What comes under the right ETag, but shorter than it was, fails its item."""

    class Short(MemorySources):
        def head(self, bucket: str, key: str) -> Source | None:
            found = super().head(bucket, key)
            return found and replace(found, size=found.size + 1)

    short = Short()
    short.objects = sources.objects
    house = with_sources(sourced, short)
    path = submit(house)
    house.work()
    assert item(house, path)["code"] == "source_changed"


def test_a_server_that_is_away_fails_nothing(sourced: House, sources: MemorySources) -> None:
    """While the sources cannot be reached, or break off, items wait; then they are done with one attempt."""
    tries = [0]

    class Flaky(MemorySources):
        def open(self, source: Source) -> AbstractContextManager[BinaryIO]:
            tries[0] += 1
            if tries[0] == 1:
                raise StorageUnavailable()
            return _broken() if tries[0] == 2 else super().open(source)

    flaky = Flaky()
    flaky.objects = sources.objects
    house = with_sources(sourced, flaky)
    path = submit(house)
    house.work()
    report = json.loads(house.http().get(f"{path}/report").data)
    assert (report["state"], report["attempts"], tries[0]) == ("succeeded", 1, 3)


@contextmanager
def _broken() -> Iterator[BinaryIO]:
    class Broken:
        def read(self, size: int) -> bytes:
            raise StorageUnavailable()

    yield Broken()  # type: ignore[misc]


def test_a_worker_without_the_setting_gives_items_back(
    sourced: House, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PHOTOCHROM_SOURCES is missing on a worker host the item waits for another, and is not failed."""
    path = submit(sourced)
    monkeypatch.setattr("worker.guard._OUTAGE_WAIT", 0.01)
    house = with_sources(sourced, None)
    house = replace(house, shop=replace(house.shop, settings=replace(house.shop.settings, slice_seconds=1)))
    assert house.work() == 0
    assert item(house, path)["state"] in ("queued", "running")
    work_until_done(sourced)
    assert item(sourced, path)["state"] == "succeeded"


def test_a_pruned_master_is_fetched_anew(sourced: House, sources: MemorySources) -> None:
    """A memory whose master is gone costs a fetch and no failure, also where the manifest has the digest."""
    path = submit(sourced)
    sourced.work()
    sourced.store.delete(layout.master("default", DIGEST))
    for entry in list(sourced.store.list(layout.derivatives("default"))):
        sourced.store.delete(entry.key)
    again = submit(sourced)
    sourced.work()
    assert item(sourced, again)["state"] == item(sourced, path)["state"] == "succeeded"
    assert sources.opened == 2
    assert sourced.store.head(layout.master("default", DIGEST)) is not None


def test_a_fetch_says_that_it_lives_and_leaves_no_file(sourced: House, sources: MemorySources) -> None:
    """While bytes come the lease's deadline moves on; the temporary file has no name."""
    before = set(Path(tempfile.gettempdir()).iterdir())
    source = sources.head("archive", "scans/a.png")
    assert source is not None
    asked = replace(ITEM, source=source)
    alive: list[int] = []
    found, file = worker_sources.fetch(sourced.shop, "default", asked, lambda: alive.append(1))
    with file:
        assert (found.master, file.read()) == (DIGEST, DATA)
        assert set(Path(tempfile.gettempdir()).iterdir()) - before == set()
    assert alive


# Prunes.


def old(house: House, *, ended_before: float | None = None, store: Any = None) -> None:
    """Prunes as if all that is stored were two days old."""
    clock = ManualClock(time.time() + 2 * 86_400)
    ledger = replace(house.services.ledger, store=store or house.store)
    Pruner(ledger=ledger, clock=clock, tenant="default", dry_run=False).run(
        house.services.index, ended_before=ended_before
    )


def kept(house: House) -> bool:
    """Whether the source's master is there."""
    return house.store.head(layout.master("default", DIGEST)) is not None


def test_a_prune_spares_what_a_record_names(sourced: House) -> None:
    """The manifest names no digest, the report does: master and derivative stay until the job is deleted."""
    path = submit(sourced)
    sourced.work()
    old(sourced)
    assert kept(sourced)
    assert sourced.http().get(f"{path}/items/0/result").status_code == 200
    assert list(sourced.store.list(layout.sources("default")))
    old(sourced, ended_before=time.time() * 2)
    assert not kept(sourced)
    assert list(sourced.store.list("t/")) == [], "the memory goes with the master"


def test_a_prune_spares_what_an_unfinished_item_needs(sourced: House, sources: MemorySources) -> None:
    """A master that was fetched for an item that has not ended stays, though no manifest and no record names it."""
    submit(sourced)
    source = sources.head("archive", "scans/a.png")
    assert source is not None
    _, file = worker_sources.fetch(sourced.shop, "default", replace(ITEM, source=source), lambda: None)
    file.close()
    old(sourced)
    assert kept(sourced)


def fetch(house: House, sources: MemorySources, store: ObjectStore) -> None:
    """Fetches the source, through a store, and comes again where a prune is about to take its master."""
    source = sources.head("archive", "scans/a.png")
    assert source is not None
    _, file = worker_sources.fetch(
        replace(house.shop, store=store), "default", replace(ITEM, source=source), lambda: None
    )
    file.close()


def begin_anew(house: House) -> None:
    """An old master of the source's bytes that no job names, and a job with the source."""
    for entry in list(house.store.list("")):
        house.store.delete(entry.key)
    house.client.flushall()
    house.store.put_if_absent(layout.master("default", DIGEST), DATA)
    submit(house)


def test_a_prune_at_every_step_of_a_fetch(sourced: House, sources: MemorySources) -> None:
    """Whenever it comes, the master is there afterwards."""
    for step in range(40):
        begin_anew(sourced)
        pruned: list[int] = []

        def prune() -> None:
            pruned.append(1)  # noqa: B023
            old(sourced)

        fetch(sourced, sources, Watched(sourced.store, does_at(step, prune)))
        assert kept(sourced), step
        if not pruned:
            break
    assert step >= 3


def test_a_fetch_at_every_step_of_a_prune(
    sourced: House, sources: MemorySources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes, the master is there afterwards, or the fetch is told to come again; both are seen."""
    monkeypatch.setattr("worker.pruning._THREADS", 1)
    seen = set()
    for step in range(60):
        begin_anew(sourced)
        fetched: list[bool] = []

        def try_to_fetch() -> None:
            try:
                fetch(sourced, sources, sourced.store)
                fetched.append(True)  # noqa: B023
            except MastersCondemned:
                fetched.append(False)  # noqa: B023

        old(sourced, store=Watched(sourced.store, does_at(step, try_to_fetch)))
        if not fetched:
            break
        assert kept(sourced) or not fetched[0], f"a fetched master is there, step {step}"
        seen.add(fetched[0])
    assert seen == {True, False}


@pytest.mark.parametrize("careless", ["worker.sources._spare", "worker.named.Named._read_memories"])
def test_these_steps_would_show_carelessness(
    sourced: House, sources: MemorySources, monkeypatch: pytest.MonkeyPatch, careless: str
) -> None:
    """A worker that does not look, or a prune that does not, loses a master in these tests."""
    monkeypatch.setattr(careless, lambda *_: None)
    with pytest.raises(AssertionError, match="a fetched master is there"):
        test_a_fetch_at_every_step_of_a_prune(sourced, sources, monkeypatch)


def work_until_done(house: House) -> None:
    """Answers bells until an item has ended; what was given back is due in a moment."""
    assert any(house.work() for _ in range(10_000))


def test_a_condemned_master_is_waited_for(sourced: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a prune is about to remove the very master the item waits, and is done afterwards with one attempt."""
    monkeypatch.setattr("worker.retries._PAUSES", (0.01, 0.01))
    monkeypatch.setattr("worker.guard._OUTAGE_WAIT", 0.01)
    sourced.store.put_if_absent(layout.master("default", DIGEST), DATA)
    path = submit(sourced)
    record = condemn(sourced.store, sourced.shop.clock, "default", [DIGEST])
    house = replace(sourced, shop=replace(sourced.shop, settings=replace(sourced.shop.settings, slice_seconds=1)))
    assert house.work() == 0
    sourced.store.delete(record)
    work_until_done(sourced)
    assert json.loads(sourced.http().get(f"{path}/report").data)["attempts"] == 1
