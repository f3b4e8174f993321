"""What every answer carries."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import redis

from api.keys import Scope, create_key
from tests.api.routes import calls
from tests.house import House, make_house, picture

PAGES = ("/", "/openapi/", "/openapi/swagger", "/openapi/oauth2-redirect.html")
FILES = ("/static/app.js", "/static/style.css", "/openapi/openapi.json")


@pytest.fixture
def answers(house: House) -> list[tuple[str, Any]]:
    """An answer of every call of the document, good where it can be, and of addresses that there are not."""
    key = create_key(house.store, house.services.clock, tenant="a", name="", scopes=Scope)
    headers, http = {"Authorization": f"Bearer {key}"}, house.http()
    form = {"image": (io.BytesIO(picture()), "a.png")}
    made = http.post("/v1/jobs", data=form, headers=headers, content_type="multipart/form-data")
    house.work()
    values = {"job_id": made.json["id"], "number": 0, "sha256": "0" * 64}
    every = sorted(calls(house, values), key=lambda call: call.method == "delete")
    found = [(f"{call.method} {call.address}", call.make(http, headers)) for call in every]
    assert sum(answer.status_code == 200 for _, answer in found) > 12
    found += [(path, http.get(path, headers=headers, buffered=True)) for path in (*PAGES, *FILES, "/no", "/v1/no")]
    return [*found, ("post", made), ("401", http.get("/v1/jobs")), ("405", http.put("/v1/jobs", headers=headers))]


def test_every_answer_is_hardened(answers: list[tuple[str, Any]]) -> None:
    """No answer is sniffed, framed, embedded by other sites or passed on by its address; none allows inline scripts."""
    for name, answer in answers:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'"), name
        assert "frame-ancestors 'none'" in policy, name
        assert not re.search(r"unsafe|\*|//", policy), name
        if answer.mimetype != "text/html":
            assert policy.endswith("sandbox"), name
        assert "Access-Control-Allow-Origin" not in headers, name


def test_what_is_a_tenants_is_kept_by_nobody_else(answers: list[tuple[str, Any]]) -> None:
    """Every answer under /v1, errors too, may be kept by nobody, or by the browser that asked, for the same key."""
    for name, answer in answers:
        if not name.startswith(("/static", "/openapi")) and name != "/":
            kept = answer.headers["Cache-Control"]
            assert kept == "no-store" or kept.startswith("private, "), (name, kept)
            if "max-age" in kept:
                assert "Authorization" in answer.vary, name


def test_every_download_says_what_it_is(answers: list[tuple[str, Any]]) -> None:
    """Whatever is no JSON has a name to be saved under, and runs nowhere: only pictures are shown in place."""
    downloads = 0
    for name, answer in answers:
        if answer.status_code != 200 or answer.mimetype in ("application/json", "text/html") or "/v1/" not in name:
            continue
        downloads += 1
        kind, _, rest = answer.headers["Content-Disposition"].partition("; ")
        assert rest.startswith("filename="), name
        assert kind == ("inline" if answer.mimetype.startswith("image/") else "attachment"), name
    assert downloads >= 8


def test_a_page_has_nothing_inline_but_what_its_policy_names(answers: list[tuple[str, Any]]) -> None:
    """The page has no inline script or style at all; what the documentation's library writes is allowed by its hash."""
    pages = {name: answer for name, answer in answers if name in PAGES}
    assert not re.search(r"<script>|<style>|\son\w+=|\sstyle=", pages["/"].text)
    for name in PAGES[1:]:
        inline = re.findall(r"<(?:script|style)>", pages[name].text)
        assert pages[name].headers["Content-Security-Policy"].count("'sha256-") == len(inline) > 0, name


def test_the_page_may_load_what_signed_links_lead_to(client: redis.Redis) -> None:
    """With a public address of the storage the page may show its pictures, and nothing else of another site."""
    house = make_house(client, s3_public_url="https://files.example.org/bucket")
    policy = house.http().get("/", buffered=True).headers["Content-Security-Policy"]
    assert (
        "img-src 'self' https://files.example.org blob: data:; connect-src 'self' https://files.example.org" in policy
    )
    assert "script-src 'self'; style-src 'self';" in policy
    assert policy.count("//") == 2
