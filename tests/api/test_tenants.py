"""No byte of one tenant reaches another."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from api.keys import Scope, create_key
from shared.ids import new_id
from tests.api.routes import calls
from tests.house import House, picture

MASTER = picture(seed=1)


@dataclass(frozen=True, kw_only=True)
class Two:
    """A tenant with work of every kind, and another that is curious."""

    house: House
    #: headers of A and of B
    a: dict[str, str]
    b: dict[str, str]
    #: A's jobs: one with two candidates that has ended, one that nobody has begun
    ended: str
    open: str
    #: what A's answers hold that B never sends: names, digests of derivatives
    marks: set[str]


@pytest.fixture
def two(house: House) -> Two:
    """A and B with keys of every scope; A has an ended and an open job."""
    clock = house.services.clock
    keys = [create_key(house.store, clock, tenant=name, name="", scopes=Scope) for name in ("a", "b")]
    a, b = ({"Authorization": f"Bearer {key}"} for key in keys)
    ended = _submit(house, a, MASTER, "ended.png", recipe={"candidates": [0.38, 0.2]})
    house.work()
    opened = _submit(house, a, picture(seed=2), "open.png", recipe={})
    item = house.http().get(f"/v1/jobs/{ended}/items/0", headers=a).json
    made = {candidate["derivative"]["sha256"] for candidate in item["candidates"]}
    assert len(made) == 2
    marks = made | {"ended.png", "open.png", "ref-of-a"}
    return Two(house=house, a=a, b=b, ended=ended, open=opened, marks=marks)


def _submit(house: House, headers: dict[str, str], data: bytes, name: str, *, recipe: dict[str, Any]) -> str:
    form = {"image": (io.BytesIO(data), name), "client_ref": "ref-of-a", "recipe": json.dumps(recipe)}
    answer = house.http().post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")
    assert answer.status_code == 202
    return str(answer.json["id"])


def _values(job: str) -> dict[str, object]:
    return {"job_id": job, "number": 0, "sha256": hashlib.sha256(MASTER).hexdigest()}


def test_the_walk_sees_what_a_has(two: Two) -> None:
    """The same walk with A's own key finds A's pictures, reports and names: it would see a leak."""
    answers = [
        (call, call.make(two.house.http(), two.a))
        for call in calls(two.house, _values(two.ended))
        if call.method == "get"
    ]
    found = [call.address for call, answer in answers if answer.status_code == 200]
    for what in ("result", "result?candidate=1", "preview", "preview?of=master", "uncertainty", "master", "report.csv"):
        assert f"/v1/jobs/{two.ended}/items/0/{what}" in found or f"/v1/jobs/{two.ended}/{what}" in found, what
    said = b"".join(answer.data for _, answer in answers)
    assert MASTER in said
    assert not [mark for mark in two.marks if mark.encode() not in said and mark != "open.png"]


@pytest.mark.parametrize("which", ["ended", "open"])
def test_an_id_of_a_is_none_of_bs(two: Two, which: str) -> None:
    """Every call of the document with an id of A's and B's key is 404, and says the same as for an id of nobody's."""
    theirs, nobodys = getattr(two, which), new_id()
    walk = zip(calls(two.house, _values(theirs)), calls(two.house, _values(nobodys)), strict=True)
    tried = 0
    for call, same in walk:
        answer = call.make(two.house.http(), two.b)
        for mark in two.marks | ({two.ended, two.open} - {theirs}):
            assert mark.encode() not in answer.data, (call.address, mark)
        if "{job_id}" in call.path:
            tried += 1
            assert (answer.status_code, answer.json["code"]) == (404, "not_found"), (call.method, call.address)
            like = same.make(two.house.http(), two.b)
            assert answer.data.replace(theirs.encode(), nobodys.encode()) == like.data
            assert answer.headers.get("ETag") is None
    assert tried > 12
    untouched = two.house.http().get(f"/v1/jobs/{theirs}", headers=two.a).json
    assert untouched["state"] == ("completed" if which == "ended" else "queued")


def test_bytes_of_a_are_none_of_bs(two: Two) -> None:
    """B cannot learn by a digest whether A has a master, nor color it, nor take over A's answer by its key."""
    http, digest = two.house.http(), hashlib.sha256(MASTER).hexdigest()
    ask = {"files": [{"sha256": digest, "size": len(MASTER)}]}
    assert http.post("/v1/uploads", json=ask, headers=two.a).json["files"][0]["present"] is True
    assert http.post("/v1/uploads", json=ask, headers=two.b).json["files"][0]["present"] is False
    job = {"items": [{"sha256": digest, "filename": "mine.png"}]}
    key = {"Idempotency-Key": "k"}
    first = http.post("/v1/jobs", json=job, headers=two.a | key)
    assert first.status_code == 202
    refused = http.post("/v1/jobs", json=job, headers=two.b | key)
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_masters")
    assert http.put(f"/v1/uploads/{digest}", data=b"other", headers=two.b).json["code"] == "checksum_mismatch"
    assert http.put(f"/v1/uploads/{digest}", data=MASTER, headers=two.b).status_code == 201
    own = http.post("/v1/jobs", json=job, headers=two.b | key)
    assert own.status_code == 202
    assert own.json["id"] != first.json["id"]


def test_a_cursor_of_a_leads_b_nowhere(two: Two) -> None:
    """The list of jobs has nothing of another tenant, from whatever cursor."""
    for query in ("", f"?cursor={two.ended}", f"?cursor={two.open}"):
        answer = two.house.http().get(f"/v1/jobs{query}", headers=two.b)
        assert answer.json["jobs"] == []


def test_a_tenant_is_named_by_the_key_alone(two: Two) -> None:
    """What a request says of its tenant in other headers, queries or paths counts for nothing."""
    http = two.house.http()
    claims = {"X-Tenant": "a", "Tenant": "a", "X-Forwarded-User": "a", "Cookie": "tenant=a"}
    assert http.get("/v1/jobs", headers=two.b | claims).json["jobs"] == []
    assert http.get("/v1/jobs?tenant=a", headers=two.b).status_code == 422
    for path in (f"/t/a/jobs/{two.ended}/job.json", "/v1/jobs/../../t/a", f"/v1/jobs/%2e%2e/{two.ended}"):
        assert http.get(path, headers=two.b).status_code == 404, path
