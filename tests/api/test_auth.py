"""Who may ask."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator

import pytest
import redis

from api.auth import is_loopback
from api.keys import Scope, create_key, find_key, list_keys, revoke_key, rotate_key
from shared import layout
from shared.errors import StorageUnavailable
from shared.ids import new_id
from shared.storage import ObjectInfo, Source
from shared.storage.memory import MemoryStore
from tests.api.routes import calls
from tests.house import House, make_house, picture


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_loopback_is_this_machine(host: str, loopback: bool) -> None:
    """Only names and addresses of this machine are loopback."""
    assert is_loopback(host) is loopback


def test_without_keys_only_this_machine_is_answered(house: House) -> None:
    """A foreign Host is refused with 421 and a foreign Origin with 403; the server's own page and a link are not."""
    http = house.http()
    assert http.get("/v1/jobs", headers={"Host": "localhost:8080"}).status_code == 200
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
    assert http.get("/v1/jobs", headers=own).status_code == 200
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert http.get("/", headers=followed, buffered=True).status_code == 200
    assert http.post("/v1/jobs", headers=followed).status_code == 403


FOREIGN = [
    pytest.param({"Host": "evil.example"}, 421, "foreign_host", id="a name that was bent to this machine"),
    pytest.param({"Host": "evil.example:8080"}, 421, "foreign_host", id="with a port"),
    pytest.param({"Host": "127.0.0.1.evil.example"}, 421, "foreign_host", id="a name that begins like an address"),
    pytest.param({"Host": "10.0.0.7"}, 421, "foreign_host", id="another machine's address"),
    pytest.param({"Host": "0.0.0.0"}, 421, "foreign_host", id="no address at all"),
    pytest.param({"Origin": "https://evil.example"}, 403, "foreign_origin", id="a page elsewhere"),
    pytest.param({"Origin": "http://localhost:3000"}, 403, "foreign_origin", id="another server here"),
    pytest.param({"Origin": "null"}, 403, "foreign_origin", id="a page without an address"),
    pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, "foreign_origin", id="a picture in a page elsewhere"),
    pytest.param({"Sec-Fetch-Site": "same-site"}, 403, "foreign_origin", id="a picture in a page of another port"),
]


@pytest.mark.parametrize(("headers", "status", "code"), FOREIGN)
def test_a_foreign_page_reaches_no_route(house: House, headers: dict[str, str], status: int, code: str) -> None:
    """Each call of the document, the pages and an address without a route refuse what a foreign page could send."""
    http = house.http()
    values = {"job_id": new_id(), "number": 0, "sha256": "0" * 64}
    sent = {"Host": "localhost"} | headers
    answers = [(call.address, call.make(http, sent)) for call in calls(house, values)]
    answers += [(path, http.get(path, headers=sent, buffered=True)) for path in ("/", "/static/app.js", "/v1/no")]
    answers.append(("form", http.post("/v1/jobs", data={"recipe": "{}"}, headers=sent)))
    for name, answer in answers:
        assert (answer.status_code, answer.json["code"]) == (status, code), name


def test_a_host_proves_nothing_to_a_server_that_others_reach(client: redis.Redis) -> None:
    """Listening for other machines without keys, which the command refuses to start, every call is 401 all the same."""
    exposed = make_house(client, api_host="0.0.0.0").http()
    for call in ("/v1/jobs", "/v1/models", "/"):
        assert exposed.get(call, headers={"Host": "localhost"}).status_code == 401, call


def test_health_is_told_while_storage_is_away(client: redis.Redis) -> None:
    """`/healthz` answers and `/readyz` names the storage, though nobody can say whether there are keys."""

    class Away(MemoryStore):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            raise StorageUnavailable("away")

        def head(self, key: str) -> ObjectInfo | None:
            raise StorageUnavailable("away")

        def put(self, key: str, source: Source, *, media_type: str = "application/octet-stream") -> None:
            raise StorageUnavailable("away")

    http = make_house(client, store=Away()).http()
    assert http.get("/healthz").status_code == 200
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json["checks"]["storage"]["ok"]) == (503, False)
    assert http.get("/v1/jobs").json["code"] == "storage_unavailable"


def test_a_key_opens_its_tenant_only(house: House) -> None:
    """With keys a call needs one, belongs to its tenant, and finds nothing of another's."""
    clock = house.services.clock
    keys = {name: create_key(house.store, clock, tenant=name, name="") for name in ("a", "b")}
    http = house.http()
    refused = http.get("/v1/jobs")
    assert (refused.status_code, refused.json["code"]) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert http.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert http.get("/healthz").status_code == 200
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in keys.values())
    data = {"image": (io.BytesIO(picture()), "a.png")}
    job = http.post("/v1/jobs", data=data, headers=mine, content_type="multipart/form-data").headers["Location"]
    house.work()
    for path in ("", "/items", "/items/0", "/items/0/result", "/items/0/master", "/items/0/preview", "/report"):
        assert http.get(job + path, headers=mine).status_code == 200, path
        assert http.get(job + path, headers=yours).status_code == 404, path
    assert http.post(f"{job}/cancel", headers=yours).status_code == 404
    assert http.get("/v1/jobs", headers=yours).json["jobs"] == []


def test_a_revoked_key_dies_within_half_a_minute(house: House) -> None:
    """Keys are stored as hashes; a revoked one is refused after at most 30 s."""
    key = create_key(house.store, house.services.clock, tenant="a", name="scanner")
    other = create_key(house.store, house.services.clock, tenant="a", name="other")
    http = house.http()
    header = {"Authorization": f"Bearer {key}"}
    assert http.get("/v1/jobs", headers=header).status_code == 200
    (record,) = [record for record in list_keys(house.store) if record.name == "scanner"]
    assert key not in str(record)
    revoke_key(house.store, house.services.clock, record)
    house.services.clock.sleep(31)
    assert http.get("/v1/jobs", headers=header).status_code == 401
    assert http.get("/v1/jobs", headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_the_last_revoked_key_shuts_the_server(house: House) -> None:
    """A server whose keys are all revoked asks for a key, also after a restart: it does not open to this machine."""
    create_key(house.store, house.services.clock, tenant="a", name="")
    (record,) = list_keys(house.store)
    revoke_key(house.store, house.services.clock, record)
    assert house.http().get("/v1/jobs", headers={"Host": "localhost"}).status_code == 401


def test_a_key_ends_when_it_was_said_to(house: House) -> None:
    """A key that expires is good until its last moment, and refused from then on even where it was just used."""
    clock = house.services.clock
    key = create_key(house.store, clock, tenant="a", name="", seconds=20)
    http, header = house.http(), {"Authorization": f"Bearer {key}"}
    clock.sleep(19.9)
    assert http.get("/v1/jobs", headers=header).status_code == 200
    clock.sleep(0.1)
    assert http.get("/v1/jobs", headers=header).status_code == 401


@pytest.mark.parametrize(("lifetime", "seconds"), [(None, 3600), (7200, 3600), (1800, 1800)])
def test_a_rotated_key_dies_after_the_overlap(house: House, lifetime: float | None, seconds: float) -> None:
    """Both keys are good during the overlap, then only the new one; an old key never outlives its own end."""
    clock, store = house.services.clock, house.store
    old = create_key(store, clock, tenant="a", name="scanner", scopes=[Scope.READ], seconds=lifetime)
    (record,) = list_keys(store)
    http = house.http()
    headers = [{"Authorization": f"Bearer {key}"} for key in (old, rotate_key(store, clock, record, overlap=3600))]
    assert [http.get("/v1/jobs", headers=header).status_code for header in headers] == [200, 200]
    assert http.post("/v1/jobs", headers=headers[1]).status_code == 403
    new = find_key(store, headers[1]["Authorization"].split()[1])
    assert new is not None
    assert (new.tenant, new.name, new.scopes) == ("a", "scanner", {Scope.READ})
    assert (new.expires_at is None) == (lifetime is None)
    clock.sleep(seconds - 1)
    assert http.get("/v1/jobs", headers=headers[0]).status_code == 200
    clock.sleep(2 + 30)  # what was read of it before the rotation is believed for half a minute
    expected = 200 if lifetime is None or lifetime > seconds + 31 else 401
    assert [http.get("/v1/jobs", headers=header).status_code for header in headers] == [401, expected]


def test_a_key_from_before_there_were_scopes(house: House) -> None:
    """An old record, without scopes and end, may submit and read, and for ever."""
    key = "pc_" + "a" * 43
    digest = hashlib.sha256(key.encode()).hexdigest()
    old = {"digest": digest, "tenant": "a", "name": "old", "created_at": "2026-01-01T00:00:00.000Z"}
    house.store.put(layout.api_key(digest), json.dumps(old).encode())
    record = find_key(house.store, key)
    assert record is not None
    assert record.scopes == {Scope.SUBMIT, Scope.READ}
    assert house.http().get("/v1/jobs", headers={"Authorization": f"bearer  {key} "}).status_code == 200


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic {key}", "{key}", "Bearer {key}x", "Bearer {half}"])
def test_only_the_whole_key_opens(house: House, shown: str) -> None:
    """Another scheme, a part of the key, or more than it opens nothing."""
    key = create_key(house.store, house.services.clock, tenant="a", name="")
    header = {"Authorization": shown.format(key=key, half=key[:20])}
    assert house.http().get("/v1/jobs", headers=header).status_code == 401


def test_no_key_is_stored(house: House) -> None:
    """Storage holds the hash of a key and nothing of the key itself."""
    key = create_key(house.store, house.services.clock, tenant="a", name="")
    for entry in house.store.list(""):
        with house.store.get(entry.key) as stream:
            assert key[3:] not in entry.key + stream.read().decode()
