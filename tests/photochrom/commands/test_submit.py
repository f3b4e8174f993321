"""`photochrom submit` and the client, against the real API and a worker in this process."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.keys import create_key
from photochrom import Client, DownloadDamaged, InUse, ProblemError, ServerUnreachable
from photochrom.bulk import gathering
from photochrom.bulk.state import State
from photochrom.bulk.submission import Submission
from photochrom.bulk.wishes import Wishes
from photochrom.command import main
from photochrom.display.figures import Lines
from photochrom.files.fixity import file_digest
from photochrom.scans.scan import find
from photochrom.wire import downloads
from shared import layout
from shared.storage.memory import MemoryStore
from tests.house import write_picture
from tests.served import Served


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A tree of pictures with a broken one, a false one and a text."""
    tree = tmp_path / "scans"
    write_picture(tree / "a.jpg", seed=1)
    write_picture(tree / "box" / "b.png", seed=2)
    write_picture(tree / "box" / "c.tif", seed=3)
    (tree / "cut.png").write_bytes((tree / "box" / "b.png").read_bytes()[:200])
    (tree / "false.jpg").write_text("no picture")
    (tree / "notes.txt").write_text("text")
    (tree / ".hidden.jpg").write_bytes(b"\xff\xd8\xff")
    return tree


def run(served: Served, *arguments: object) -> Result:
    """Runs `photochrom submit --json`."""
    command = ["submit", *map(str, arguments), "--server", served.url, "--json"]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def ended(result: Result) -> list[dict[str, Any]]:
    """The lines of scans that came to their end."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    return [line for line in lines if line["event"] == "ended"]


def summary(result: Result) -> dict[str, Any]:
    """The last line's summary."""
    last: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])["summary"]
    return last


def test_a_tree_comes_back_mirrored(served: Served, scans: Path, tmp_path: Path) -> None:
    """Results lie in the mirrored tree, failures are named with their codes, others are skipped; exit status 1."""
    out = tmp_path / "color"
    result = run(served, scans, "--out", out)
    assert result.exit_code == 1
    lines = {Path(line["path"]).name: line for line in ended(result)}
    assert lines["cut.png"]["code"] in ("truncated", "corrupt")
    assert lines["false.jpg"]["code"] == "unsupported_media"
    assert lines["a.jpg"]["output"] == str(out / "a_colorized.jpg")
    assert summary(result)["succeeded"] == 3
    assert summary(result)["failed"] == 2
    assert summary(result)["skipped"] == 1
    written = {
        str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and ".photochrom" not in path.parts
    }
    results = {"a_colorized.jpg", "box/b_colorized.png", "box/c_colorized.tif"}
    assert written == results | {f"{name[:-4]}.json" for name in results} | {"report.csv"}


def test_a_second_run_does_nothing(served: Served, scans: Path, tmp_path: Path) -> None:
    """A second run sends nothing, computes nothing, reads no file again, and reports the same failures."""
    run(served, scans, "--out", tmp_path / "color")
    puts, posts = served.count("PUT", "/v1/uploads"), served.count("POST", "/v1")
    again = run(served, scans, "--out", tmp_path / "color")
    assert again.exit_code == 1
    assert (served.count("PUT", "/v1/uploads"), served.count("POST", "/v1")) == (puts, posts)
    assert summary(again)["failed"] == 2
    assert summary(again)["succeeded"] == 3
    retried = run(served, scans, "--out", tmp_path / "color", "--retry-failed")
    assert retried.exit_code == 1
    assert len(summary(retried)["jobs"]) == 1


def test_a_lost_result_is_fetched_and_a_changed_scan_made_anew(served: Served, tmp_path: Path) -> None:
    """A result that was deleted comes back; a scan that changed is submitted and its old result replaced."""
    scan = write_picture(tmp_path / "scans" / "a.png", seed=1)
    out = tmp_path / "color"
    assert run(served, scan.parent, "--out", out).exit_code == 0
    result = out / "a_colorized.png"
    first = result.read_bytes()
    result.unlink()
    assert run(served, scan.parent, "--out", out).exit_code == 0
    assert result.read_bytes() == first
    write_picture(scan, seed=2)
    assert run(served, scan.parent, "--out", out).exit_code == 0
    assert result.read_bytes() != first


def test_candidates_come_home_beside_each_other(served: Served, tmp_path: Path) -> None:
    """Each candidate is written under a name of its own; one that was deleted comes back; a foreign one stays."""
    scan = write_picture(tmp_path / "scans" / "box" / "a.png")
    out = tmp_path / "color"
    names = ["a_colorized.png", "a_colorized-t0.200.png", "a_colorized-t1.000.png"]
    (out / "box").mkdir(parents=True)
    (out / "box" / names[2]).write_text("mine")
    arguments = (scan.parents[1], "--out", out, "--candidates", "0.7,0.2,1")
    refused = run(served, *arguments)
    assert ended(refused)[0]["code"] == "output_exists"
    assert (out / "box" / names[2]).read_text() == "mine"
    first = run(served, *arguments, "--force", "--retry-failed")
    assert first.exit_code == 0
    (line,) = ended(first)
    assert line["outputs"] == [str(out / "box" / name) for name in names]
    assert line["output"] == line["outputs"][0]
    assert len({(out / "box" / name).read_bytes() for name in names}) == 3
    (out / "box" / names[1]).unlink()
    assert run(served, *arguments).exit_code == 0
    assert (out / "box" / names[1]).exists()
    again = run(served, *arguments)
    assert (summary(again)["jobs"], summary(again)["downloaded"]) == ([], 0)


def test_a_foreign_file_is_not_overwritten(served: Served, tmp_path: Path) -> None:
    """A file that this command did not write stays, and is replaced only with --force."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    out = tmp_path / "color"
    out.mkdir()
    (out / "a_colorized.png").write_text("mine")
    refused = run(served, scan, "--out", out)
    assert refused.exit_code == 1
    assert ended(refused)[0]["code"] == "output_exists"
    assert (out / "a_colorized.png").read_text() == "mine"
    assert run(served, scan, "--out", out, "--force", "--retry-failed").exit_code == 0
    assert (out / "a_colorized.png").read_bytes().startswith(b"\x89PNG")


def test_an_interruption_costs_nothing(served: Served, scans: Path, tmp_path: Path) -> None:
    """A run that only submits is taken up by the next, which makes no second job."""
    out = tmp_path / "color"
    first = run(served, scans, "--out", out, "--no-wait")
    assert len(summary(first)["jobs"]) == 1
    second = run(served, scans, "--out", out)
    assert summary(second)["jobs"] == []
    assert summary(second)["succeeded"] == 3
    assert (out / "a_colorized.jpg").exists()


def test_a_lost_answer_makes_no_second_job(served: Served, tmp_path: Path) -> None:
    """A POST whose answer was lost is repeated under its key and finds the first job."""
    scan = write_picture(tmp_path / "a.png")
    client = Client(served.url, patience=30)
    digest = client.upload(scan)
    served.faults.append(("POST", 503))
    job = client.submit([{"sha256": digest, "filename": "a.png"}], idempotency_key="k")
    assert [info.key for info in served.house.store.list("t/default/jobs/") if info.key.endswith("job.json")] == [
        layout.job("default", job.id)
    ]


def lose_the_answer(out: Path) -> None:
    """Leaves the state of a run that was killed after its post and before the answer, without its result."""
    state = State(out / ".photochrom")
    state.database.run("UPDATE jobs SET job = NULL, ended = 0")
    state.database.run("UPDATE items SET state = 'queued', output = NULL")
    state.close()
    (out / "a_colorized.png").unlink()


def test_a_killed_post_is_repeated_by_the_next_run(served: Served, tmp_path: Path) -> None:
    """A job that was noted but whose answer never came is posted again under the same key."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    out = tmp_path / "color"
    assert run(served, scan, "--out", out).exit_code == 0
    lose_the_answer(out)
    assert run(served, scan, "--out", out).exit_code == 0
    assert (out / "a_colorized.png").exists()
    assert len([1 for info in served.house.store.list("t/default/jobs/") if info.key.endswith("job.json")]) == 1


def test_a_post_of_which_nobody_can_tell_is_made_anew(served: Served, tmp_path: Path) -> None:
    """Where the record of the answer is damaged the scans are submitted under a new key, which is said and is cheap."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    out = tmp_path / "color"
    assert run(served, scan, "--out", out).exit_code == 0
    lose_the_answer(out)
    house = served.house
    (record,) = house.store.list(layout.idempotencies("default"))
    house.store.put(record.key, b"{")
    house.services.clock.sleep(time.time() - house.services.clock.now())
    made = [info.key for info in house.store.list("t/default/derivatives/")]
    again = run(served, scan, "--out", out)
    assert (again.exit_code, summary(again)["succeeded"]) == (0, 1)
    assert "cannot tell any more whether it made" in again.stderr
    assert [info.key for info in house.store.list("t/default/derivatives/")] == made
    assert (out / "a_colorized.png").exists()


def test_a_forgotten_job_is_submitted_anew(served: Served, tmp_path: Path) -> None:
    """When the server no longer knows an open job, its scans are sent and submitted again."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    out = tmp_path / "color"
    run(served, scan, "--out", out, "--no-wait")
    store = served.house.store
    assert isinstance(store, MemoryStore)
    served.house.client.flushall()
    for info in list(store.list("t/")) + list(store.list("open/")):
        store.delete(info.key)
    again = run(served, scan, "--out", out)
    assert again.exit_code == 0, again.output
    assert "no longer knows" in again.stderr
    assert (out / "a_colorized.png").exists()


def test_a_folder_is_walked_in_order_without_its_own_results(tmp_path: Path) -> None:
    """Hidden files and OUT are left out; a file that is named twice is found once."""
    for path in ("b.png", "a.png", "out/old.png", ".git/x.png"):
        write_picture(tmp_path / path)
    found = [scan.name for scan in find([tmp_path, tmp_path / "a.png"], out=tmp_path / "out")]
    assert found == ["a.png", "b.png"]


def test_people_read_words(served: Served, scans: Path, tmp_path: Path) -> None:
    """Without --json the failures, what was skipped and the outcome are told in words."""
    command = ["submit", str(scans), "--out", str(tmp_path / "color"), "--server", served.url]
    first = CliRunner().invoke(main, command)
    assert "3 colored, 2 failed." in first.stdout
    assert "false.jpg" in first.stderr
    assert "Skipped notes.txt" in first.stderr
    assert "Nothing to do: 3 colored before, 2 failed before." in CliRunner().invoke(main, command).stdout
    plan = CliRunner().invoke(main, [*command, "--dry-run"])
    assert "4 pictures" in plan.stdout
    assert json.loads(CliRunner().invoke(main, [*command, "--dry-run", "--json"]).stdout)["pictures"] == 4
    assert CliRunner().invoke(main, ["submit", str(scans)]).exit_code == 2


def test_jobs_are_looked_after(served: Served, tmp_path: Path) -> None:
    """status, list, report and cancel work by hand and for scripts."""
    client = Client(served.url)
    digest = client.upload(write_picture(tmp_path / "a.png"))
    job = client.submit([{"sha256": digest, "filename": "a.png"}])

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--server", served.url], catch_exceptions=False)

    waited = call("status", job.id, "--wait")
    assert waited.exit_code == 0
    assert "completed  100% of 1: 1 colored" in waited.stdout
    assert json.loads(call("status", job.id, "--json").stdout)["state"] == "completed"
    assert job.id in call("list").stdout
    assert json.loads(call("list", "--json").stdout)["id"] == job.id
    assert json.loads(call("report", job.id).stdout)["number"] == 0
    target = tmp_path / "report.csv"
    assert call("report", job.id, "--csv", "-o", str(target)).exit_code == 0
    assert target.read_text().startswith("number,state")
    refused = call("cancel", job.id)
    assert refused.exit_code == 2
    assert "job_ended" in refused.stderr


def test_the_client_speaks_to_the_server(served: Served, tmp_path: Path) -> None:
    """Upload, submit, wait, items, download: the five lines of the docstring."""
    client = Client(served.url)
    scan = write_picture(tmp_path / "old.png")
    assert client.upload(scan) == client.upload(scan) == file_digest(scan)
    assert served.count("PUT", "/v1/uploads") == 1
    job = client.wait(client.submit([{"sha256": file_digest(scan), "filename": "old.png"}], {"chroma_gain": 0.5}).id)
    assert job.counts["succeeded"] == 1
    (item,) = client.items(job.id, state="succeeded")
    assert item.derivative is not None
    path = tmp_path / "new.png"
    assert client.download(job.id, 0, path) == item.derivative["sha256"] == file_digest(path)
    assert client.models()[0]["name"] == "lite"
    assert [seen.id for seen in client.jobs()] == [job.id]
    assert item.uncertainty is not None
    assert [seen.number for seen in client.items(job.id, sort="uncertainty")] == [0]
    both = client.wait(client.submit([{"sha256": file_digest(scan), "filename": "a"}], {"candidates": [0.2, 0.9]}).id)
    other = tmp_path / "other.png"
    assert (
        client.download(both.id, 0, other, candidate=1) == client.item(both.id, 0).candidates[1]["derivative"]["sha256"]
    )
    other.unlink()
    with pytest.raises(DownloadDamaged):
        client.download(job.id, 0, tmp_path / "bad.png", sha256="0" * 64)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new.png", "old.png"]


def test_refusals_and_silence_are_told_apart(served: Served, tmp_path: Path) -> None:
    """A problem has its code; a server that is not there, or is no Photochrom, is unreachable; exit status 3."""
    with pytest.raises(ProblemError) as caught:
        Client(served.url).job("nonsense")
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    with pytest.raises(ServerUnreachable):
        Client("http://127.0.0.1:1", patience=0).models()
    served.faults.append(("GET", 500))
    with pytest.raises(ServerUnreachable, match="not as Photochrom does"):
        Client(served.url, patience=0).models()
    text = tmp_path / "text"
    text.write_text("no picture")
    with pytest.raises(ProblemError, match="unsupported_media"):
        Client(served.url).upload(text)


@pytest.mark.parametrize("option", [["--temperature", "nan"], ["--chroma-gain", "inf"], ["--candidates", "0.2,nan"]])
def test_what_is_no_number_is_refused_here(tmp_path: Path, option: list[str]) -> None:
    """JSON cannot say it, so that no server is asked, let alone waited for."""
    write_picture(tmp_path / "in/a.png")
    arguments = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--server", "http://127.0.0.1:9", *option]
    result = CliRunner().invoke(main, ["submit", *arguments])
    assert result.exit_code == 2
    assert "number" in result.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="JSON"):
        Client("http://127.0.0.1:9").submit([], {"temperature": float("nan")})


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose packages are missing says what to install; unknown commands are refused."""
    import importlib  # noqa: PLC0415

    def missing(name: str) -> Any:
        raise ModuleNotFoundError("no", name="celery")

    monkeypatch.setattr(importlib, "import_module", missing)
    result = CliRunner().invoke(main, ["worker"])
    assert result.exit_code == 2
    assert "pip install 'photochrom[worker]'" in result.stderr
    assert CliRunner().invoke(main, ["paint"]).exit_code == 2
    assert "colorize" in CliRunner().invoke(main, ["--help"]).stdout


def test_a_webhook_goes_with_every_job(served: Served, tmp_path: Path) -> None:
    """--webhook travels with the submission; one that the server refuses ends the command with its words."""
    write_picture(tmp_path / "in/a.png")
    address = ("--server", served.url, "--out", str(tmp_path / "out"), "--no-wait", "--json")
    run = CliRunner().invoke(main, ["submit", str(tmp_path / "in"), "--webhook", "https://example.org/in", *address])
    assert run.exit_code == 0, run.output
    (job,) = Client(served.url).jobs()
    assert job.data["webhook"] == "https://example.org/…"
    with pytest.raises(ProblemError, match="https://"):
        Client(served.url).submit([{"sha256": "a" * 64, "filename": "a"}], webhook="http://example.org/")


def test_an_older_server_is_read_by_pages(served: Served, scans: Path, tmp_path: Path) -> None:
    """A server that knows no states is asked for items; the results are the same."""
    served.counted.missing.append("/states")
    result = run(served, scans, "--out", tmp_path / "color")
    assert (summary(result)["succeeded"], summary(result)["failed"]) == (3, 2)
    assert served.counted.count("GET", "/v1/jobs", status=404) == 1


def test_two_runs_do_not_share_a_folder(served: Served, scans: Path, tmp_path: Path) -> None:
    """While one run works in OUT another is refused, with words; afterwards it may."""
    out = tmp_path / "color"
    display = Lines()
    with Submission(Client(served.url), display, Wishes(out=out)), pytest.raises(InUse, match="Another"):
        Submission(Client(served.url), display, Wishes(out=out))
    assert run(served, scans / "a.jpg", "--out", out).exit_code == 0


def test_what_cannot_be_read_fails_alone(served: Served, scans: Path, tmp_path: Path) -> None:
    """A scan that vanishes, or has other bytes than somebody vouches for, fails here and is not sent."""
    gone, other = write_picture(tmp_path / "in" / "gone.png", seed=7), write_picture(tmp_path / "in" / "b.png", seed=8)
    false, *found = (
        replace(scan, digests={"md5": "0" * 32}) if scan.path == other else scan
        for scan in find([other, gone], out=None)
    )
    found += [false, *find([scans / "a.jpg"], out=None)]
    with Submission(Client(served.url), Lines(), Wishes(out=tmp_path / "color")) as submission:
        gone.unlink()
        submission.add(found)
        submission.finish()
        assert submission.summary().succeeded == 1
        assert [row[:2] for row in sorted(submission.failures(10))] == [
            ("b.png", "fixity_mismatch"),
            ("gone.png", "file_error"),
        ]
        jobs = [(job, [entry.filename for entry in entries()]) for job, entries in submission.by_job()]
    ((job, names), without) = jobs
    assert (Client(served.url).job(job or "").total, names) == (1, ["a.jpg"])
    assert without == (None, ["gone.png", "b.png"])
    assert served.count("PUT", "/v1/uploads") == 1


def test_a_full_disk_stops_the_run_and_loses_nothing(
    served: Served, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full the command ends with status 2; with room the next one fetches the rest."""
    out = tmp_path / "color"
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_RESERVE", 1 << 60)
        refused = run(served, scans, "--out", out)
    assert refused.exit_code == 2
    assert "no space" in refused.stderr
    assert list(out.rglob("*.png")) == []
    again = run(served, scans, "--out", out)
    assert (summary(again)["succeeded"], summary(again)["jobs"], summary(again)["uploaded"]) == (3, [], 0)


def test_one_job_has_all(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs grow as a run goes on; with --one-job there is one, made after everything is sent."""
    for number in range(7):
        write_picture(tmp_path / f"in/{number}.png", width=16, height=12, seed=number)
    monkeypatch.setattr(gathering, "_ASKED", 1)
    monkeypatch.setattr(gathering, "FIRST_ITEMS", 1)
    several = run(served, tmp_path / "in", "--out", tmp_path / "a")
    assert [Client(served.url).job(job).total for job in summary(several)["jobs"]] == [1, 2, 4]
    one = run(served, tmp_path / "in", "--out", tmp_path / "b", "--one-job", "--priority", "high")
    (job,) = map(Client(served.url).job, summary(one)["jobs"])
    assert (job.total, job.priority, summary(one)["succeeded"]) == (7, "high", 7)


def test_large_scans_make_small_jobs(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked about so many bytes at once, and the first jobs do not wait for a thousand scans."""
    for number in range(3):
        write_picture(tmp_path / f"in/{number}.png", width=16, height=12, seed=number)
    monkeypatch.setattr(gathering, "_ASKED_BYTES", 1)
    monkeypatch.setattr(gathering, "FIRST_SECONDS", 0.0)
    result = run(served, tmp_path / "in", "--out", tmp_path / "out")
    assert [Client(served.url).job(job).total for job in summary(result)["jobs"]] == [1, 1, 1]
    assert served.counted.count("POST", "/v1/uploads") == 3


def test_one_result_that_cannot_be_had_fails_alone(
    served: Served, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the server about one result ends that scan, not the run; --retry-failed brings it."""
    download = Client.download

    def broken(self: Client, job_id: str, number: int, path: Path, **facts: Any) -> str:
        if path.name.startswith("b_"):
            raise ProblemError(status=500, code="internal_error", detail="Broken.", extra={}, retry_after=None)
        return download(self, job_id, number, path, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "download", broken)
        first = run(served, scans / "a.jpg", scans / "box", "--out", tmp_path / "out")
    assert {Path(line["path"]).name: line["code"] for line in ended(first)} == {
        "a.jpg": None,
        "b.png": "internal_error",
        "c.tif": None,
    }
    again = run(served, scans / "a.jpg", scans / "box", "--out", tmp_path / "out", "--retry-failed")
    assert (again.exit_code, summary(again)["succeeded"]) == (0, 3)


def test_an_address_without_its_scheme_is_refused(tmp_path: Path) -> None:
    """What is no address is told of at once, by the command and by the client."""
    write_picture(tmp_path / "a.png")
    command = ["submit", str(tmp_path), "--out", str(tmp_path / "out"), "--server", "127.0.0.1:8080"]
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert "http://" in refused.stderr
    with pytest.raises(ValueError, match="http://"):
        Client("localhost:8080")


def test_a_state_of_an_earlier_version_is_taken_over(served: Served, tmp_path: Path) -> None:
    """A folder that an earlier version wrote gets the new columns, and its open job is followed to its end."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    out = tmp_path / "color"
    run(served, scan, "--out", out, "--no-wait")
    state = State(out / ".photochrom")
    state.database.script(
        "ALTER TABLE jobs DROP COLUMN head; ALTER TABLE items DROP COLUMN client_ref; PRAGMA user_version = 0;"
    )
    state.database.run("UPDATE jobs SET job = NULL")
    state.close()
    again = run(served, scan, "--out", out)
    assert summary(again)["succeeded"] == 1
    assert len(Client(served.url).jobs()) == 1


def test_what_a_job_waits_for_is_said_once(served: Served, tmp_path: Path) -> None:
    """A paused job is told of when it is met, and again when it goes on."""
    scan = write_picture(tmp_path / "scans" / "a.png")
    client = Client(served.url)
    served.resting.set()
    (job,) = summary(run(served, scan, "--out", tmp_path / "color", "--no-wait"))["jobs"]
    client.pause(job)
    looks = itertools.count()

    def heard(_: int) -> None:
        if served.counted.calls[-1].path == f"/v1/jobs/{job}" and next(looks) == 3:
            served.counted.heard = lambda _: None
            threading.Thread(target=go_on).start()

    def go_on() -> None:
        client.resume(job)
        served.resting.clear()

    served.counted.heard = heard
    result = run(served, scan, "--out", tmp_path / "color")
    assert summary(result)["succeeded"] == 1
    assert result.stderr.count(f"Job {job} waits for somebody to resume it.") == 1
    assert result.stderr.count(f"Job {job} goes on.") == 1


def test_a_folder_without_pictures_is_said_to_be_one(served: Served, tmp_path: Path) -> None:
    """Where no picture is found the last line says that, and not that all is done."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/notes.txt").write_text("text")
    command = ["submit", str(tmp_path / "scans"), "--out", str(tmp_path / "color"), "--server", served.url]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert result.stdout == "No picture was found.\n"


def test_a_folder_that_cannot_be_is_told(served: Served, scans: Path) -> None:
    """What the operating system refuses ends with its words and status 2, as all that is wrong here does."""
    command = ["submit", str(scans), "--out", str(scans / "notes.txt/color"), "--server", served.url]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "Not a directory" in result.stderr


def test_a_dry_run_says_why_nothing_is_known(served: Served, scans: Path) -> None:
    """A server that refuses is not said to be silent."""
    create_key(served.house.store, served.house.services.clock, tenant="museum", name="")
    command = ["submit", str(scans), "--dry-run", "--hash", "--server", served.url]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert "What the server has and takes is not known: An API key is needed" in result.stdout


def test_a_dry_run_counts_no_results(served: Served, tmp_path: Path) -> None:
    """In the folder of the scans itself it says what a run would do: no result is colored in its turn."""
    write_picture(tmp_path / "a.png")
    assert run(served, tmp_path, "--out", tmp_path).exit_code == 0
    plan = run(served, tmp_path, "--out", tmp_path, "--dry-run")
    assert json.loads(plan.stdout)["pictures"] == 1


def test_a_dry_run_lets_go_of_the_state(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run after it, in the same process, works at once, also where somebody holds on to what the dry run was."""
    write_picture(tmp_path / "a.png")
    assert run(served, tmp_path, "--out", tmp_path).exit_code == 0
    opened, connect = [], sqlite3.connect

    def hold(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("sqlite3.connect", hold)
    assert run(served, tmp_path, "--out", tmp_path, "--dry-run").exit_code == 0
    monkeypatch.undo()
    assert len(opened) > 1
    assert run(served, tmp_path, "--out", tmp_path).exit_code == 0


def test_a_path_that_is_longer_than_a_name_at_the_server_comes_back(served: Served, tmp_path: Path) -> None:
    """A scan in very deep folders stops no run, and its result and what is told of it have all of its path."""
    deep = Path(*["d" * 90] * 7, "new\nline")
    write_picture(tmp_path / "box" / deep / "a.png")
    result = run(served, tmp_path / "box", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / deep / "a_colorized.png").exists()
    assert ended(result)[0]["path"] == str(tmp_path / "box" / deep / "a.png")
