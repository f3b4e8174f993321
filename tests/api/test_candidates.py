"""Candidates, uncertainty and the review, as clients see them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import redis
from PIL import Image

from tests.house import House, make_house, picture


def submit(house: House, count: int = 1, **recipe: object) -> str:
    """Submits pictures under a recipe and returns the job's address."""
    images = [(io.BytesIO(picture(300, 200, seed=n)), f"box/{n}.png") for n in range(count)]
    data = {"image": images, "recipe": json.dumps(recipe)}
    answer = house.http().post("/v1/jobs", data=data, content_type="multipart/form-data")
    assert answer.status_code == 202
    location: str = answer.headers["Location"]
    return location


def test_candidates_are_listed_and_fetched(house: House) -> None:
    """Each candidate has its temperature, figures and links; the item's own links are those of the first."""
    location = submit(house, candidates=[0.7, 0.2])
    queued = house.http().get(f"{location}/items/0").json
    assert (queued["candidates"], queued["uncertainty"]) == ([], None)
    house.work()
    assert house.http().get(location).json["recipe"]["candidates"] == [0.7, 0.2]
    item = house.http().get(f"{location}/items/0").json
    assert [candidate["temperature"] for candidate in item["candidates"]] == [0.7, 0.2]
    assert item["derivative"] == item["candidates"][0]["derivative"]
    names = ["0_colorized.png", "0_colorized-t0.200.png"]
    for candidate, name in zip(item["candidates"], names, strict=True):
        result = house.http().get(candidate["links"]["result"])
        assert len(result.data) == candidate["derivative"]["size"]
        assert name in result.headers["Content-Disposition"]
        assert result.headers["ETag"].strip('"') == candidate["derivative"]["sha256"]
    first, second = (house.http().get(candidate["links"]["preview"]) for candidate in item["candidates"])
    assert first.data != second.data
    assert first.headers["ETag"] != second.headers["ETag"]
    assert (
        house.http().get(item["links"]["result"]).data
        == house.http().get(f"{location}/items/0/result?candidate=0").data
    )
    assert house.http().get(item["links"]["preview"]).data == first.data


@pytest.mark.parametrize("what", ["result", "preview"])
def test_a_candidate_that_is_not_there(house: House, what: str) -> None:
    """A candidate beyond the recipe's is 404 with limit and value seen; one that is no place is refused."""
    location = submit(house, candidates=[0.7, 0.2])
    plain = submit(house)
    house.work()
    for path, limit in ((location, 1), (plain, 0)):
        answer = house.http().get(f"{path}/items/0/{what}?candidate=2")
        assert (answer.status_code, answer.json["limit"], answer.json["seen"]) == (404, limit, 2)
    for false in ("-1", "x", "1.5"):
        assert house.http().get(f"{location}/items/0/{what}?candidate={false}").status_code == 422
    assert house.http().get(f"{location}/items/0/preview?candidate=1&of=master").json["code"] == "invalid_request"


@pytest.mark.parametrize(
    "recipe", [{"candidates": [0.2], "temperature": 0.2}, {"candidates": [0.2, 0.2]}, {"candidates": 0.2}]
)
def test_bad_candidates_are_refused(house: House, recipe: dict[str, Any]) -> None:
    """Both ways to submit refuse candidates that do not hold."""
    form = {"image": (io.BytesIO(picture()), "a.png"), "recipe": json.dumps(recipe)}
    assert house.http().post("/v1/jobs", data=form, content_type="multipart/form-data").json["code"] == "invalid_recipe"
    digest = house.http().get(f"{submit(house)}/items/0").json["master"]
    body = {"recipe": recipe, "items": [{"sha256": digest, "filename": "a.png"}]}
    assert house.http().post("/v1/jobs", json=body).status_code == 422


def test_other_candidates_are_another_request(house: House) -> None:
    """An Idempotency-Key that was used with other candidates is refused."""

    def post(candidates: list[float]) -> int:
        form = {"image": (io.BytesIO(picture()), "a.png"), "recipe": json.dumps({"candidates": candidates})}
        headers = {"Idempotency-Key": "k"}
        return house.http().post("/v1/jobs", data=form, content_type="multipart/form-data", headers=headers).status_code

    assert [post([0.2, 0.4]), post([0.2, 0.4]), post([0.4, 0.2])] == [202, 202, 422]


def test_uncertainty_is_shown(house: House) -> None:
    """The item has the figures, and a map as large as its preview that is not the preview."""
    location = submit(house)
    early = house.http().get(f"{location}/items/0/uncertainty")
    assert (early.status_code, early.json["code"]) == (409, "not_ready")
    house.work()
    item = house.http().get(f"{location}/items/0").json
    assert 0 < item["uncertainty"]["mean"] < item["uncertainty"]["p95"] < 1
    answer, preview = (house.http().get(item["links"][name]) for name in ("uncertainty", "preview"))
    assert answer.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.data)) as shown, Image.open(io.BytesIO(preview.data)) as beside:
        assert shown.size == beside.size == (300, 200)
    again = house.http().get(item["links"]["uncertainty"], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_without_previews_there_is_no_map(client: redis.Redis) -> None:
    """A server that makes no previews makes no map, but has the figures."""
    house = make_house(client, previews="none")
    location = submit(house)
    house.work()
    assert house.http().get(f"{location}/items/0/uncertainty").status_code == 404
    assert house.http().get(f"{location}/items/0").json["uncertainty"]["mean"] > 0


def test_the_review_is_the_items_most_uncertain_first(house: House) -> None:
    """Before the end there is no review; then it pages through the same items as the list, sorted."""
    location = submit(house, 5)
    early = house.http().get(f"{location}/items?sort=uncertainty")
    assert (early.status_code, early.json["code"]) == (409, "not_ready")
    assert int(early.headers["Retry-After"]) >= 1
    house.work()
    listed = house.http().get(f"{location}/items").json["items"]
    wanted = sorted(listed, key=lambda item: (-item["uncertainty"]["mean"], item["number"]))
    assert wanted != listed
    first = house.http().get(f"{location}/items?sort=uncertainty&limit=3").json
    rest = house.http().get(f"{location}/items?sort=uncertainty&limit=3&cursor={first['next']}").json
    assert first["items"] + rest["items"] == wanted
    assert rest["next"] is None
    beyond = house.http().get(f"{location}/items?sort=uncertainty&cursor=9").json
    assert beyond == {"items": [], "next": None}
    for query in ("sort=uncertainty&state=succeeded", "sort=size"):
        assert house.http().get(f"{location}/items?{query}").status_code == 422


def test_the_report_tells_candidates_and_uncertainty(house: House) -> None:
    """JSON lines have all of it; a CSV row has the figures, and temperatures and digests of the candidates."""
    location = submit(house, candidates=[0.7, 0.2])
    house.work()
    (row,) = [json.loads(line) for line in house.http().get(f"{location}/report").text.splitlines()]
    (line,) = csv.DictReader(io.StringIO(house.http().get(f"{location}/report.csv").text))
    assert (float(line["uncertainty_mean"]), float(line["uncertainty_p95"])) == tuple(row["uncertainty"].values())
    assert line["candidate_temperatures"] == "0.700 0.200"
    assert line["candidate_sha256"].split() == [each["derivative"]["sha256"] for each in row["candidates"]]
