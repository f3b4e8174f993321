"""Submitting jobs and looking at them."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest
import redis

from api.answers import KEY_SECONDS
from shared import layout
from shared.errors import StorageUnavailable
from shared.index import Index
from shared.index.connection import connect
from shared.jobs import JobState
from tests.house import LITE, House, make_house, picture


def image(data: bytes | None = None, name: str = "old.png") -> tuple[io.BytesIO, str]:
    """One file of a form."""
    return io.BytesIO(picture() if data is None else data), name


def post(house: House, headers: dict[str, str] | None = None, **form: Any) -> Any:
    """Submits a multipart form."""
    return house.http().post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")


def store_master(house: House, data: bytes) -> str:
    """Stores a master through the API and returns its digest."""
    digest = hashlib.sha256(data).hexdigest()
    assert house.http().put(f"/v1/uploads/{digest}", data=data).status_code in (200, 201)
    return digest


def test_a_photo_is_accepted(house: House) -> None:
    """A multipart photo is stored, its job committed, registered and rung for, and answered with 202."""
    answer = post(house, image=image())
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert answer.json["counts"]["queued"] == 1
    assert answer.json["recipe"]["model"] == LITE.digest
    assert house.shop.bells.waiting(LITE.digest) == 1
    assert house.services.ledger.read_job("default", answer.json["id"]) is not None


def test_fields_may_come_in_any_order(house: House) -> None:
    """Recipe and client_ref are honored before and after the images."""
    answer = post(house, recipe='{"temperature": 0.5}', image=[image(), image(picture(seed=1))], client_ref=["a", "b"])
    assert answer.status_code == 202
    assert answer.json["recipe"]["temperature"] == 0.5
    rows = house.http().get(f"/v1/jobs/{answer.json['id']}/items").json["items"]
    assert [row["client_ref"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        pytest.param({"image": image(b"hello there")}, 415, "unsupported_media", id="no picture"),
        pytest.param({"image": image(b"")}, 415, "unsupported_media", id="empty file"),
        pytest.param({"recipe": "{}"}, 422, "invalid_request", id="no image"),
        pytest.param({"image": image(), "priority": "9"}, 422, "invalid_request", id="a field not built"),
        pytest.param({"image": image(), "recipe": "{"}, 422, "invalid_request", id="broken JSON"),
        pytest.param({"image": image(), "recipe": "[]"}, 422, "invalid_request", id="no object"),
        pytest.param({"image": image(), "recipe": '{"seed": 1}'}, 422, "invalid_recipe", id="unknown field"),
        pytest.param({"image": image(), "recipe": '{"temperature": 9}'}, 422, "invalid_recipe", id="out of range"),
        pytest.param({"image": image(), "recipe": '{"model": "x"}'}, 422, "unknown_model", id="unknown model"),
        pytest.param({"image": image(), "client_ref": ["a", "b"]}, 422, "invalid_request", id="too many refs"),
        pytest.param({"file": image()}, 422, "invalid_request", id="misnamed file"),
        pytest.param({"image": image(), "recipe": "x" * 70_000}, 422, "invalid_request", id="long field"),
    ],
)
def test_a_bad_form_is_refused(house: House, form: dict[str, Any], status: int, code: str) -> None:
    """A form that does not hold is refused with a stable code, and nothing is left behind."""
    for value in form.values():
        if isinstance(value, tuple):
            value[0].seek(0)
    # A file object can be sent once; the table's is read anew.
    fresh = {k: (io.BytesIO(v[0].getvalue()), v[1]) if isinstance(v, tuple) else v for k, v in form.items()}
    answer = post(house, **fresh)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"
    assert list(house.store.list(layout.OPEN)) == []


def test_one_bad_file_does_not_refuse_the_others(client: redis.Redis) -> None:
    """Among several files a bad one becomes its item's failure; what is too large is not kept, the rest is."""
    house = make_house(client, max_bytes=20_000)
    large = picture(400, 300, mode="RGB", seed=3) + b"\0" * 20_000
    answer = post(house, image=[image(b"no picture", "a.jpg"), image(name="b.png"), image(large, "c.png")])
    assert answer.status_code == 202
    house.work()
    job = house.http().get(answer.headers["Location"]).json
    assert job["state"] == "completed"
    assert job["counts"] == {"queued": 0, "running": 0, "succeeded": 1, "failed": 2, "canceled": 0}
    rows = house.http().get(f"{answer.headers['Location']}/items").json["items"]
    assert [row["code"] for row in rows] == ["not_a_picture", None, "too_large"]
    assert rows[0]["master"] is not None
    assert rows[2]["master"] is None


def test_a_file_above_the_limit_is_refused(client: redis.Redis) -> None:
    """A single file above the limit gives 413 with the limit and the size seen."""
    house = make_house(client, max_bytes=100)
    answer = post(house, image=image())
    assert answer.status_code == 413
    assert answer.json["limit"] == 100
    assert answer.json["seen"] == len(picture())


def test_json_names_stored_masters(house: House) -> None:
    """A JSON submission makes a job of masters that are there; unknown ones are named."""
    known = store_master(house, picture())
    items = [{"sha256": known, "filename": "a.png"}, {"sha256": "0" * 64, "filename": "b.png"}]
    refused = house.http().post("/v1/jobs", json={"items": items})
    assert refused.status_code == 422
    assert refused.json["code"] == "unknown_masters"
    assert refused.json["unknown"] == [{"number": 1, "sha256": "0" * 64}]
    assert refused.json["count"] == 1
    accepted = house.http().post("/v1/jobs", json={"items": items[:1], "recipe": {"chroma_gain": 2}})
    assert accepted.status_code == 202
    assert accepted.json["recipe"]["chroma_gain"] == 2.0


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        pytest.param(b"{", "application/json", "invalid_request", id="broken"),
        pytest.param(b'{"items": []}', "application/json", "invalid_request", id="no items"),
        pytest.param(
            b'{"items": [{"sha256": "x", "filename": "a"}]}', "application/json", "invalid_request", id="digest"
        ),
        pytest.param(b'{"items": [], "webhook": "x"}', "application/json", "invalid_request", id="not built"),
        pytest.param(b"a", "text/csv", "unsupported_media", id="kind not built"),
        pytest.param(b"a", "multipart/form-data", "invalid_request", id="no boundary"),
        pytest.param(b"a", "multipart/form-data; boundary=x", "invalid_request", id="cut off"),
    ],
)
def test_a_bad_body_is_refused(house: House, body: bytes, kind: str, code: str) -> None:
    """A body that does not hold is refused with words that name the place."""
    answer = house.http().post("/v1/jobs", data=body, content_type=kind)
    assert answer.json["code"] == code
    assert answer.json["detail"]


def test_the_same_key_gives_the_same_job(house: House) -> None:
    """A repeated Idempotency-Key gives the first job; for another request it is refused; after a day it is fresh."""
    key = {"Idempotency-Key": "scan-17"}
    first = post(house, key, image=image())
    again = post(house, key, image=image())
    assert again.status_code == 202
    assert again.json["id"] == first.json["id"]
    other = post(house, key, image=image(picture(seed=5)))
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")
    house.services.clock.sleep(KEY_SECONDS + 1)
    assert post(house, key, image=image(picture(seed=5))).status_code == 202
    assert len(list(house.store.list(layout.OPEN))) == 2


def test_a_key_finishes_a_submission_that_broke_off(house: House) -> None:
    """A repeat of the key completes a submission whose job.json was never written."""
    key = {"Idempotency-Key": "k"}
    job = post(house, key, image=image()).json["id"]
    house.store.delete(layout.job("default", job))
    house.client.flushall()
    again = post(house, key, image=image())
    assert again.json["id"] == job
    assert house.services.ledger.read_job("default", job) is not None
    assert house.services.index.progress(job) is not None


def test_a_bad_key_is_refused(house: House) -> None:
    """An Idempotency-Key is short printable ASCII."""
    assert post(house, {"Idempotency-Key": "x" * 256}, image=image()).json["code"] == "invalid_request"


def test_a_job_is_polled_cheaply(house: House) -> None:
    """A poll with the last ETag gives 304 until something changes, and says when to come again."""
    house.announce()
    location = post(house, image=image()).headers["Location"]
    first = house.http().get(location)
    assert first.json["waiting_for"] is None
    assert 1 <= int(first.headers["Retry-After"]) <= 30
    etag = {"If-None-Match": first.headers["ETag"]}
    assert house.http().get(location, headers=etag).status_code == 304
    house.work()
    ended = house.http().get(location, headers=etag)
    assert ended.status_code == 200
    assert ended.json["state"] == "completed"
    assert ended.json["progress"] == 1.0
    assert "Retry-After" not in ended.headers


def test_a_job_that_nobody_serves_says_so(house: House) -> None:
    """Without a live worker for its model and pipeline a job says what it waits for."""
    location = post(house, image=image()).headers["Location"]
    assert "none is running" in house.http().get(location).json["waiting_for"]
    house.announce()
    house.client.set(
        "pc:host:host", json.dumps({"name": "host", "slots": 1, "models": {"x": "y"}, "engine": "", "pipeline": 1})
    )
    assert "lite" in house.http().get(location).json["waiting_for"]
    house.client.set(
        "pc:host:host",
        json.dumps({"name": "host", "slots": 1, "models": {"lite": LITE.digest}, "engine": "", "pipeline": 0}),
    )
    assert "pipeline" in house.http().get(location).json["waiting_for"]


def test_a_job_outlives_the_index(house: House) -> None:
    """A job that ended is read from storage; one that is open and not in the index gives 503, never 404."""
    ended = post(house, image=image()).headers["Location"]
    house.work()
    before = house.http().get(ended).json
    house.client.flushall()
    after = house.http().get(ended).json
    assert {k: after[k] for k in ("id", "state", "counts", "total")} == {
        k: before[k] for k in ("id", "state", "counts", "total")
    }
    still_open = post(house, image=image(picture(seed=2))).headers["Location"]
    house.client.flushall()
    lost = house.http().get(still_open)
    assert (lost.status_code, lost.json["code"]) == (503, "job_recovering")
    assert lost.headers["Retry-After"]


def test_redis_may_be_down(house: House) -> None:
    """With Redis away a submission is still accepted, ended jobs are read, open ones give 503."""
    ended = post(house, image=image()).headers["Location"]
    house.work()
    away = make_house(connect("redis://127.0.0.1:1/0"), store=house.store)
    accepted = post(away, image=image(picture(seed=4)))
    assert accepted.status_code == 202
    assert away.http().get(ended).json["state"] == "completed"
    still_open = away.http().get(accepted.headers["Location"])
    assert (still_open.status_code, still_open.json["code"]) == (503, "index_unavailable")
    assert away.http().get("/v1/models").json["models"][0]["available"] is False
    ready = away.http().get("/readyz")
    assert ready.status_code == 503
    assert ready.json["checks"]["storage"]["ok"]
    assert not ready.json["checks"]["index"]["ok"]
    house.sweeper().sweep()
    assert house.services.index.progress(accepted.json["id"]) is not None


def test_unknown_jobs_are_not_found(house: House) -> None:
    """An id that is no job's, or no id at all, or another tenant's, is 404."""
    location = post(house, image=image()).headers["Location"]
    for path in (
        "/v1/jobs/nonsense",
        "/v1/jobs/01a20ab1-472a-77b3-875d-7f44aacf8c22",
        f"{location}/items/7",
        "/v1/nothing",
    ):
        answer = house.http().get(path)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found"), path


def test_jobs_are_listed_newest_first(house: House) -> None:
    """The list pages by cursor and holds each job once."""
    ids = []
    for seed in range(3):
        house.services.clock.sleep(1)
        ids.append(post(house, image=image(picture(seed=seed))).json["id"])
    page = house.http().get("/v1/jobs?limit=2").json
    assert [job["id"] for job in page["jobs"]] == [ids[2], ids[1]]
    rest = house.http().get(f"/v1/jobs?limit=2&cursor={page['next']}").json
    assert [job["id"] for job in rest["jobs"]] == [ids[0]]
    assert rest["next"] is None


def test_cancel_stops_what_has_not_begun(house: House) -> None:
    """A canceled job ends with the next sweeps, its items canceled; a second cancel is refused once it has ended."""
    location = post(house, image=[image(picture(seed=n)) for n in range(3)]).headers["Location"]
    answer = house.http().post(f"{location}/cancel")
    assert (answer.status_code, answer.json["state"]) == (202, "canceling")
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    job = house.http().get(location).json
    assert job["state"] == JobState.CANCELED
    assert job["counts"]["canceled"] == 3
    assert {row["state"] for row in house.http().get(f"{location}/items").json["items"]} == {"canceled"}
    again = house.http().post(f"{location}/cancel")
    assert (again.status_code, again.json["code"]) == (409, "job_ended")
    assert house.http().get(f"{location}/items/0/result").json["code"] == "item_failed"


def test_storage_trouble_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage that is away gives 503 with Retry-After and no 202."""

    def away(*_: object, **__: object) -> bool:
        raise StorageUnavailable()

    monkeypatch.setattr(house.store, "put_if_absent", away)
    answer = post(house, image=image())
    assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_bug_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error is a problem without a traceback."""
    monkeypatch.setattr(Index, "newest", lambda *_, **__: 1 / 0)
    answer = house.http().get("/v1/jobs")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text


def test_unknown_queries_and_methods_are_refused(house: House) -> None:
    """A query parameter that is not built is refused, and so is a method."""
    assert house.http().get("/v1/jobs?sort=x").json["code"] == "invalid_request"
    assert house.http().get("/v1/jobs?limit=0").json["field"] == "limit"
    answer = house.http().delete("/v1/jobs")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
