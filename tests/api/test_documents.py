"""The OpenAPI document, the documentation page, health, and what every answer carries."""

from __future__ import annotations

import re

from openapi_spec_validator import validate

from tests.house import House


def test_the_document_is_valid_and_names_every_call(house: House) -> None:
    """The OpenAPI document validates as 3.1 and has each route of the app."""
    http = house.http()
    document = http.get("/openapi/openapi.json").json
    validate(document)
    assert document["openapi"].startswith("3.1")
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))
        for rule in http.application.url_map.iter_rules()
        if str(rule).startswith(("/v1", "/healthz", "/readyz"))
    }
    assert set(document["paths"]) == rules
    assert set(document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/json",
        "application/x-ndjson",
    }


def test_the_documentation_page_needs_no_network(house: House) -> None:
    """The page's scripts and styles come from this server."""
    page = house.http().get("/openapi/swagger")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert assets
    assert not [asset for asset in assets if asset.startswith(("http", "//"))]
    for asset in assets:
        if asset.startswith("/"):
            assert house.http().get(asset, buffered=True).status_code == 200, asset


def test_answers_are_hardened(house: House) -> None:
    """Every answer forbids sniffing, and the page loads only what this server has."""
    page = house.http().get("/", buffered=True)
    assert page.status_code == 200
    assert "Photochrom" in page.text
    assert "default-src 'none'; script-src 'self'" in page.headers["Content-Security-Policy"]
    assert house.http().get("/healthz").headers["X-Content-Type-Options"] == "nosniff"
    for asset in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        assert house.http().get(f"/{asset}", buffered=True).status_code == 200


def test_ready_needs_a_worker(house: House) -> None:
    """The service is ready when storage, index and a worker answer."""
    assert house.http().get("/readyz").status_code == 503
    house.announce()
    ready = house.http().get("/readyz")
    assert ready.status_code == 200
    assert ready.json["ready"] is True


def test_models_tell_who_is_served(house: House) -> None:
    """The list of models says which is the default and which a live worker serves."""
    models = house.http().get("/v1/models").json["models"]
    assert [(model["name"], model["default"], model["available"]) for model in models] == [
        ("lite", True, False),
        ("eccv16", False, False),
        ("eccv16-norebal", False, False),
    ]
    house.announce()
    assert house.http().get("/v1/models").json["models"][0]["available"] is True


def test_the_document_names_header_fields(house: House) -> None:
    """Fields that a call looks at stand in the document, though they are read by hand."""
    paths = house.http().get("/openapi/openapi.json").json["paths"]
    found = {
        (method, path): {each["name"] for each in call.get("parameters", ()) if each["in"] == "header"}
        for path, calls in paths.items()
        for method, call in calls.items()
    }
    assert {call: names for call, names in found.items() if names} == {
        ("post", "/v1/jobs"): {"Idempotency-Key"},
        ("post", "/v1/jobs/{job_id}/retry"): {"Idempotency-Key"},
        ("get", "/v1/jobs/{job_id}"): {"Prefer", "If-None-Match"},
        ("get", "/v1/jobs/{job_id}/states"): {"If-None-Match"},
        ("get", "/v1/jobs/{job_id}/events"): {"Last-Event-ID"},
    }
    assert {each["name"] for each in paths["/v1/jobs/{job_id}"]["get"]["parameters"]} >= {"job_id"}
