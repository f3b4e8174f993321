"""`photochrom webhooks`, and `photochrom sweep` that delivers them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

from photochrom import verify_webhook
from photochrom.command import main
from shared.ids import new_id
from shared.jobs import Counts, Ending, JobState
from shared.storage.directory import DirectoryStore
from tests.house import House, make_house, picture
from tests.worker.webhooks.receivers import OK, Receiver, says, status


@pytest.fixture
def house(client: redis.Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose storage and Valkey the commands find, and which may call any port of this machine."""
    settings = {"webhook_allow": "127.0.0.0/8", "webhook_insecure": "true"}
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", str(tmp_path / "objects"))
    monkeypatch.setenv("PHOTOCHROM_REDIS_URL", redis_url)
    for name, value in settings.items():
        monkeypatch.setenv(f"PHOTOCHROM_{name.upper()}", value)
    return make_house(client, store=DirectoryStore(tmp_path / "objects", fsync=False))


def run(*arguments: str) -> Result:
    """Runs a command in this process."""
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def submit(house: House, **form: object) -> str:
    """Submits a photo and returns the job's id."""
    form = {"image": (io.BytesIO(picture()), "a.png"), **form}
    answer = house.http().post("/v1/jobs", data=form, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.text
    return str(answer.json["id"])


def finish(house: House, job_id: str) -> None:
    """Records that the job has ended."""
    job = house.services.ledger.read_job("default", job_id)
    assert job is not None
    house.services.ledger.finish(job, Ending(state=JobState.COMPLETED, counts=Counts(failed=1), finished=1.0))


def test_webhooks_are_listed_shown_and_replayed(
    house: House, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed is listed with its attempts, a replay sends it again under the same id, and the log has it all."""
    with Receiver(manners=says(status(500), OK)).listening() as receiver:
        monkeypatch.setenv("PHOTOCHROM_WEBHOOK_PORTS", str(receiver.port))
        house = make_house(
            client,
            store=house.store,
            webhook_allow="127.0.0.0/8",
            webhook_insecure=True,
            webhook_ports=str(receiver.port),
        )
        job = submit(house, webhook=f"http://127.0.0.1:{receiver.port}/in?token=sEcReT")
        assert "has not ended" in run("webhooks", "show", job).stdout
        assert run("webhooks", "replay", job).exit_code == 2
        finish(house, job)
        assert job in run("webhooks", "list").stdout
        assert run("sweep", "--once").stdout == "Swept.\n"
        listed = run("webhooks", "list").stdout
        assert "pending" in listed
        assert "500" in listed
        assert "sEcReT" not in listed
        shown = run("webhooks", "show", job).stdout
        assert "The receiver answered 500." in shown
        assert f"http://127.0.0.1:{receiver.port}/in?token=sEcReT" in shown
        assert "with its next sweep" in run("webhooks", "replay", job).stdout
        client.delete("pc:sweeper")
        run("sweep", "--once")
        assert "delivered" in run("webhooks", "list").stdout
        assert "The receiver has it." in run("webhooks", "show", job).stdout
        secret = run("webhooks", "secret").stdout.strip()
        (first, second), bodies = receiver.heads(), receiver.bodies()
        assert first["webhook-id"] == second["webhook-id"]
        assert verify_webhook(secret, second, bodies[1])["data"]["id"] == job


def test_a_secret_is_shown_and_rotated(house: House) -> None:
    """The same one is printed until it is rotated; then the new one, and until when the old one signs."""
    first = run("webhooks", "secret", "--tenant", "museum").stdout
    assert first.startswith("whsec_")
    assert run("webhooks", "secret", "--tenant", "museum").stdout == first
    assert run("webhooks", "secret").stdout != first
    rotated = run("webhooks", "secret", "--tenant", "museum", "--rotate")
    assert rotated.stdout != first
    assert "signs, too, until 20" in rotated.stderr
    assert first.strip() not in rotated.output


def test_other_jobs_are_told_apart(house: House) -> None:
    """An id that is none, an unknown one, and a job without a webhook are refused in words."""
    plain, unknown = submit(house), new_id()
    for job, code in ((plain, "invalid_request"), ("x", "not_found"), (unknown, "not_found")):
        for command in ("show", "replay"):
            refused = run("webhooks", command, job)
            assert refused.exit_code == 2
            assert f"[{code}]" in refused.stderr
    assert run("webhooks", "list").stdout == ""
