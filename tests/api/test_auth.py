"""Who may ask."""

from __future__ import annotations

import io

import pytest

from api.auth import create_key, is_loopback, list_keys, revoke_key
from tests.house import House, picture


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_loopback_is_this_machine(host: str, loopback: bool) -> None:
    """Only names and addresses of this machine are loopback."""
    assert is_loopback(host) is loopback


def test_without_keys_only_this_machine_is_answered(house: House) -> None:
    """A foreign Host is refused with 421 and a foreign Origin with 403, on every call."""
    http = house.http()
    assert http.get("/v1/jobs", headers={"Host": "localhost:8080"}).status_code == 200
    foreign = http.get("/v1/jobs", headers={"Host": "evil.example"})
    assert (foreign.status_code, foreign.json["code"]) == (421, "foreign_host")
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080"}
    assert http.get("/v1/jobs", headers=own).status_code == 200
    page = http.post("/v1/jobs", headers=own | {"Origin": "https://evil.example"})
    assert (page.status_code, page.json["code"]) == (403, "foreign_origin")


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
    revoke_key(house.store, record.digest)
    house.services.clock.sleep(31)
    assert http.get("/v1/jobs", headers=header).status_code == 401
    assert http.get("/v1/jobs", headers={"Authorization": f"Bearer {other}"}).status_code == 200
