"""Quotas as clients meet them: 429 with words, when to come again, and what is left on every answer."""

from __future__ import annotations

import hashlib
import io
import re
import time
from typing import Any

import pytest
import redis

from api.keys import create_key
from shared.index.connection import connect
from shared.index.quotas import Limits
from tests.house import House, make_house, picture

DATA = picture()
DIGEST = hashlib.sha256(DATA).hexdigest()


def keyed(house: House, tenant: str = "a") -> dict[str, str]:
    """The headers of a tenant's requests."""
    return {"Authorization": f"Bearer {create_key(house.store, house.services.clock, tenant=tenant, name='')}"}


def post(house: House, headers: dict[str, str], *pictures: bytes) -> Any:
    """Submits pictures."""
    form = {"image": [(io.BytesIO(data), f"{n}.png") for n, data in enumerate(pictures)]}
    return house.http().post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")


def left(answer: Any, name: str) -> int:
    """What an answer says is left of a quota."""
    found = re.search(rf'"{name}";r=(\d+)', answer.headers["RateLimit"])
    assert found
    return int(found[1])


def test_every_answer_says_what_is_left(house: House) -> None:
    """Policies and what is left of each stand on good answers and on refusals, in the form of the draft."""
    headers = keyed(house)
    for path, status in (("/v1/jobs", 200), ("/v1/jobs/none", 404)):
        answer = house.http().get(path, headers=headers)
        assert answer.status_code == status
        assert answer.headers["RateLimit-Policy"] == (
            '"requests";q=100;w=1, "bytes";q=1099511627776;w=86400;qu="content-bytes", '
            '"megapixels";q=10000000;w=86400;qu="megapixels", "open-items";q=2000000;qu="items"'
        )
        item = r'"[a-z-]+";r=\d+(;t=\d+)?'
        assert re.fullmatch(rf"{item}(, {item}){{3}}", answer.headers["RateLimit"])
        assert left(answer, "requests") < 100


def test_the_person_at_this_machine_has_no_quotas(client: redis.Redis) -> None:
    """Without API keys nothing is counted and nothing refused, whatever the settings say."""
    house = make_house(client, quota_requests=1, quota_bytes=1, quota_open_items=1)
    for seed in range(3):
        answer = post(house, {}, picture(seed=seed), picture(seed=seed + 5))
        assert answer.status_code == 202
        assert "RateLimit" not in answer.headers
    assert client.keys("pc:quota:*") == []


def test_too_many_requests_are_told_when_to_come_again(house: House) -> None:
    """A tenant that is ahead of its pace gets 429 `rate_limited` with `Retry-After`; another is not touched."""
    mine, yours = keyed(house), keyed(house, "b")
    assert house.http().get("/v1/jobs", headers=mine).status_code == 200
    house.client.hset("pc:quota:a", "paid", str(time.time() * 1000 + 10_000))
    refused = house.http().get("/v1/jobs", headers=mine)
    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert 5 <= int(refused.headers["Retry-After"]) <= 10
    assert (refused.json["limit"], refused.json["violated-policies"]) == (100, ["requests"])
    assert left(refused, "requests") == 0
    assert house.http().get("/v1/jobs", headers=yours).status_code == 200


def test_the_days_bytes_are_counted_before_they_come(client: redis.Redis) -> None:
    """An upload beyond the day's bytes is refused before it is read, and keeps nothing."""
    house = make_house(client, quota_bytes=len(DATA) + 10)
    headers = keyed(house)
    put = f"/v1/uploads/{DIGEST}"
    assert house.http().put(put, data=DATA, headers=headers).status_code == 201
    other = picture(seed=3)
    digest = hashlib.sha256(other).hexdigest()
    refused = house.http().put(f"/v1/uploads/{digest}", data=other, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (429, "quota_exceeded")
    assert refused.json["seen"] == len(DATA) + len(other)
    assert "midnight" in refused.json["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert left(refused, "bytes") == 10
    assert house.http().get("/v1/jobs", headers=headers).status_code == 200
    assert not house.store.head(f"t/a/masters/{digest[:2]}/{digest}")


def test_a_body_without_a_length_is_counted_as_it_came(house: House) -> None:
    """A chunked upload is charged by the bytes that were read."""
    headers = keyed(house) | {"Transfer-Encoding": "chunked"}
    chunked = {"wsgi.input_terminated": True}
    answer = house.http().put(
        f"/v1/uploads/{DIGEST}", input_stream=io.BytesIO(DATA), headers=headers, environ_overrides=chunked
    )
    assert answer.status_code == 201
    assert house.services.index.quotas.spend("a", Limits()).bytes == len(DATA)


def test_open_items_and_megapixels_bound_submissions(client: redis.Redis) -> None:
    """Beyond the open items, or after the day's megapixels, there is no job; a repeat by its key is answered still."""
    house = make_house(client, quota_open_items=3, quota_megapixels=1)
    headers = keyed(house)
    key = {"Idempotency-Key": "k"}
    first = post(house, headers | key, picture(seed=1), picture(seed=2))
    assert first.status_code == 202
    refused = post(house, headers, picture(seed=3), picture(seed=4))
    assert (refused.status_code, refused.json["code"]) == (429, "quota_exceeded")
    assert (refused.json["limit"], refused.json["seen"]) == (3, 4)
    assert refused.headers["Retry-After"] == "10"
    assert len(list(house.store.list("open/"))) == 1
    assert post(house, headers | key, picture(seed=1), picture(seed=2)).json["id"] == first.json["id"]
    house.work()
    house.sweeper().sweep()
    assert post(house, headers, picture(seed=3), picture(seed=4)).status_code == 202
    house.services.index.quotas.charge("a", pixels=1_000_000)
    spent = post(house, headers, picture(seed=5))
    assert (spent.status_code, spent.json["violated-policies"]) == (429, ["megapixels"])


def test_nobody_is_refused_for_an_index_that_is_away(client: redis.Redis) -> None:
    """With Redis away a keyed submission is taken, and the index is not asked again at each request."""
    house = make_house(client)
    headers = keyed(house)
    away = make_house(connect("redis://127.0.0.1:1/0"), store=house.store, quota_open_items=1)
    answer = post(away, headers, picture(seed=1), picture(seed=2))
    assert answer.status_code == 202
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/openapi/openapi.json"])
def test_what_is_open_is_not_counted(house: House, path: str) -> None:
    """Calls without a tenant charge nobody."""
    headers = keyed(house)
    house.http().get(path, headers=headers, buffered=True)
    assert house.client.keys("pc:quota:*") == []
