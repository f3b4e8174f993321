"""A real browser that looks at the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

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


@contextmanager
def browse(url: str, also: tuple[str, ...] = ()) -> Iterator[Page]:
    """Opens the page in headless Chromium; fails on an error in it and on a request elsewhere, but for `also`."""
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
            "request", lambda r: None if r.url.startswith((url, "blob:", "data:", *also)) else foreign.append(r.url)
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        yield page
        browser.close()
    assert foreign == []
    assert errors == []
