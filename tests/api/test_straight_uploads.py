"""Uploads straight to storage: what the API grants, to whom, and what becomes a master."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import redis
import requests

from api.keys import Scope, create_key
from api.polling import seats
from api.proofs import Proofs
from shared import layout
from shared.clock import ManualClock
from shared.errors import StorageUnavailable
from shared.index.quotas import Limits
from shared.uploads import begin as begin_upload
from shared.uploads import discard, find
from tests.house import House, make_house, picture
from tests.strict_s3 import PIECE, StrictS3, strict_s3

SMALL = picture()
SMALL_DIGEST = hashlib.sha256(SMALL).hexdigest()
#: three pieces, and a PNG by its first bytes
LARGE = picture(seed=1) + bytes(2 * PIECE)
LARGE_DIGEST = hashlib.sha256(LARGE).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[StrictS3]:
    """A server that takes signatures seriously."""
    with strict_s3() as running:
        yield running


@pytest.fixture
def straight(server: StrictS3, client: redis.Redis) -> House:
    """A house whose storage takes uploads straight."""
    return make_house(client, store=server.open())


def ask(house: House, *files: bytes, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Asks how to send files."""
    asked = [{"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for data in files]
    answer = house.http().post("/v1/uploads", json={"files": asked}, headers=headers)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json["files"]
    return found


def put(how: dict[str, Any], data: bytes) -> int:
    """Sends bytes as an answer says."""
    return requests.request(how["method"], how["url"], data=data, headers=how["headers"], timeout=30).status_code


def begin(house: House, data: bytes, headers: dict[str, str] | None = None, *, digest: str = "") -> dict[str, Any]:
    """Begins an upload in pieces, or goes on with it."""
    path = f"/v1/uploads/{digest or hashlib.sha256(data).hexdigest()}/pieces"
    answer = house.http().post(path, json={"size": len(data)}, headers=headers)
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def send(state: dict[str, Any], data: bytes) -> None:
    """Sends the pieces that are not there."""
    for piece in state["pieces"]:
        assert put(piece, data[piece["start"] :][: piece["size"]]) == 200


def complete(house: House, state: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    """Asks for the proof."""
    return house.http().post(state["links"]["complete"], headers=headers)


def uploads(house: House, tenant: str = "default") -> list[str]:
    """Keys of what is not proved."""
    return [info.key for info in house.store.list(layout.uploads(tenant))]


def unfinished(house: House) -> list[Any]:
    """Uploads in pieces that the storage keeps."""
    store: Any = house.store
    return list(store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", ()))


def keyed(house: House, tenant: str) -> dict[str, str]:
    """The headers of a tenant's requests."""
    key = create_key(house.store, house.services.clock, tenant=tenant, name="", scopes=Scope)
    return {"Authorization": f"Bearer {key}"}


def test_a_small_file_goes_straight_to_its_master(straight: House) -> None:
    """The answer is a link that creates the master; afterwards the file is present and can be submitted and colored."""
    (answer,) = ask(straight, SMALL)
    assert put(answer["upload"], b"x" * len(SMALL)) == 400
    assert ask(straight, SMALL)[0]["present"] is False
    assert put(answer["upload"], SMALL) == 200
    assert put(answer["upload"], SMALL) == 412
    assert ask(straight, SMALL) == [{"sha256": SMALL_DIGEST, "present": True, "upload": None}]
    job = {"items": [{"sha256": SMALL_DIGEST, "filename": "a.png"}]}
    made = straight.http().post("/v1/jobs", json=job).json
    straight.work()
    assert straight.http().get(f"/v1/jobs/{made['id']}").json["counts"]["succeeded"] == 1


def test_a_file_that_is_no_picture_fails_as_an_item(straight: House) -> None:
    """Nobody looks at a small file before it is a master: the item that names it fails, with the code for it."""
    (answer,) = ask(straight, b"a letter")
    assert put(answer["upload"], b"a letter") == 200
    job = {"items": [{"sha256": answer["sha256"], "filename": "a.png"}]}
    made = straight.http().post("/v1/jobs", json=job).json
    straight.work()
    item = straight.http().get(f"/v1/jobs/{made['id']}/items/0").json
    assert (item["state"], item["code"]) == ("failed", "not_a_picture")


def test_a_large_file_goes_in_pieces(straight: House) -> None:
    """Pieces are sent, proved and become the master; nothing else is left, and a second completion says the same."""
    (answer,) = ask(straight, LARGE)
    assert answer["upload"]["url"] == f"/v1/uploads/{LARGE_DIGEST}"  # whoever knows no pieces may send it as a whole
    state = straight.http().post(answer["upload"]["pieces"], json={"size": len(LARGE)}).json
    assert [piece["size"] for piece in state["pieces"]] == [PIECE, PIECE, len(LARGE) - 2 * PIECE]
    send(state, LARGE)
    first, second = complete(straight, state), complete(straight, state)
    expected = {"sha256": LARGE_DIGEST, "size": len(LARGE), "format": "png"}
    assert (first.status_code, first.json) == (second.status_code, second.json) == (200, expected)
    with straight.store.get(layout.master("default", LARGE_DIGEST)) as stream:
        assert stream.read() == LARGE
    assert uploads(straight) == []
    assert unfinished(straight) == []
    assert begin(straight, LARGE)["present"] is True


def test_an_upload_is_gone_on_with(straight: House) -> None:
    """Whoever begins the same file again, or looks, is told which pieces are not there, and no other is begun."""
    state = begin(straight, LARGE)
    assert put(state["pieces"][1], LARGE[PIECE : 2 * PIECE]) == 200
    looked = straight.http().get(state["links"]["self"]).json
    for again in (begin(straight, LARGE), looked):
        assert [piece["number"] for piece in again["pieces"]] == [1, 3]
    assert len(unfinished(straight)) == 1
    incomplete = complete(straight, state)
    assert (incomplete.status_code, incomplete.json["code"]) == (409, "upload_incomplete")
    assert incomplete.json["missing"] == [1, 3]
    send(again, LARGE)
    assert complete(straight, state).status_code == 200


def test_a_server_that_died_before_the_proof_is_no_harm(straight: House) -> None:
    """Pieces that were joined by a call that never ended are proved by the next one."""
    state = begin(straight, LARGE)
    send(state, LARGE)
    (upload,) = unfinished(straight)
    direct: Any = straight.store.direct()
    assert direct.join(upload["Key"], upload["UploadId"])
    assert begin(straight, LARGE)["pieces"] == []
    assert complete(straight, state).status_code == 200
    assert uploads(straight) == []


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        pytest.param(LARGE[:-1] + b"x", 422, "checksum_mismatch", id="other bytes"),
        pytest.param(b"no picture" + bytes(2 * PIECE), 415, "unsupported_media", id="no picture"),
    ],
)
def test_what_is_not_proved_is_not_kept(straight: House, sent: bytes, status: int, code: str) -> None:
    """Other bytes than promised, or no picture: refused, and nothing is left of them."""
    digest = LARGE_DIGEST if status == 422 else hashlib.sha256(sent).hexdigest()
    state = begin(straight, sent, digest=digest)
    send(state, sent)
    refused = complete(straight, state)
    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert list(straight.store.list(layout.tenant("default"))) == []
    assert unfinished(straight) == []
    assert complete(straight, state).status_code == 404
    assert len(begin(straight, sent, digest=digest)["pieces"]) == 3


def test_an_upload_of_another_size_begins_anew(straight: House) -> None:
    """A digest has one size: who says another begins anew, and the pieces of before go."""
    send(begin(straight, LARGE[:-1], digest=LARGE_DIGEST), LARGE[:-1])
    state = begin(straight, LARGE)
    assert len(state["pieces"]) == 3
    assert len(unfinished(straight)) == 1


def test_an_upload_that_the_storage_gave_up_begins_anew(straight: House) -> None:
    """Pieces that a lifecycle rule took away are asked for again; meanwhile the upload is not found."""
    state = begin(straight, LARGE)
    (upload,) = unfinished(straight)
    direct: Any = straight.store.direct()
    direct.abort(upload["Key"], upload["UploadId"])
    assert straight.http().get(state["links"]["self"]).status_code == 404
    assert complete(straight, state).status_code == 404
    assert len(begin(straight, LARGE)["pieces"]) == 3


def test_too_large_a_file_gets_no_link(server: StrictS3, client: redis.Redis) -> None:
    """The limit holds for what goes straight to storage: neither a link nor pieces are granted."""
    house = make_house(client, store=server.open(), max_bytes=len(LARGE) - 1)
    (answer,) = ask(house, LARGE)
    assert (answer["upload"], answer["problem"]["code"]) == (None, "too_large")
    refused = house.http().post(f"/v1/uploads/{LARGE_DIGEST}/pieces", json={"size": len(LARGE)})
    assert (refused.status_code, refused.json["code"]) == (413, "too_large")


def test_tenants_share_no_upload(straight: House) -> None:
    """An upload of A's is 404 for B, B's links lead to B's own keys, and nobody without `submit` gets any."""
    a, b = keyed(straight, "a"), keyed(straight, "b")
    state = begin(straight, LARGE, a)
    send(state, LARGE)
    for call in ("self", "complete"):
        method = straight.http().get if call == "self" else straight.http().post
        assert method(state["links"][call], headers=b).status_code == 404
    assert {f"/t/b/uploads/{LARGE_DIGEST}" in piece["url"] for piece in begin(straight, LARGE, b)["pieces"]} == {True}
    assert "/t/b/masters/" in ask(straight, SMALL, headers=b)[0]["upload"]["url"]
    assert complete(straight, state, a).status_code == 200
    assert ask(straight, LARGE, headers=b)[0]["present"] is False
    key = create_key(straight.store, straight.services.clock, tenant="a", name="", scopes=[Scope.READ])
    assert straight.http().get(state["links"]["self"], headers={"Authorization": f"Bearer {key}"}).status_code == 403


def test_bytes_are_charged_when_they_are_granted(server: StrictS3, client: redis.Redis) -> None:
    """Links and pieces count; pieces that are gone on with count once; beyond the quota the API's own PUT refuses."""
    house = make_house(client, store=server.open(), quota_bytes=len(LARGE) + len(SMALL) + 1_000)
    headers = keyed(house, "a")

    def charged() -> int:
        return house.services.index.quotas.spend("a", Limits()).bytes

    begin(house, LARGE, headers)
    once = charged()
    assert len(LARGE) <= once < len(LARGE) + 200
    begin(house, LARGE, headers)
    assert charged() < len(LARGE) + 200
    other = picture(seed=7) + bytes(2_000)
    first, second = ask(house, SMALL, other, headers=headers)
    assert first["upload"]["url"].startswith("http")
    assert second["upload"]["url"].startswith("/v1/uploads/")
    refused = house.http().put(second["upload"]["url"], data=other, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (429, "quota_exceeded")
    more = LARGE + b"more"
    digest = hashlib.sha256(more).hexdigest()
    refused = house.http().post(f"/v1/uploads/{digest}/pieces", json={"size": len(more)}, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (429, "quota_exceeded")
    assert uploads(house, "a") == [layout.upload_record("a", LARGE_DIGEST)]


def test_a_server_that_looks_away_is_named(server: StrictS3, client: redis.Redis) -> None:
    """Where the probe finds a fault files go through the API as ever, and `/readyz` says why."""
    server.blind.add("checksum")
    try:
        house = make_house(client, store=server.open())
        said = house.http().get("/readyz").json["checks"]["storage"]
    finally:
        server.blind.clear()
    assert said["ok"]
    assert "uploads go through the API" in said["detail"]
    (small, large) = ask(house, SMALL, LARGE)
    assert small["upload"] == {"method": "PUT", "url": f"/v1/uploads/{SMALL_DIGEST}", "headers": {}}
    assert "pieces" not in large["upload"]
    assert house.http().post(f"/v1/uploads/{LARGE_DIGEST}/pieces", json={"size": 1}).status_code == 404


def test_old_uploads_are_swept_away(straight: House) -> None:
    """The sweeper removes what nobody came back for within 25 hours: the record, the pieces, bytes never proved."""
    begin(straight, LARGE)
    straight.store.put(layout.upload("default", "0" * 64), b"joined by a process that died")
    sweeper = straight.sweeper()
    sweeper.sweep()
    assert len(uploads(straight)) == 2

    tomorrow = ManualClock(straight.shop.clock.now() + 26 * 3600)
    replace(straight, shop=replace(straight.shop, clock=tomorrow)).sweeper().sweep()
    assert uploads(straight) == []
    assert unfinished(straight) == []


def test_a_long_proof_does_not_hold_its_caller() -> None:
    """Who asks is told that the proof goes on; who asks later is told its end, good or bad, and once."""
    proofs, go = Proofs(), threading.Event()
    began = []

    def prove() -> dict[str, Any]:
        began.append(1)
        assert go.wait(30)
        return {"sha256": "0"}

    assert proofs.ask(("a", "0"), prove, seconds=0.01) is None
    assert proofs.ask(("a", "0"), prove, seconds=0.01) is None
    go.set()
    assert proofs.ask(("a", "0"), prove, seconds=30) == {"sha256": "0"}
    assert began == [1]

    def fail() -> dict[str, Any]:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        proofs.ask(("a", "0"), fail, seconds=30)
    assert proofs.ask(("a", "0"), prove, seconds=30) == {"sha256": "0"}


@pytest.mark.parametrize("moment", ["pieces", "join", "_copy"])
def test_two_servers_that_prove_an_upload_both_tell_of_the_master(
    straight: House, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whichever is first takes the pieces away from the other, which says that the master is there all the same."""
    state = begin(straight, LARGE)
    send(state, LARGE)
    direct: Any = straight.store.direct()
    real, answers = getattr(direct, moment), []

    def late(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(direct, moment, real)
        answers.append(complete(straight, state))
        return real(*args, **options)

    monkeypatch.setattr(direct, moment, late)
    answers.append(complete(straight, state))
    assert [(answer.status_code, answer.json.get("sha256")) for answer in answers] == [(200, LARGE_DIGEST)] * 2
    assert uploads(straight) == []
    assert unfinished(straight) == []


def test_what_is_discarded_late_is_not_what_was_begun_since(straight: House) -> None:
    """A server that slept removes the upload that it knows of, not the one that was begun under its name since."""
    direct: Any = straight.store.direct()
    first = begin_upload(straight.store, direct, "default", LARGE_DIGEST, len(LARGE))
    discard(straight.store, direct, "default", first)
    second = begin_upload(straight.store, direct, "default", LARGE_DIGEST, len(LARGE))
    discard(straight.store, direct, "default", first)
    assert find(straight.store, "default", LARGE_DIGEST) == second
    assert len(unfinished(straight)) == 1


def test_an_upload_that_cannot_be_recorded_leaves_no_pieces(straight: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would find it again: where the storage goes away in between, the upload is given up at once."""
    direct: Any = straight.store.direct()

    def away(*_: Any, **__: Any) -> bool:
        raise StorageUnavailable()

    monkeypatch.setattr(straight.store, "put_if_absent", away)
    with pytest.raises(StorageUnavailable):
        begin_upload(straight.store, direct, "default", LARGE_DIGEST, len(LARGE))
    assert unfinished(straight) == []


def test_an_upload_that_goes_on_is_not_a_leftover(straight: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for fresh links renews the record, whose age is what the sweeper goes by."""
    begin(straight, LARGE)
    renewed: list[str] = []
    put = straight.store.put
    monkeypatch.setattr(straight.store, "put", lambda key, *rest, **how: (renewed.append(key), put(key, *rest, **how)))
    begin(straight, LARGE)
    assert renewed == [layout.upload_record("default", LARGE_DIGEST)]
    assert find(straight.store, "default", LARGE_DIGEST) is not None


def test_a_proof_waits_only_where_there_is_room(
    server: StrictS3, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for a proof takes a seat, as any waiting does; where none is free the answer is 202 at once."""
    house = make_house(client, store=server.open(), api_threads=2)
    http, asked = house.http(), []
    monkeypatch.setattr(Proofs, "ask", lambda _, *__, seconds: asked.append(seconds))
    path = f"/v1/uploads/{LARGE_DIGEST}/complete"
    assert http.post(path).status_code == 202
    assert seats(http.application).take()
    assert http.post(path).status_code == 202
    assert asked == [5.0, 0.0]


def test_so_many_proofs_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond that a proof is not begun, and whoever asks is told to ask again; those that are known go on."""
    monkeypatch.setattr("api.proofs._MOST_BEGUN", 3)
    proofs, go, begun = Proofs(), threading.Event(), []

    def prove(number: int) -> dict[str, Any]:
        begun.append(number)
        assert go.wait(30)
        return {"number": number}

    for number in range(5):
        assert proofs.ask(("a", str(number)), partial(prove, number), seconds=0) is None
    go.set()
    assert proofs.ask(("a", "2"), partial(prove, 2), seconds=30) == {"number": 2}
    assert proofs.ask(("a", "4"), partial(prove, 4), seconds=30) == {"number": 4}
    assert 3 not in begun
