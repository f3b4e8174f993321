"""The API's metrics: what is counted, what is found, and who may see it."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from api.keys import Scope, create_key
from shared.errors import IndexUnavailable
from tests.house import House, picture
from tests.metrics_page import Samples, samples, value


def scrape(http: FlaskClient) -> Samples:
    """Returns what the API tells."""
    answer = http.get("/metrics")
    assert answer.status_code == 200
    return samples(answer.text)


def test_requests_are_counted_by_route(house: House) -> None:
    """Calls count by method, template of the route and class of the status, problems by code; nothing names an id."""
    http = house.http()
    http.get("/v1/jobs/0192f0c1-5b1e-7d3a-8000-000000000000")
    http.get("/nothing/here")
    http.open("/v1/jobs", method="BREW")
    found = scrape(http)
    route = "/v1/jobs/<job_id>"
    assert value(found, "requests_total", method="GET", route=route, status="4xx") == 1
    assert value(found, "requests_total", method="GET", route="none", status="4xx") == 1
    assert value(found, "requests_total", method="none", route="none", status="4xx") == 1
    assert value(found, "request_seconds_count", method="GET", route=route) == 1
    assert value(found, "problems_total", code="not_found") >= 1
    assert not [labels for _, labels in found if any("0192f0c1" in text for pair in labels for text in pair)]


def test_submissions_are_counted_once(house: House) -> None:
    """A job counts with its items and bytes; what is answered for an Idempotency-Key again does not."""
    http = house.http()
    for _ in range(2):
        again = {"image": (io.BytesIO(picture()), "a.png")}
        assert http.post("/v1/jobs", data=again, headers={"Idempotency-Key": "k"}).status_code == 202
    found = scrape(http)
    assert value(found, "jobs_submitted_total") == 1
    assert value(found, "items_submitted_total") == 1
    assert value(found, "received_bytes_total") > 2 * len(picture())


def test_who_waits_on_purpose_is_not_slow(house: House) -> None:
    """An answer that a client had the server wait for is counted, but not among the seconds."""
    http = house.http()
    job = http.post("/v1/jobs", data={"image": (io.BytesIO(picture()), "a.png")}).json["id"]
    assert http.get(f"/v1/jobs/{job}", headers={"Prefer": "wait=0"}).headers["Preference-Applied"]
    found = scrape(http)
    assert value(found, "requests_total", method="GET", route="/v1/jobs/<job_id>", status="2xx") == 1
    assert (
        "photochrom_request_seconds_count",
        frozenset({("method", "GET"), ("route", "/v1/jobs/<job_id>")}),
    ) not in found


def test_the_queue_is_that_of_the_autoscaler(house: House) -> None:
    """Waiting and running items, hosts and slots are those of /v1/queue."""
    house.announce()
    http = house.http()
    http.post("/v1/jobs", data={"image": (io.BytesIO(picture()), "a.png")})
    found, queue = scrape(http), http.get("/v1/queue").json["models"]["lite"]
    assert value(found, "queue_items", model="lite", state="waiting") == queue["waiting"] == 1
    assert value(found, "queue_items", model="lite", state="running") == queue["running"] == 0
    assert value(found, "queue_waiting_items", model="lite", **{"class": "small"}) == queue["small"] == 1
    assert value(found, "model_slots", model="lite") == queue["slots"] == 2
    assert value(found, "live_hosts") == 1
    assert value(found, "live_slots") == 2
    assert value(found, "storage_reachable") == value(found, "index_reachable") == 1


def test_an_index_that_is_away_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the index the scrape succeeds, says so, and has no figure of the queue: not even a 0."""

    def away() -> None:
        raise IndexUnavailable()

    monkeypatch.setattr("shared.index.hosts.Hosts.live", lambda _: away())
    found = scrape(house.http())
    assert value(found, "index_reachable") == 0
    assert not [name for name, _ in found if name.startswith(("queue_", "live_"))]


def test_metrics_need_the_scope_observe(house: House) -> None:
    """With API keys only one with `observe` sees them: they tell of every tenant's work."""
    keys = {
        scope: create_key(house.store, house.services.clock, tenant="a", name="", scopes=[scope]) for scope in Scope
    }
    http = house.http()
    assert http.get("/metrics").status_code == 401
    for scope, key in keys.items():
        expected = 200 if scope is Scope.OBSERVE else 403
        assert http.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == expected, scope
