"""`photochrom retry`: it says what a retry changes nothing about, and makes no job where that is all there is."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator

import pytest
import redis
from click.testing import CliRunner, Result

from api.keys import Scope, create_key
from photochrom import Client
from photochrom.command import main
from photochrom.wire.prospects import OF_A_LIMIT, OF_THE_FILE, prospect
from photochrom.wire.records import Item
from shared import layout
from shared.errors import Hinge, errors
from tests.house import make_house, picture
from tests.served import Served, serve

#: Two files that end before the picture does, and one of more bytes than the house takes.
CUT, SHORT, TOO_LARGE = picture()[:200], picture(seed=1)[:200], b"\0" * 50_001


@pytest.fixture
def served(client: redis.Redis) -> Iterator[Served]:
    """A service that takes small files only, and rests."""
    with serve(make_house(client, max_bytes=50_000)) as served:
        served.resting.set()
        yield served


def ended_job(served: Served, *pictures: bytes, gone: bytes = b"") -> str:
    """Returns the id of an ended job of pictures; `gone` is one more, which storage lacked while it was worked on."""
    house, images = served.house, [*pictures, gone] if gone else pictures
    files = [(io.BytesIO(data), f"{number}.png") for number, data in enumerate(images)]
    answer = house.http().post("/v1/jobs", data={"image": files})
    assert answer.status_code == 202, answer.json
    key = layout.master("default", hashlib.sha256(gone).hexdigest())
    house.store.delete(key)
    house.work()
    if gone:
        house.store.put_if_absent(key, gone)
    return str(answer.json["id"])


def retry(served: Served, *arguments: str) -> Result:
    """Calls the command."""
    return CliRunner().invoke(main, ["retry", *arguments, "--server", served.url], catch_exceptions=False)


def test_what_will_fail_again_is_told(served: Served) -> None:
    """The new job has all whose bytes are there; the command says by code what fails again and what was left out."""
    job = ended_job(served, picture(), CUT, SHORT, TOO_LARGE, gone=picture(seed=9))
    said = retry(served, job, "--json")
    assert (said.exit_code, json.loads(said.stdout)["total"]) == (0, 3)
    again, lost = said.stderr.splitlines()
    assert again == (
        "2 items will fail again, since the file itself is the reason: 2 truncated. "
        "Submit another copy or scan instead."
    )
    assert lost == (
        "1 item will be left out, since the server did not keep the bytes: 1 too_large. Submit it again once it fits."
    )


def test_what_may_succeed_needs_no_words(served: Served) -> None:
    """A failure that came from outside is retried without a word."""
    said = retry(served, ended_job(served, picture(), gone=picture(seed=9)))
    assert (said.exit_code, said.stderr) == (0, "")


def test_a_retry_in_vain_makes_no_job(served: Served) -> None:
    """Where the files are the reason of all failures the command says so and stops, unless it is told to go on."""
    job = ended_job(served, picture(), CUT, TOO_LARGE)
    said = retry(served, job)
    assert (said.exit_code, said.stdout) == (2, "")
    assert "Nothing was retried" in said.stderr
    assert "1 item would fail again, since the file itself is the reason: 1 truncated." in said.stderr
    assert "1 item would be left out" in said.stderr
    assert f"photochrom report {job}" in said.stderr
    assert len(Client(served.url).jobs()) == 1
    assert retry(served, job, "--anyway").exit_code == 0
    assert len(Client(served.url).jobs()) == 2


def test_what_was_canceled_is_retried_beside_what_is_in_vain(served: Served) -> None:
    """Items that were canceled may succeed: the command goes on where they are asked for."""
    job = ended_job(served, picture(), CUT)
    assert retry(served, job, "--state", "failed", "--state", "canceled").exit_code == 0


def test_the_server_refuses_first(served: Served) -> None:
    """A job that goes on, and one of which nothing failed, are told by the server's own codes."""
    answer = served.house.http().post("/v1/jobs", data={"image": [(io.BytesIO(CUT), "a.png")]})
    assert "[job_not_ended]" in retry(served, answer.json["id"]).stderr
    served.house.work()
    assert "[nothing_to_retry]" in retry(served, ended_job(served, picture())).stderr


def test_a_key_that_may_not_look_retries(served: Served) -> None:
    """A key that only submits gets its new job, without words about the old one's failures."""
    house = served.house
    job = ended_job(served, picture(), CUT)
    key = create_key(house.store, house.services.clock, tenant="default", name="", scopes=(Scope.SUBMIT,))
    house.services.clock.sleep(31)
    said = retry(served, job, "--api-key", key)
    assert (said.exit_code, said.stderr) == (0, "")
    assert job in retry(served, job, "--api-key", key, "--json").stdout


@pytest.mark.parametrize(
    ("code", "facts", "kind"),
    [
        ("corrupt", {"master": "ab"}, "file"),
        ("too_many_pixels", {"master": "ab"}, "limit"),
        ("too_large", {"master": None}, "lost"),
        # Its line in the manifest may be back.
        ("manifest_damaged", {"master": None}, "open"),
        # Another object may lie there by now.
        ("corrupt", {"master": "ab", "source": "s3://scans/a.tif"}, "open"),
        # A later server's.
        ("never_heard_of", {"master": "ab"}, "open"),
    ],
)
def test_prospects(code: str, facts: dict[str, str | None], kind: str) -> None:
    """Each failure is of one kind, by its code and by whether its bytes are there."""
    item = Item(number=0, state="failed", code=code, detail="", warnings=(), derivative=None, data=facts)
    found = prospect([item, item])
    assert {name: getattr(found, name) for name in ("file", "limit", "lost", "open")} == {
        name: Counter({code: 2} if name == kind else {}) for name in ("file", "limit", "lost", "open")
    }
    assert found.hopeless == (kind in ("file", "lost"))


def test_a_prospect_of_nothing_is_not_hopeless() -> None:
    """Where nothing failed it is for the server to say so."""
    assert not prospect([]).hopeless


def test_the_client_knows_what_the_server_knows() -> None:
    """The client's codes are those of the tree of errors."""
    assert {error.code for error in errors() if error.hinge is Hinge.FILE} == OF_THE_FILE
    assert {error.code for error in errors() if error.hinge is Hinge.LIMIT} == OF_A_LIMIT
