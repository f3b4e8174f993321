"""The page, in a real browser over a really running service."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

PAGES = Path(__file__).parents[2] / "api" / "pages"

#: Nothing but the page's own requests leaves the browser.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture
def page(service_url: str) -> Iterator[Page]:
    """The page in headless Chromium; fails on a request elsewhere and on an error in the console."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a browser: install chromium")
        pytest.skip("no browser here")
    foreign: list[str] = []
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        page = browser.new_page()
        page.on(
            "request", lambda r: None if r.url.startswith((service_url, "blob:", "data:")) else foreign.append(r.url)
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(service_url)
        yield page
        browser.close()
    assert foreign == []
    assert errors == []


@pytest.mark.slow
def test_a_photo_gets_its_colors(page: Page, photos: Path) -> None:
    """A chosen photo ends in a card with both pictures, a slider that the keyboard moves, and a download."""
    page.set_input_files("#files", photos / "nipomo.jpg")
    slider = page.get_by_role("slider", name=re.compile("nipomo.jpg"))
    expect(slider).to_be_visible(timeout=20_000)
    compare = page.locator(".compare")
    assert compare.evaluate("node => getComputedStyle(node).getPropertyValue('--at')") == "50%"
    slider.focus()
    page.keyboard.press("End")
    assert compare.evaluate("node => node.style.getPropertyValue('--at')") == "100%"
    for picture in page.locator(".compare img:not([hidden])").all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download nipomo.jpg")).click()
    assert download.value.suggested_filename == "nipomo_colorized.jpg"
    assert Path(download.value.path()).read_bytes().startswith(b"\xff\xd8\xff")
    expect(page.locator("#news")).to_have_text("1 of 1 colored")
    page.reload()
    expect(page.locator(".compare")).to_be_visible(timeout=10_000)


@pytest.mark.slow
def test_candidates_are_chosen_and_doubt_is_shown(page: Page, photos: Path) -> None:
    """Three candidates stand in a row that the keyboard moves through; the chosen one is shown and downloaded.

    The map of where the net was unsure lies over the photo on demand.
    """
    page.get_by_text("Options").click()
    page.check("#several")
    page.set_input_files("#files", photos / "detroit.jpg")
    row = page.get_by_role("radiogroup")
    expect(row.get_by_role("radio")).to_have_count(3, timeout=20_000)
    expect(row.get_by_label("balanced 0.38")).to_be_checked()
    shown = page.locator(".compare .after")
    first = shown.get_attribute("src")
    row.get_by_label("balanced 0.38").focus()
    page.keyboard.press("ArrowRight")
    expect(row.get_by_label("average 0.8")).to_be_checked()
    assert shown.get_attribute("src") != first
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download detroit.jpg")).click()
    assert download.value.suggested_filename == "detroit_colorized-t0.800.jpg"
    doubt = page.get_by_role("button", name=re.compile(r"Unsure: \d+ %"))
    map_ = page.locator(".compare .unsure")
    expect(map_).to_be_hidden()
    doubt.click()
    expect(map_).to_be_visible()
    expect(doubt).to_have_attribute("aria-pressed", "true")
    assert map_.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    doubt.press("Enter")
    expect(map_).to_be_hidden()


@pytest.mark.slow
def test_no_picture_is_told_in_plain_words(page: Page, tmp_path: Path) -> None:
    """A text file with a picture's name gives a card that says what is wrong and what to do."""
    fake = tmp_path / "fake.jpg"
    fake.write_text("this is no picture")
    page.set_input_files("#files", fake)
    failure = page.locator(".failure")
    expect(failure).to_contain_text("it is no TIFF, JPEG, JPEG 2000, PNG, WebP or BMP", timeout=10_000)
    expect(failure).to_contain_text("Choose a TIFF, JPEG, JPEG 2000, PNG, WebP or BMP file.")


@pytest.mark.slow
def test_pages_work_under_their_policies(page: Page) -> None:
    """The page does not run into its own Content Security Policy; the documentation's loses one inline style by it."""
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.reload()
    expect(page.locator("#files")).to_be_attached()
    assert refused == []
    page.get_by_role("link", name="API").click()
    expect(page.locator("#operations-jobs-jobs_post_job_v1_jobs_post")).to_be_visible(timeout=20_000)
    assert not [text for text in refused if not text.startswith("Applying inline style violates")]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No file of the page names another host, and all are small."""
    for path in PAGES.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), path
        assert len(text) < 60_000
