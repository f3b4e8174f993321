"""Items, their pictures and the report."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import pytest
import redis
from PIL import Image

from shared.recipes import PIPELINE_VERSION
from shared.storage.memory import MemoryStore
from tests.house import House, make_house, picture


def submit(house: House, *names: str) -> str:
    """Submits a picture a name and returns the job's address."""
    images = [(io.BytesIO(picture(seed=n)), name) for n, name in enumerate(names)]
    answer = house.http().post("/v1/jobs", data={"image": images}, content_type="multipart/form-data")
    assert answer.status_code == 202
    location: str = answer.headers["Location"]
    return location


@pytest.mark.parametrize("name", ["line\nbreak.png", "bell\x07.png", 'a "1".png', "Größe.png", "Łódź.png", "漢.png"])
def test_a_result_comes_whatever_its_master_is_called(house: House, name: str) -> None:
    """A name that no header can carry is offered as RFC 6266 says, in what can be printed, and the picture comes."""
    master = picture(seed=1)
    digest = hashlib.sha256(master).hexdigest()
    house.http().put(f"/v1/uploads/{digest}", data=master)
    answer = house.http().post("/v1/jobs", json={"items": [{"sha256": digest, "filename": name}]})
    house.work()
    for what in ("result", "preview"):
        found = house.http().get(f"{answer.headers['Location']}/items/0/{what}")
        assert found.status_code == 200
        said = found.headers["Content-Disposition"]
        assert said.isascii()
        assert said.isprintable()


def test_an_item_goes_from_queued_to_succeeded(house: House) -> None:
    """An item that is not done has no result yet; then it has a picture of its master's size."""
    location = submit(house, "box/old.png")
    item = house.http().get(f"{location}/items/0").json
    assert item["state"] == "queued"
    early = house.http().get(item["links"]["result"])
    assert (early.status_code, early.json["code"]) == (409, "not_ready")
    assert early.headers["Retry-After"] == "1"
    house.work()
    item = house.http().get(f"{location}/items/0").json
    assert item["state"] == "succeeded"
    result = house.http().get(item["links"]["result"])
    assert result.status_code == 200
    assert result.headers["Content-Type"] == "image/png"
    assert "old_colorized.png" in result.headers["Content-Disposition"]
    assert len(result.data) == item["derivative"]["size"]
    with Image.open(io.BytesIO(result.data)) as color:
        assert (color.width, color.height) == (item["derivative"]["width"], item["derivative"]["height"]) == (64, 48)
    again = house.http().get(item["links"]["result"], headers={"If-None-Match": result.headers["ETag"]})
    assert again.status_code == 304


def test_previews_and_master_are_served(house: House) -> None:
    """Both previews are small JPEGs; the master comes back byte for byte."""
    location = submit(house, "old.png")
    house.work()
    item = house.http().get(f"{location}/items/0").json
    for link in ("preview", "master_preview"):
        answer = house.http().get(item["links"][link])
        assert answer.data.startswith(b"\xff\xd8\xff")
        assert answer.headers["Content-Type"] == "image/jpeg"
    assert house.http().get(f"{location}/items/0/preview?of=nothing").status_code == 422
    master = house.http().get(item["links"]["master"])
    assert master.data == picture()
    assert master.headers["Content-Type"] == "image/png"


def test_without_previews_the_answer_is_404(client: redis.Redis) -> None:
    """A server that makes no previews says that there is none."""
    house = make_house(client, previews="none")
    location = submit(house, "old.png")
    house.work()
    assert house.http().get(f"{location}/items/0/preview").json["code"] == "not_found"


def test_items_are_paged_and_filtered(house: House) -> None:
    """Pages follow each other by cursor; a filter by state leaves the order."""
    location = submit(house, *(f"{n}.png" for n in range(5)))
    first = house.http().get(f"{location}/items?limit=2").json
    assert [row["number"] for row in first["items"]] == [0, 1]
    second = house.http().get(f"{location}/items?limit=2&cursor={first['next']}").json
    assert [row["number"] for row in second["items"]] == [2, 3]
    assert house.http().get(f"{location}/items?state=succeeded").json["items"] == []
    house.work()
    done = house.http().get(f"{location}/items?state=succeeded&limit=3&cursor=1").json
    assert [row["number"] for row in done["items"]] == [1, 2, 3]
    assert done["next"] == 4
    rest = house.http().get(f"{location}/items?state=succeeded&limit=3&cursor=4").json
    assert [row["number"] for row in rest["items"]] == [4]
    assert rest["next"] is None
    assert house.http().get(f"{location}/items?cursor=9").json == {"items": [], "next": None}


def test_a_running_job_shows_each_state(house: House) -> None:
    """While a job runs its items show queued, running, succeeded and failed, from the index and the records."""
    location = submit(house, *(f"{n}.png" for n in range(4)))
    job_id = location.rsplit("/", 1)[-1]
    index, ledger = house.services.index, house.services.ledger
    job = ledger.read_job("default", job_id)
    assert job is not None
    (claim,), _ = (
        index.claim(job.recipe.model, pipeline=PIPELINE_VERSION, owner=f"host/{n}", host="host", lease=9)
        for n in range(2)
    )
    fetched = _fetch(house, claim)
    _keep(house, fetched)
    rows = house.http().get(f"{location}/items").json["items"]
    assert [row["state"] for row in rows] == ["succeeded", "running", "queued", "queued"]
    assert rows[0]["derivative"]["sha256"]
    assert house.http().get(f"{location}/items/1").json["state"] == "running"
    report = house.http().get(f"{location}/report").text
    assert [json.loads(line)["number"] for line in report.splitlines()] == [0]


def _fetch(house: House, claim: Any) -> Any:
    from worker import attempts  # noqa: PLC0415

    job = house.services.ledger.read_job("default", claim.job)
    assert job is not None
    return attempts.fetch(house.shop, claim, job, house.services.ledger.read_item(job, claim.item))


def _keep(house: House, fetched: Any) -> None:
    from worker import attempts  # noqa: PLC0415
    from worker.leases import Leases  # noqa: PLC0415

    leases = Leases(house.shop.index, house.shop.clock, seconds=9, overdue=print)
    colored = attempts.color(house.shop, leases, fetched)
    fetched.close()
    assert isinstance(colored, attempts.Colored)
    attempts.keep(house.shop, colored)
    colored.close()


def test_the_report_has_a_row_an_item(house: House) -> None:
    """The report lists every item once, as JSON lines and as CSV that no spreadsheet runs."""
    location = submit(house, "=cmd.png", "b.png")
    house.work()
    rows = [json.loads(line) for line in house.http().get(f"{location}/report.jsonl").text.splitlines()]
    assert [row["number"] for row in rows] == [0, 1]
    assert rows[0]["delta_l"]["max"] < 0.6
    assert rows[0]["attempts"] == 1
    answer = house.http().get(f"{location}/report.csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["filename"] for line in table] == ["'=cmd.png", "b.png"]
    assert table[1]["derivative_sha256"] == rows[1]["derivative"]["sha256"]


def test_results_may_be_links(client: redis.Redis) -> None:
    """Where the storage offers links the result is a redirect to one, or the link for a page that cannot follow it."""

    class Linking(MemoryStore):
        def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
            return f"https://files.example.org/{key}?for={filename}&type={media_type}&seconds={seconds}"

    house = make_house(client, store=Linking())
    location = submit(house, "old.png")
    house.work()
    answer = house.http().get(f"{location}/items/0/result")
    assert answer.status_code == 302
    assert "old_colorized.png" in answer.headers["Location"]
    told = house.http().get(f"{location}/items/0/result", headers={"Accept": "text/uri-list, */*"})
    assert (told.status_code, told.mimetype, told.text) == (200, "text/uri-list", answer.headers["Location"])


def test_a_failed_item_has_no_result(house: House) -> None:
    """A failed item answers 409 with its own code; its master is still there."""
    data = {"image": [(io.BytesIO(picture()[:150]), "cut.png"), (io.BytesIO(picture()), "b.png")]}
    location = house.http().post("/v1/jobs", data=data, content_type="multipart/form-data").headers["Location"]
    house.work()
    answer = house.http().get(f"{location}/items/0/result")
    assert (answer.status_code, answer.json["code"]) == (409, "item_failed")
    assert answer.json["item_code"] in ("truncated", "corrupt")
    assert house.http().get(f"{location}/items/0/master").data == picture()[:150]


@pytest.mark.parametrize("path", ["items", "report", "report.csv", "items/0", "items/0/master"])
def test_unknown_jobs_have_nothing(house: House, path: str) -> None:
    """Everything below an unknown job is 404."""
    assert house.http().get(f"/v1/jobs/01a20ab1-472a-77b3-875d-7f44aacf8c22/{path}").status_code == 404
