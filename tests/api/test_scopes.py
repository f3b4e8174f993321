"""What a key may do."""

from __future__ import annotations

import io

from api import scopes
from api.keys import Scope, create_key
from tests.api.routes import calls
from tests.house import House, picture

VALUES = {"job_id": "0198f2d4-0000-7000-8000-000000000000", "number": 0, "sha256": "0" * 64}


def test_the_table_has_every_route_and_no_other(house: House) -> None:
    """Each route of the app has its scope in the one table; the table has nothing that is no route."""
    routes = {
        (method, rule.rule)
        for rule in house.http().application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/openapi/")
    }
    assert set(scopes.NEEDS) == routes


def test_a_forgotten_route_is_shut() -> None:
    """What is not in the table needs `admin`; HEAD needs what GET does, and an address without a route any key."""
    assert scopes.needed("GET", "/v1/new") == {Scope.ADMIN}
    assert scopes.needed("HEAD", "/v1/jobs") == scopes.needed("GET", "/v1/jobs") == {Scope.READ}
    assert scopes.needed("GET", None) == set(Scope)


def test_each_call_is_refused_without_its_scope(house: House) -> None:
    """Every call of the document, made with a key of each scope alone, is 403 exactly where the document names another.

    The problem names the scope that is needed, and without a key all of them are 401.
    """
    clock = house.services.clock
    keys = {scope: create_key(house.store, clock, tenant="a", name="", scopes=[scope]) for scope in Scope}
    http = house.http()
    for call in calls(house, VALUES):
        wanted = {entry["key"][0] for entry in call.operation.get("security", ())}
        assert call.make(http, {}).status_code == 401 if wanted else call.make(http, {}).status_code in (200, 503)
        for scope, key in keys.items():
            answer = call.make(http, {"Authorization": f"Bearer {key}"})
            if not wanted or scope in wanted:
                assert answer.status_code not in (401, 403), (call.address, scope)
            else:
                assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), (call.address, scope)
                assert answer.json["needs"] == sorted(wanted)
                assert f"`{answer.json['needs'][0]}`" in answer.json["detail"]


def test_a_refused_call_does_nothing(house: House) -> None:
    """A call that is forbidden leaves nothing behind: no master, no job."""
    key = create_key(house.store, house.services.clock, tenant="a", name="", scopes={Scope.READ, Scope.ADMIN})
    before = [entry.key for entry in house.store.list("")]
    answer = house.http().post(
        "/v1/jobs",
        data={"image": (io.BytesIO(picture()), "a.png")},
        headers={"Authorization": f"Bearer {key}"},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 403
    assert [entry.key for entry in house.store.list("")] == before
