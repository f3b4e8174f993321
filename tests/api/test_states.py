"""What has become of all items, at one look."""

from __future__ import annotations

import io
from typing import Any

from shared import layout
from shared.items import ItemState
from shared.recipes import PIPELINE_VERSION
from tests.house import LITE, House, picture


def submit(house: House, *pictures: bytes) -> str:
    """Submits pictures and returns the job's address."""
    images = [(io.BytesIO(data), f"{number}.png") for number, data in enumerate(pictures)]
    answer = house.http().post("/v1/jobs", data={"image": images}, content_type="multipart/form-data")
    return str(answer.headers["Location"])


def decoded(answer: Any, total: int) -> list[int]:
    """The states as docs/api.md decodes them."""
    return [answer.data[n // 4] >> 6 - n % 4 * 2 & 3 for n in range(total)]


def test_states_follow_the_job(house: House) -> None:
    """Two bits an item, while it runs, when it has ended, and after the index has forgotten it; 304 to who knows it."""
    location = submit(house, *(picture(seed=n) for n in range(4)), b"no picture")
    before = house.http().get(f"{location}/states")
    assert before.mimetype == "application/octet-stream"
    assert before.data == bytes(2)
    assert before.headers["ETag"] == house.http().get(location).headers["ETag"]
    known = {"If-None-Match": before.headers["ETag"]}
    assert house.http().get(f"{location}/states", headers=known).status_code == 304
    house.work()
    after = house.http().get(f"{location}/states", headers=known)
    assert (after.status_code, decoded(after, 5)) == (200, [1, 1, 1, 1, 2])
    assert len(after.data) == 2
    assert after.data[1] & 0x3F == 0
    house.client.flushall()
    assert house.http().get(f"{location}/states").data == after.data
    house.store.delete(layout.states("default", location.rsplit("/", 1)[-1]))
    assert house.http().get(f"{location}/states").data == after.data


def test_a_canceled_job_tells_what_still_runs(house: House) -> None:
    """In a job that is being canceled an item that a worker holds is open, the others are canceled."""
    location = submit(house, *(picture(seed=n) for n in range(3)))
    house.services.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="host/1", host="host", lease=9)
    house.http().post(f"{location}/cancel")
    assert decoded(house.http().get(f"{location}/states"), 4) == [0, 3, 3, 0]
    rows = house.http().get(f"{location}/items?state={ItemState.CANCELED}").json["items"]
    assert [row["number"] for row in rows] == [1, 2]
    assert [row["number"] for row in house.http().get(f"{location}/items?state=running").json["items"]] == [0]
    assert house.http().get(f"{location}/items?state=queued").json["items"] == []
