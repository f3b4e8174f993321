"""`/v1/models`, and names that only live workers know."""

from __future__ import annotations

import io
from typing import Any

import pytest
import redis

from shared.errors import IndexUnavailable
from shared.index.hosts import Host
from shared.recipes import PIPELINE_VERSION
from tests.house import LITE, House, make_house, picture

NOREBAL = "eccv16-norebal"


def announce(house: House, name: str, **models: str) -> None:
    """Says that a worker host with these models is alive."""
    found = {model.replace("_", "-"): digest for model, digest in models.items()}
    host = Host(name=name, slots=1, models=found, engine="cv2", pipeline=PIPELINE_VERSION)
    house.services.index.hosts.announce(host)


def listed(house: House) -> dict[str, Any]:
    """Returns the models that the API lists, by name."""
    return {model["name"]: model for model in house.http().get("/v1/models").json["models"]}


def post(house: House, model: str) -> Any:
    """Submits a photo for a model."""
    form = {"image": (io.BytesIO(picture()), "a.png"), "recipe": f'{{"model": "{model}"}}'}
    return house.http().post("/v1/jobs", data=form, content_type="multipart/form-data")


def test_models_that_only_a_worker_has_are_listed_and_taken(house: House) -> None:
    """A net that the server has never heard of, and one whose digest only a worker has recorded, can be asked for."""
    before = listed(house)
    assert list(before) == ["lite", "eccv16", NOREBAL]
    assert before[NOREBAL]["digest"] is None
    announce(house, "gpu", museum="ab" * 32, eccv16_norebal="cd" * 32)
    after = listed(house)
    assert (after["museum"]["digest"], after["museum"]["available"]) == ("ab" * 32, True)
    assert (after[NOREBAL]["digest"], after[NOREBAL]["available"]) == ("cd" * 32, True)
    assert after["lite"]["available"] is False
    for name, digest in (("museum", "ab" * 32), (NOREBAL, "cd" * 32)):
        job = post(house, name)
        assert job.status_code == 202
        assert (job.json["recipe"]["model"], job.json["model"]) == (digest, name)
        assert house.services.bells.waiting(digest) == 1


def test_a_name_that_nobody_knows_is_refused(house: House) -> None:
    """The refusal lists the names of registry and workers; for a model that was never fetched it names the command."""
    announce(house, "gpu", museum="ab" * 32)
    refused = post(house, "heavy")
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_model")
    assert refused.json["known"] == ["eccv16", NOREBAL, "lite", "museum"]
    unfetched = post(house, NOREBAL)
    assert (unfetched.status_code, unfetched.json["code"]) == (422, "unknown_model")
    assert f"`photochrom models pull {NOREBAL}`" in unfetched.json["detail"]


def test_a_name_means_one_net(house: House) -> None:
    """The server's own registry decides; a name that means two nets on two workers is refused."""
    announce(house, "one", lite="ab" * 32, museum="ab" * 32)
    announce(house, "two", museum="cd" * 32)
    assert post(house, "lite").json["recipe"]["model"] == LITE.digest
    assert listed(house)["lite"]["available"] is False
    refused = post(house, "museum")
    assert refused.status_code == 422
    assert "different nets under the name" in refused.json["detail"]


def test_without_the_index_registered_models_are_taken(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the workers cannot be asked, what is registered goes on, and another name is to be tried again later."""
    house = make_house(client)

    def away(self: object) -> None:
        raise IndexUnavailable

    monkeypatch.setattr("shared.index.hosts.Hosts.live", away)
    assert list(listed(house)) == ["lite", "eccv16", NOREBAL]
    assert post(house, "museum").status_code == 503
