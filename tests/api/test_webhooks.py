"""Webhooks at submission."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from shared import layout
from shared.jobs import Counts, Ending, JobState
from tests.api.test_jobs import image, post, store_master
from tests.house import House, make_house, picture

HOOK = "https://hooks.example.org/photochrom?token=sEcReT"


def post_json(house: House, **body: Any) -> Any:
    """Submits a stored master."""
    digest = store_master(house, picture())
    return house.http().post("/v1/jobs", json={"items": [{"sha256": digest, "filename": "a.png"}], **body})


def test_a_webhook_is_kept_and_shown_without_its_secrets(house: House) -> None:
    """Both kinds of submission take one; the job shows where it goes, not what lets one in there."""
    for answer in (post(house, image=image(), webhook=HOOK), post_json(house, webhook=HOOK)):
        assert answer.status_code == 202
        assert answer.json["webhook"] == "https://hooks.example.org/…"
        job = house.services.ledger.read_job("default", answer.json["id"])
        assert job is not None
        assert job.webhook == HOOK
        assert "sEcReT" not in house.http().get(answer.headers["Location"]).text
    assert post(house, image=image()).json["webhook"] is None
    assert post_json(house, webhook=None).json["webhook"] is None


@pytest.mark.parametrize(
    "webhook", ["http://example.org/", "https://10.0.0.1/", "https://a:b@example.org/", "", "x" * 1025]
)
def test_a_bad_webhook_makes_no_job(house: House, webhook: str) -> None:
    """It is refused with the field's name, by both kinds of submission, and nothing is left behind."""
    for answer in (post(house, image=image(), webhook=webhook), post_json(house, webhook=webhook)):
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
        assert answer.json["field"] == "webhook"
    assert list(house.store.list(layout.OPEN)) == []


def test_one_webhook_a_job(house: House) -> None:
    """A second field is refused and not ignored, and so is one that is no text."""
    twice = post(house, image=image(), webhook=[HOOK, HOOK])
    assert (twice.status_code, twice.json["field"]) == (422, "webhook")
    assert post_json(house, webhook=[HOOK]).json["field"] == "webhook"


def test_a_webhook_belongs_to_what_was_asked_for(house: House) -> None:
    """Under the same Idempotency-Key the same webhook gives the same job, another one is refused."""
    key = {"Idempotency-Key": "k"}
    first = post(house, key, image=image(), webhook=HOOK)
    assert post(house, key, image=image(), webhook=HOOK).json["id"] == first.json["id"]
    for other in ({"webhook": "https://example.org/"}, {}):
        again = post(house, key, image=image(), **other)
        assert (again.status_code, again.json["code"]) == (422, "idempotency_mismatch")


def test_an_intranet_may_have_its_own_receiver(client: redis.Redis) -> None:
    """What the operator allows is taken."""
    house = make_house(client, webhook_allow="10.1.0.0/16", webhook_ports="443,8080", webhook_insecure=True)
    assert post(house, image=image(), webhook="http://10.1.2.3:8080/").status_code == 202
    assert post(house, image=image(), webhook="http://10.2.2.3:8080/").status_code == 422


def test_an_ended_job_shows_its_webhook_from_storage(house: House) -> None:
    """After the index has gone, too."""
    made = post(house, image=image(), webhook=HOOK)
    job = house.services.ledger.read_job("default", made.json["id"])
    assert job is not None
    house.services.ledger.finish(job, Ending(state=JobState.COMPLETED, counts=Counts(succeeded=1), finished=1.0))
    house.client.flushall()
    assert house.http().get(made.headers["Location"]).json["webhook"] == "https://hooks.example.org/…"
    assert len(list(house.store.list(layout.HOOKS))) == 1
