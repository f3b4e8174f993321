"""The page, in a real browser over a really running service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page, expect

from shared.errors import Hinge, PictureError, errors
from tests.browser import browse
from tests.house import make_house, write_picture
from tests.served import Served, serve

PAGES = Path(__file__).parents[2] / "api" / "pages"


@pytest.fixture
def page(service_url: str) -> Iterator[Page]:
    """The page of a service that really runs."""
    with browse(service_url) as page:
        yield page


@pytest.fixture
def served(client: redis.Redis) -> Iterator[Served]:
    """A service whose worker rests until a test lets it work."""
    with serve(make_house(client)) as served:
        served.resting.set()
        yield served


@pytest.fixture
def still(served: Served) -> Iterator[Page]:
    """The page of a service that rests."""
    with browse(served.url) as page:
        yield page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 26 scans, three of which are no pictures: more than the page shows one by one."""
    for number in range(26):
        write_picture(tmp_path / f"{number:02}.png", seed=number)
    for number in (3, 14, 15):
        (tmp_path / f"{number:02}.png").write_text("this is no picture")
    return tmp_path


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
def test_many_photos_are_figures_and_a_page_of_pictures(still: Page, served: Served, folder: Path) -> None:
    """A job of many photos shows figures, twelve pictures a page, its failures by code, and a report of all."""
    served.resting.clear()
    still.set_input_files("#files", sorted(folder.iterdir()))
    job = still.locator(".job")
    expect(job.locator(".badge")).to_have_text("Done, 3 failed", timeout=30_000)
    expect(job.locator(".figure.succeeded dd")).to_have_text("23")
    expect(job.locator(".failures .reason")).to_have_text("3 The file is no picture not_a_picture")
    expect(job.locator(".prospect")).to_contain_text("Trying once more would end the same way")
    expect(job.get_by_role("button", name="Close: take these photos off this page")).to_be_visible()
    expect(job.get_by_role("button", name="Retry")).to_have_count(0)
    pager = job.get_by_role("group", name="Pictures")
    expect(pager).to_contain_text(re.compile("Pictures 1.12 of 23"))
    pager.get_by_role("button", name="Next").press("Enter")
    expect(pager).to_contain_text(re.compile("Pictures 13.23 of 23"))
    expect(still.locator("#news")).to_have_text(re.compile("Pictures 13.23 of 23"))
    expect(job.locator(".card .name").first).to_have_text("13.png")
    expect(job.locator(".card")).to_have_count(11)
    expect(pager.get_by_role("button", name="Previous")).to_be_focused()
    with still.expect_download() as download:
        job.get_by_role("link", name="Report of all photos").click()
    assert Path(download.value.path()).read_text().count("not_a_picture") == 3


@pytest.mark.slow
def test_a_retry_is_offered_where_it_can_help(still: Page) -> None:
    """Not where the files are the reason; with words where that is so of some, or a limit has to be raised first."""
    ask = "([codes, all]) => import('/static/codes.js').then((it) => it.prospect(codes, all))"
    corrupt, limit, lost = "corrupt", "too_many_pixels", "worker_lost"
    file_words = "Photos whose file is the reason will fail once more."
    for codes, everything, sensible, words in (
        ([corrupt], True, False, "Trying once more would end the same way: the files themselves are the reason."),
        ([corrupt], False, True, file_words),
        ([lost], True, True, ""),
        ([corrupt, lost], True, True, file_words),
        ([], True, True, ""),
        ([limit], True, True, "Photos beyond a limit will fail until whoever runs this server has raised it."),
    ):
        assert still.evaluate(ask, [codes, everything]) == {"sensible": sensible, "words": words}


@pytest.mark.slow
def test_failures_are_looked_at_again_where_the_job_ended_meanwhile(still: Page) -> None:
    """An answer that was asked for before the end is not taken for all of them."""
    look = """async () => {
        const { Failures } = await import('/static/failures.js');
        const node = document.getElementById('job-template').content.firstElementChild.cloneNode(true);
        document.body.append(node);
        const job = (failed) => ({ id: 'x', total: 100, counts: { failed } });
        const items = ['corrupt', 'worker_lost'].map((code) => ({ code, filename: 'a.png', detail: '' }));
        return new Promise((resolve) => {
            let asked = 0;
            window.fetch = async () => {
                asked += 1;
                if (asked === 1) failures.show(job(2), true);
                return new Response(JSON.stringify({ items: items.slice(0, asked), next: null }));
            };
            const failures = new Failures(node, (codes) => codes.length === 2 && resolve(codes));
            failures.show(job(1), false);
            node.querySelector('.failures').open = true;
            setTimeout(() => resolve([]), 5000);
        });
    }"""
    assert still.evaluate(look) == ["corrupt", "worker_lost"]


@pytest.mark.slow
def test_a_job_is_paused_moved_canceled_and_retried(still: Page, served: Served, folder: Path) -> None:
    """The controls work from the keyboard, are there only while they make sense, and cancel asks first."""
    still.set_input_files("#files", sorted(folder.iterdir()))
    job, badge = still.locator(".job").first, still.locator(".job .badge").first
    pause, cancel = job.locator(".pause"), job.get_by_role("button", name="Cancel", exact=True)
    expect(badge).to_have_text("Waiting its turn")
    expect(job.get_by_role("button", name="Retry")).to_have_count(0)
    pause.press("Enter")
    expect(badge).to_have_text("Paused")
    expect(job.locator(".outlook")).to_have_text("Nothing more begins until you resume it.")
    expect(pause).to_have_text("Resume")
    expect(pause).to_be_focused()
    pause.press("Enter")
    expect(badge).to_have_text("Waiting its turn")
    with still.expect_response("**/priority") as moved:
        job.get_by_label("Priority").select_option("high")
    assert moved.value.json()["priority"] == "high"
    cancel.press("Enter")
    dialog = still.get_by_role("dialog", name="Cancel this job?")
    expect(dialog).to_contain_text("26 photos will stay without color.")
    still.keyboard.press("Escape")
    expect(cancel).to_be_focused()
    assert served.count("POST", "/v1/jobs/") == 3
    cancel.press("Enter")
    dialog.get_by_role("button", name="Cancel the job").press("Enter")
    expect(badge).to_have_text("Stopping")
    expect(job.locator("h2")).to_be_focused()
    expect(cancel).to_be_hidden()
    expect(pause).to_be_hidden()
    sweeper = served.house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    expect(badge).to_have_text("Canceled", timeout=10_000)
    job.get_by_role("button", name="Retry 26 canceled").press("Enter")
    expect(still.locator(".job")).to_have_count(2)
    expect(job.locator("h2")).to_be_focused()
    expect(job.locator(".when")).to_contain_text("Retry, sent")
    expect(badge).to_have_text("Waiting its turn")


@pytest.mark.slow
def test_nobody_asks_while_the_tab_is_hidden(still: Page, served: Served, folder: Path) -> None:
    """The page polls with the job's ETag, not while nobody sees it, and says in words why a control was refused."""
    with still.expect_response("**/v1/jobs") as submitted:
        still.set_input_files("#files", sorted(folder.iterdir()))
    address = submitted.value.json()["links"]["self"]
    with still.expect_response(lambda answer: answer.url.endswith(address) and answer.status == 304):
        pass
    still.clock.install()
    still.reload()
    expect(still.locator(".job .badge")).to_have_text("Waiting its turn")
    still.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    # Each turn fires the page's timers, and then waits for the answer to whatever they made it ask.
    asked = []
    for _ in range(4):
        still.clock.run_for(60_000)
        still.evaluate("fetch('healthz').then((answer) => answer.text())")
        asked.append(served.count("GET", address))
    assert asked[1:] == asked[1:2] * 3
    assert served.house.http().post(f"{address}/cancel").status_code == 202
    still.get_by_role("button", name="Pause").click()
    expect(still.get_by_role("alert")).to_contain_text("There is nothing left to stop or to move.")
    still.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(still.locator(".job .badge")).to_have_text("Stopping")


@pytest.mark.slow
def test_a_server_that_comes_back_is_waited_for(still: Page, photos: Path) -> None:
    """A job that the server cannot tell of yet is told as such, and shown as soon as it is back."""
    with still.expect_response("**/v1/jobs") as submitted:
        still.set_input_files("#files", photos / "nipomo.jpg")
    address = submitted.value.json()["links"]["self"]
    said = '{"code": "job_recovering", "detail": "The job is coming back.", "status": 503}'
    still.route(
        f"**{address}", lambda route: route.fulfill(status=503, body=said, headers={"Retry-After": "1"}), times=1
    )
    still.reload()
    expect(still.get_by_role("alert")).to_contain_text("The job is coming back. (job_recovering)")
    expect(still.locator(".job .badge")).to_have_text("Waiting its turn")
    expect(still.get_by_role("alert")).to_be_hidden()


@pytest.mark.slow
def test_sending_can_be_stopped(still: Page, served: Served, folder: Path) -> None:
    """What is on its way is stopped at once, and the page says that nothing came of it."""
    still.route("**/v1/jobs", lambda route: None)
    still.set_input_files("#files", sorted(folder.iterdir()))
    still.get_by_role("button", name="Stop sending").click()
    expect(still.locator(".job .badge")).to_have_text("Not sent")
    expect(still.locator(".job .state")).to_contain_text("The server has kept nothing of it.")
    assert served.count("POST", "/v1/jobs") == 0


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


def test_every_failure_has_words_on_the_page() -> None:
    """The page can say of each code that an item may have what is wrong and what to do."""

    def codes(kind: type[PictureError]) -> set[str]:
        return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))

    said = set(re.findall(r"^  ([a-z_]+): \[", (PAGES / "codes.js").read_text(), re.MULTILINE))
    assert codes(PictureError) - {"picture_error"} <= said


@pytest.mark.parametrize(("name", "hinge"), [("OF_THE_FILE", Hinge.FILE), ("OF_A_LIMIT", Hinge.LIMIT)])
def test_the_page_knows_which_failures_come_again(name: str, hinge: Hinge) -> None:
    """The page's codes are those of the tree of errors."""
    found = re.search(rf"const {name} = \[([^\]]*)\]", (PAGES / "codes.js").read_text())
    assert found
    assert set(re.findall("[a-z_]+", found[1])) == {error.code for error in errors() if error.hinge is hinge}
