"""The client against the real API: large submissions, following, and what may be asked of a job."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from photochrom import Client, NoSpace, ProblemError
from photochrom.command import main
from photochrom.wire import downloads
from tests.house import write_picture
from tests.photochrom.wire.test_manners import server
from tests.served import Served


def job_of(served: Served, folder: Path, count: int = 1, **options: Any) -> tuple[Client, str]:
    """Submits one picture so many times."""
    client = Client(served.url)
    digest = client.upload(write_picture(folder / "a.png", width=16, height=12))
    items = ({"sha256": digest, "filename": f"{number}.png"} for number in range(count))
    return client, client.submit(items, **options).id


def test_more_items_than_a_document_holds_go_as_lines(served: Served, tmp_path: Path) -> None:
    """10,001 items, from an iterator, make one job; the same key finds it again."""
    client, job = job_of(served, tmp_path, 10_001, idempotency_key="k", priority="low")
    assert client.job(job).total == 10_001
    assert client.job(job).priority == "low"
    assert job_of(served, tmp_path, 10_001, idempotency_key="k", priority="low")[1] == job
    assert len(client.states(job)) == 10_001
    assert client.item(job, 10_000).data["filename"] == "10000.png"
    client.cancel(job)  # nobody sweeps here, and a job of which nothing runs is closed by the sweeper
    assert set(client.states(job)) >= {"canceled"}


def test_a_job_is_waited_for_and_told_of(served: Served, tmp_path: Path) -> None:
    """wait, events and follow all end with the job's end; a timeout that passes before it is an error."""
    client, job = job_of(served, tmp_path, 3)
    assert client.wait(job, timeout=60).counts["succeeded"] == 3
    assert [event.state for event in client.events(job)][-1] == "completed"
    assert [change.state for change in client.follow(job)] == ["completed"]
    assert list(client.states(job)) == ["succeeded"] * 3


def test_a_paused_job_waits(served: Served, tmp_path: Path) -> None:
    """Nothing of a paused job begins, so that waiting ends with TimeoutError; resumed it goes on. The command too."""
    served.resting.set()
    client, job = job_of(served, tmp_path)
    assert client.pause(job).state == "paused"
    with pytest.raises(TimeoutError, match="1 seconds"):
        client.wait(job, timeout=1)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(main, [*arguments, "--server", served.url], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "paused" in call("status", job)
    assert "high priority" in call("priority", job, "high")
    assert json.loads(call("resume", job, "--json"))["state"] in ("queued", "running")
    call("cancel", job)
    sweeper = served.house.sweeper()  # which closes what was canceled before anything began, a sweep later
    assert sweeper.sweep()
    assert sweeper.sweep()
    assert client.wait(job, timeout=60).state == "canceled"
    assert client.job(call("retry", job, "--state", "canceled").split()[0]).data["retry_of"] == job


def test_a_retry_has_what_failed(served: Served, tmp_path: Path) -> None:
    """A new job of the failed items only; where nothing failed the server refuses."""
    client = Client(served.url)
    broken = tmp_path / "broken.png"
    broken.write_bytes(write_picture(tmp_path / "a.png").read_bytes()[:200])
    files = [{"sha256": client.upload(path), "filename": path.name} for path in (tmp_path / "a.png", broken)]
    job = client.wait(client.submit(files).id)
    again = client.wait(client.retry(job.id).id)
    assert (again.total, again.counts["failed"]) == (1, 1)
    clean = client.wait(client.submit(files[:1]).id)
    with pytest.raises(ProblemError):
        client.retry(clean.id)


def test_the_queue_is_seen(served: Served) -> None:
    """The queue says how much waits and runs, also by model."""
    queue = Client(served.url).queue()
    assert queue["waiting"] == 0
    assert "lite" in queue["models"]


def test_an_older_server_is_waited_for_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not keep calls is asked again after the pause that it names."""
    pauses: list[float] = []
    job = {
        "id": "j",
        "state": "running",
        "total": 1,
        "counts": {},
        "progress": 0,
        "eta_seconds": 9,
        "waiting_for": None,
    }
    answers = {"/v1/jobs/j": (200, {"Retry-After": "7"}, json.dumps(job).encode())}

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        answers["/v1/jobs/j"] = (200, {}, json.dumps(job | {"state": "completed"}).encode())

    monkeypatch.setattr("photochrom.wire.following.time.sleep", sleep)
    with server(answers) as (url, asked):
        assert Client(url).wait("j").ended
    assert [round(pause) for pause in pauses] == [7]
    assert len(asked) == 2


def test_a_full_disk_keeps_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that would fill the disk is refused with the numbers, before a byte is written."""
    usage = type("Usage", (), {"free": 64 << 20})
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage)
    digest = hashlib.sha256(b"color").hexdigest()
    with (
        server({"/v1/jobs/j/items/0/result": (200, {}, b"color")}) as (url, _),
        pytest.raises(NoSpace, match=r"no space: .* 67 MB left"),
    ):
        Client(url).download("j", 0, tmp_path / "a.png", sha256=digest)
    assert list(tmp_path.iterdir()) == []
