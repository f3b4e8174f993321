"""Deleting jobs over HTTP, and submissions beside deletions and prunes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from api import answers
from shared import layout
from shared.condemned import STALE_SECONDS, condemn
from shared.deletion import delete
from shared.ids import new_id
from tests.api.test_jobs import image, post, store_master
from tests.house import House, picture

KEY = {"Idempotency-Key": "scan-17"}


def submit_json(house: House, *masters: str, **headers: str) -> Any:
    """Submits masters that are stored."""
    items = [{"sha256": master, "filename": "a.png"} for master in masters]
    return house.http().post("/v1/jobs", json={"items": items}, headers=headers)


def test_a_job_is_deleted_once_it_has_ended(house: House) -> None:
    """Before its end 409 says what to do; then it is gone under every address, and a second deletion finds nothing."""
    location = post(house, image=image()).headers["Location"]
    early = house.http().delete(location)
    assert (early.status_code, early.json["code"]) == (409, "job_not_ended")
    assert "cancel it first" in early.json["detail"]
    house.work()
    answer = house.http().delete(location)
    assert (answer.status_code, answer.data) == (204, b"")
    for path in ("", "/items", "/items/0", "/items/0/result", "/report"):
        assert house.http().get(location + path).status_code == 404
    assert house.http().delete(location).status_code == 404
    assert house.http().post(f"{location}/cancel").status_code == 404
    assert house.http().get("/v1/jobs").json["jobs"] == []
    assert house.http().delete("/v1/jobs/nonsense").status_code == 404
    assert house.http().delete(f"/v1/jobs/{new_id()}").status_code == 404


def test_a_canceling_job_is_waited_for(house: House) -> None:
    """A job with items in hand is canceled at their end, and only then deleted."""
    answer = post(house, image=[image(), image(picture(seed=1))])
    recipe = answer.json["recipe"]
    claimed = house.shop.index.claim(recipe["model"], pipeline=recipe["pipeline"], owner="h/1", host="h", lease=9)
    assert claimed
    location = answer.headers["Location"]
    house.http().post(f"{location}/cancel")
    early = house.http().delete(location)
    assert early.json["code"] == "job_not_ended"
    assert "wait for its end" in early.json["detail"]
    assert house.shop.index.release(claimed[0]).job
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    assert house.http().delete(location).status_code == 204


def test_jobs_share_pictures_but_not_their_end(house: House) -> None:
    """A deletion takes no picture from another job, and the same submission again costs nothing."""
    first, second = (post(house, image=image()).headers["Location"] for _ in range(2))
    house.work()
    assert house.http().delete(first).status_code == 204
    assert house.http().get(f"{second}/items/0/result").status_code == 200
    assert house.http().get(f"{second}/items/0/preview").status_code == 200
    third = post(house, image=image()).headers["Location"]
    house.work()
    assert json.loads(house.http().get(f"{third}/report").text)["already_made"] is True


def test_a_deletion_frees_the_key(house: House) -> None:
    """The Idempotency-Key of a deleted job makes a new job, and that one has all its items."""
    first = post(house, KEY, image=image())
    house.work()
    assert house.http().delete(first.headers["Location"]).status_code == 204
    again = post(house, KEY, image=image())
    assert again.status_code == 202
    assert again.json["id"] != first.json["id"]
    assert post(house, KEY, image=image()).json["id"] == again.json["id"]
    assert house.work() == 1
    assert house.http().get(again.headers["Location"]).json["counts"]["succeeded"] == 1


def test_a_sleeper_does_not_bring_a_deleted_job_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat that fell asleep while it finished a submission finds the job deleted; the next makes a new one."""
    first = post(house, KEY, image=image()).json["id"]
    job = house.shop.ledger.read_job("default", first)
    assert job
    house.store.delete(layout.job("default", first))
    real = answers.is_whole

    def slept(*how: Any) -> bool:
        monkeypatch.setattr(answers, "is_whole", real)
        whole = real(*how)
        house.shop.ledger.commit(job)
        house.work()
        delete(house.shop.ledger, house.shop.index, "default", first)
        return whole

    monkeypatch.setattr(answers, "is_whole", slept)
    late = post(house, KEY, image=image())
    assert (late.status_code, late.json["code"]) == (503, "unavailable")
    again = post(house, KEY, image=image())
    assert again.status_code == 202
    assert again.json["id"] != first
    assert [info.key for info in house.store.list("") if first in info.key] == []
    assert house.shop.index.live_jobs() == [again.json["id"]]


def test_unknown_masters_leave_nothing_behind(house: House) -> None:
    """A submission that names masters that are not stored removes what it wrote."""
    known = store_master(house, picture())
    answer = submit_json(house, known, "e" * 64, **KEY)
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_masters")
    assert [info.key for info in house.store.list("")] == [layout.master("default", known)]


def test_condemned_masters_are_not_relied_on(house: House) -> None:
    """While a prune touches a master its submission is put off, whole, until the prune is over or dead."""
    clock = house.services.clock
    data = picture()
    master = store_master(house, data)
    record = condemn(house.store, clock, "default", [master, "e" * 64])
    for answer in (submit_json(house, master, **KEY), post(house, KEY, image=image(data))):
        assert (answer.status_code, answer.json["code"]) == (503, "masters_condemned")
        assert int(answer.headers["Retry-After"]) > 0
    assert {info.key for info in house.store.list("")} == {record, layout.master("default", master)}
    other = store_master(house, picture(seed=1))
    assert submit_json(house, other).status_code == 202
    clock.sleep(STALE_SECONDS + 1)
    assert submit_json(house, master).status_code == 202, "a dead prune holds nobody up for ever"
    assert hashlib.sha256(data).hexdigest() == master
