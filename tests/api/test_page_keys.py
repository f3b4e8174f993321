"""The page of a service with API keys: what a person with a good key sees, and one with none, a wrong or a weak one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page, Route, expect

from api.keys import Scope, create_key, find_key, revoke_key
from shared import layout
from shared.storage.memory import MemoryStore
from tests.browser import browse
from tests.house import House, make_house, picture, write_picture
from tests.served import Served, serve

_STORAGE = "https://files.example.org"


@pytest.fixture
def served(client: redis.Redis) -> Iterator[Served]:
    """A service that rests."""
    with serve(make_house(client, quota_requests=0)) as served:
        served.resting.set()
        yield served


def make_key(house: House, *scopes: Scope, tenant: str = "museum") -> str:
    """Returns a new key that may do this, or whatever the page does."""
    clock = house.services.clock
    return create_key(house.store, clock, tenant=tenant, name="", scopes=scopes or (Scope.READ, Scope.SUBMIT))


def enter(page: Page, key: str) -> None:
    """Types a key; the page begins anew with it."""
    page.get_by_label("API key", exact=True).fill(key)
    with page.expect_navigation():
        page.get_by_role("button", name="Use this key").press("Enter")


def hold(page: Page, key: str) -> None:
    """Has the page begin anew with a key that nobody typed."""
    page.evaluate("key => sessionStorage.setItem('photochrom-key', key)", key)
    page.reload()


@pytest.mark.slow
def test_a_key_is_asked_for_and_opens_all(served: Served, tmp_path: Path) -> None:
    """No key and a wrong one are told in words; with a good one pictures are seen and saved under their names."""
    key = make_key(served.house)
    with browse(served.url) as page:
        words = page.locator("#key-words")
        expect(words).to_have_text("This server asks for an API key. Whoever runs it gives you one.")
        expect(page.get_by_label("API key", exact=True)).to_be_focused()
        enter(page, "wrong")
        expect(words).to_have_text("This API key is not known, has expired, or was revoked.")
        page.get_by_label("API key", exact=True).fill("Schlüssel")
        page.keyboard.press("Enter")
        expect(page.locator("#key:invalid")).to_have_count(1)
        enter(page, f" {key} ")
        expect(page.locator("#key-form")).to_be_hidden()
        served.resting.clear()
        page.set_input_files("#files", write_picture(tmp_path / "Küche.png"))
        expect(page.locator(".compare")).to_be_visible(timeout=20_000)
        for image in page.locator(".compare img:not([hidden])").all():
            expect(image).to_have_js_property("complete", True)
            assert image.evaluate("image => image.naturalWidth") > 10
        with page.expect_download() as download:
            page.get_by_role("link", name="Download Küche.png in color").press("Enter")
        assert download.value.suggested_filename == "Küche_colorized.png"
        page.get_by_role("button", name="Forget the API key").press("Enter")
        expect(words).to_have_text("This server asks for an API key. Whoever runs it gives you one.")
        expect(page.locator(".job")).to_have_count(0)


@pytest.mark.slow
def test_a_key_that_may_not_is_told_and_replaced(served: Served, tmp_path: Path) -> None:
    """A key that only looks cannot send, one that only sends cannot look; the page says so and takes another."""
    looks, sends = make_key(served.house, Scope.READ), make_key(served.house, Scope.SUBMIT)
    photo = write_picture(tmp_path / "a.png")
    with browse(served.url) as page:
        words, badge = page.locator("#key-words"), page.locator(".job .badge")
        enter(page, looks)
        expect(page.locator("#key-form")).to_be_hidden()
        page.set_input_files("#files", photo)
        expect(badge).to_have_text("Not accepted")
        expect(words).to_contain_text("This API key may not send photos")
        expect(page.locator(".failure")).to_contain_text("Then choose the photos again.")
        enter(page, sends)
        expect(words).to_contain_text("This API key may not look at photos.")
        page.set_input_files("#files", photo)
        expect(badge).to_have_text("Out of sight")
        expect(page.locator(".outlook")).to_contain_text("The server goes on with it.")
        enter(page, make_key(served.house))
        expect(badge).to_have_text("Waiting its turn")
        hold(page, looks)
        page.locator(".job").get_by_role("button", name="Cancel").press("Enter")
        page.get_by_role("button", name="Cancel the job").press("Enter")
        expect(words).to_contain_text("This API key may not send photos or change a job.")
        expect(page.get_by_label("API key", exact=True)).to_be_visible()


@pytest.mark.slow
def test_a_key_that_is_revoked_meanwhile(served: Served, tmp_path: Path) -> None:
    """A job that is followed is out of sight from then on, and seen again with another key."""
    key = make_key(served.house)
    with browse(served.url) as page:
        enter(page, key)
        page.set_input_files("#files", write_picture(tmp_path / "a.png"))
        badge = page.locator(".job .badge")
        expect(badge).to_have_text("Waiting its turn")
        record = find_key(served.house.store, key)
        assert record is not None
        revoke_key(served.house.store, served.house.services.clock, record)
        served.house.services.clock.sleep(31)
        expect(badge).to_have_text("Out of sight", timeout=10_000)
        expect(page.locator("#key-words")).to_contain_text("was revoked")
        enter(page, make_key(served.house))
        expect(badge).to_have_text("Waiting its turn")


@pytest.mark.slow
def test_each_key_finds_its_own_jobs_again(served: Served, tmp_path: Path) -> None:
    """A tab that gets another tenant's key shows that one's jobs, and with the first key, or its heir, the first ones.

    A job that is gone is forgotten, and many of one key push out none of another's. What the browser remembers tells
    nobody the keys.
    """
    keys = {tenant: make_key(served.house, tenant=tenant) for tenant in ("museum", "library")}
    ids: dict[str, str] = {}
    with browse(served.url) as page:
        badge = page.locator(".job .badge")
        for tenant, key in keys.items():
            hold(page, key)
            expect(page.locator(".job")).to_have_count(0)
            with page.expect_response("**/v1/jobs") as submitted:
                page.set_input_files("#files", write_picture(tmp_path / f"{tenant}.png"))
            ids[tenant] = submitted.value.json()["id"]
            expect(badge).to_have_text("Waiting its turn")

        def look(key: str, shown: int) -> None:
            with page.expect_response("**/v1/models"):
                hold(page, key)
            for _ in ids:
                page.evaluate("fetch('healthz').then((answer) => answer.text())")
            expect(page.locator(".job")).to_have_count(shown)

        look(keys["museum"], 1)
        look(keys["library"], 1)
        look(make_key(served.house, tenant="museum"), 1)
        remembered = page.evaluate("JSON.stringify(localStorage)")
        assert all(job in remembered for job in ids.values())
        assert not any(key in remembered or key[-16:] in remembered for key in keys.values())
        served.house.store.delete(layout.job("library", ids["library"]))
        served.house.client.flushall()
        look(keys["library"], 0)
        assert ids["library"] not in page.evaluate("JSON.stringify(localStorage)")
        many = """import('/static/remembered.js').then((it) => {
            for (let n = 0; n < 7; n += 1) it.remember(`job-${n}`);
            return it.remembered();
        })"""
        assert page.evaluate(many) == [*(f"job-{n}" for n in range(6, 1, -1)), ids["museum"]]


@pytest.mark.slow
def test_stored_files_are_asked_for_with_patience(served: Served) -> None:
    """A quota is waited out, a name is what the server says, whatever is in it, and what nobody sees is let go."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            problem = '{"status": 429, "code": "rate_limited", "detail": "Too soon."}'
            route.fulfill(status=429, body=problem, headers={"Retry-After": "1"})
        else:
            route.fulfill(body="no picture", headers={"Content-Disposition": r'inline; filename="a; \"b\".png"'})

    with browse(served.url) as page:
        hold(page, make_key(served.house))
        page.route("**/v1/stored/*", answer)
        name = page.evaluate("import('/static/server.js').then((it) => it.stored('v1/stored/1')).then((it) => it.name)")
        assert name == 'a; "b".png'
        assert len(asked) == 2
        let_go = """async () => {
            const { show } = await import('/static/server.js');
            const gone = [], image = new Image();
            URL.revokeObjectURL = (address) => gone.push(address);
            await Promise.all([show(image, 'v1/stored/2'), show(image, 'v1/stored/3')]);
            return gone;
        }"""
        assert len(page.evaluate(let_go)) == 1


@pytest.mark.slow
def test_links_to_storage_work_under_a_key(client: redis.Redis, tmp_path: Path) -> None:
    """Where results are links to a storage that answers no other site, they are shown and saved from there."""

    class Linking(MemoryStore):
        def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
            return f"{_STORAGE}/{key}"

    def answer(route: Route) -> None:
        name = {} if "previews" in route.request.url else {"Content-Disposition": 'attachment; filename="from_it.png"'}
        route.fulfill(body=picture(), headers={"Content-Type": "image/png", **name})

    house = make_house(client, store=Linking(), s3_public_url=_STORAGE, quota_requests=0)
    with serve(house) as served, browse(served.url, also=(_STORAGE,)) as page:
        key = make_key(house)
        house.services.clock.sleep(31)
        page.route(re.compile(re.escape(_STORAGE)), answer)
        page.reload()
        enter(page, key)
        page.set_input_files("#files", write_picture(tmp_path / "a.png"))
        expect(page.locator(".compare .after")).to_have_js_property("naturalWidth", 64, timeout=20_000)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download a.png in color").press("Enter")
        assert download.value.suggested_filename == "from_it.png"
