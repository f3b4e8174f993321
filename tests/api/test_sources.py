"""Items that name a source: what may be named, what is pinned, and how the rest is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import redis

from shared.items import Source
from shared.sources.memory import MemorySources
from shared.sources.remembered import remember
from tests.house import House, make_house, picture

MASTER = "ab" * 32


@pytest.fixture
def sources() -> MemorySources:
    """A bucket with three scans, and one of somebody else."""
    made = MemorySources()
    for number in range(3):
        made.objects["archive", f"scans/box {number}/{number}.png"] = picture(seed=number)
    made.objects["archive-evil", "scans/x.png"] = made.objects["archive", "private/x.png"] = picture()
    return made


@pytest.fixture
def sourced(client: redis.Redis, sources: MemorySources) -> House:
    """A house whose default tenant may fetch from s3://archive/scans/."""
    house = make_house(client, sources="default=s3://archive/scans/", max_bytes=100_000)
    services, shop = replace(house.services, sources=sources), replace(house.shop, sources=sources)
    return replace(house, services=services, shop=shop)


def post(house: House, *addresses: str, **headers: str) -> Any:
    """Submits sources as a manifest."""
    body = "\n".join(json.dumps({"source": address}) for address in addresses)
    return house.http().post("/v1/jobs", data=body, content_type="application/x-ndjson", headers=headers)


def left(house: House) -> list[str]:
    """What is stored."""
    return [info.key for info in house.store.list("")]


def test_a_source_is_pinned(sourced: House, sources: MemorySources) -> None:
    """The manifest has bucket, key, ETag and size, the file name is the source's own; nothing is fetched yet."""
    answer = post(sourced, "s3://archive/scans/box 1/1.png")
    assert answer.status_code == 202, answer.json
    job = sourced.services.ledger.read_job("default", answer.json["id"])
    assert job is not None
    item = sourced.services.ledger.read_item(job, 0)
    assert item.source == sources.head("archive", "scans/box 1/1.png")
    assert (item.master, item.filename) == (None, "1.png")
    assert sources.opened == 0
    path = f"/v1/jobs/{job.id}/items/0"
    row = sourced.http().get(path).json
    assert (row["source"], row["master"], row["state"]) == ("s3://archive/scans/box 1/1.png", None, "queued")
    early = sourced.http().get(f"{path}/master")
    assert (early.status_code, early.json["code"]) == (409, "not_ready")


def test_a_remembered_source_has_its_master_at_once(sourced: House, sources: MemorySources) -> None:
    """What an earlier fetch of the same object found is in the manifest."""
    source = sources.head("archive", "scans/box 1/1.png")
    assert source is not None
    remember(sourced.store, "default", source, MASTER)
    job = sourced.services.ledger.read_job("default", post(sourced, source.address).json["id"])
    assert job is not None
    item = sourced.services.ledger.read_item(job, 0)
    assert (item.master, item.source) == (MASTER, source)


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        pytest.param("s3://archive/private/x.png", 403, "source_forbidden", id="beside the prefix"),
        pytest.param("s3://archive-evil/scans/x.png", 403, "source_forbidden", id="another bucket"),
        pytest.param("s3://archive/scans/none.png", 422, "source_missing", id="not there"),
        pytest.param("s3://archive/scans/large.png", 413, "too_large", id="too large"),
        pytest.param("s3://archive/scans/../private/x.png", 422, "invalid_request", id="way out"),
        pytest.param("s3://archive/scans/x.png?versionId=1", 422, "invalid_request", id="query"),
        pytest.param("https://archive/scans/x.png", 422, "invalid_request", id="another scheme"),
    ],
)
def test_a_source_that_cannot_be_fetched_is_named(
    sourced: House, sources: MemorySources, address: str, status: int, code: str
) -> None:
    """The problem has the line and the code, and nothing stays."""
    sources.objects["archive", "scans/large.png"] = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
    answer = post(sourced, "s3://archive/scans/box 0/0.png", address)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert (answer.json["line"], answer.json["field"], answer.json["count"]) == (2, "source", 1)
    assert answer.json["detail"].startswith("Line 2: ")
    assert left(sourced) == []


def test_json_takes_sources_too(sourced: House) -> None:
    """A JSON body may name sources; its problems name the item."""
    items = [{"source": "s3://archive/scans/box 0/0.png"}, {"source": "s3://archive/scans/none.png"}]
    answer = sourced.http().post("/v1/jobs", json={"items": items})
    assert (answer.status_code, answer.json["code"]) == (422, "source_missing")
    assert answer.json["field"] == "items.1.source"
    assert answer.json["problems"][0]["number"] == 1
    assert sourced.http().post("/v1/jobs", json={"items": items[:1]}).status_code == 202


def test_without_rules_no_source_may_be_named(house: House) -> None:
    """A server without PHOTOCHROM_SOURCES refuses every source."""
    answer = post(house, "s3://archive/scans/box 0/0.png")
    assert (answer.status_code, answer.json["code"]) == (403, "source_forbidden")
    assert "PHOTOCHROM_SOURCES" in answer.json["detail"]


def test_a_key_stands_for_what_was_asked(sourced: House, sources: MemorySources) -> None:
    """The same request gets the first job, though by now the source is another object, remembered, or gone."""
    address = "s3://archive/scans/box 1/1.png"
    first = post(sourced, address, **{"Idempotency-Key": "k"})
    assert first.status_code == 202
    pinned = sources.head("archive", "scans/box 1/1.png")
    assert isinstance(pinned, Source)
    remember(sourced.store, "default", pinned, MASTER)
    sources.objects["archive", "scans/box 1/1.png"] = picture(seed=9)
    assert post(sourced, address, **{"Idempotency-Key": "k"}).json["id"] == first.json["id"]
    sources.objects.clear()
    assert post(sourced, address, **{"Idempotency-Key": "k"}).json["id"] == first.json["id"]
    other = post(sourced, "s3://archive/scans/box 2/2.png", **{"Idempotency-Key": "k"})
    assert other.json["code"] == "idempotency_mismatch"


def test_a_retry_looks_at_its_sources_anew(sourced: House, sources: MemorySources) -> None:
    """An item whose master was remembered and pruned, and whose source was overwritten since, is not lost for good."""
    source = sources.head("archive", "scans/box 1/1.png")
    assert source is not None
    remember(sourced.store, "default", source, MASTER)
    job = post(sourced, source.address).json["id"]
    sources.objects["archive", "scans/box 1/1.png"] = picture(seed=9)
    sourced.work()
    assert sourced.http().get(f"/v1/jobs/{job}/items/0").json["code"] == "source_changed"
    again = sourced.http().post(f"/v1/jobs/{job}/retry", json={})
    assert again.status_code == 202, again.json
    sourced.work()
    row = sourced.http().get(f"/v1/jobs/{again.json['id']}/items/0").json
    assert (row["state"], row["source"]) == ("succeeded", source.address)
    csv = sourced.http().get(f"/v1/jobs/{again.json['id']}/report.csv").text.splitlines()
    assert dict(zip(csv[0].split(","), csv[1].split(","), strict=True))["source"] == source.address
