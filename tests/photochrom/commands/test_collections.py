"""Collections through `photochrom submit`: tables and bags in, reports, papers and bags out."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner, Result

from photochrom.bulk.submission import Submission
from photochrom.command import main
from tests.house import write_picture
from tests.served import Served


def submit(served: Served, *arguments: object) -> Result:
    """Runs `photochrom submit`."""
    command = ["submit", *map(str, arguments), "--server", served.url]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def report(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the report by path."""
    with (folder / "report.csv").open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def sha256(path: Path) -> str:
    """A file's digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scans and one that is cut."""
    top = tmp_path / "scans"
    write_picture(top / "a.png", seed=1)
    write_picture(top / "box" / "b.tif", seed=2)
    (top / "cut.png").write_bytes((top / "a.png").read_bytes()[:200])
    return top


def test_a_table_goes_in_and_comes_back(served: Served, folder: Path, tmp_path: Path) -> None:
    """Identifiers reach the service, own columns the report; a scan without its fixity is not sent, the others are."""
    rot = "0" * 64
    lines = ("path;Identifier;sha256;Who", f"a.png;HS-1;{sha256(folder / 'a.png')};Ada", f"box/b.tif;HS-2;{rot};")
    (folder / "list.csv").write_text("\r\n".join(lines))
    out = tmp_path / "color"
    result = submit(served, "--manifest", folder / "list.csv", "--out", out)
    assert result.exit_code == 1
    assert "1 files beside the manifest are named in no row" in result.output
    rows = report(out)
    assert set(rows) == {"a.png", "box/b.tif"}
    good, bad = rows["a.png"], rows["box/b.tif"]
    assert (good["state"], good["identifier"], good["Who"]) == ("succeeded", "HS-1", "Ada")
    assert good["derivative_sha256"] == sha256(out / "a_colorized.png")
    assert (bad["identifier"], bad["state"], bad["code"], bad["output"]) == ("HS-2", "failed", "fixity_mismatch", "")
    assert served.counted.count("PUT", "/v1/uploads") == 1
    assert json.loads((out / "a_colorized.json").read_text())["master"]["identifier"] == "HS-1"


def test_a_table_that_does_not_hold_together_sends_nothing(served: Served, folder: Path, tmp_path: Path) -> None:
    """Exit status 2, words with line and column, no call that stores anything, and a finished bag stays one."""
    (folder / "list.csv").write_text("path\na.png\ngone.png\n")
    result = submit(served, "--manifest", folder / "list.csv", "--out", tmp_path / "color")
    assert result.exit_code == 2
    assert "line 3, column path: gone.png is not there" in result.output
    (tmp_path / "color" / "bagit.txt").parent.mkdir(exist_ok=True)
    (tmp_path / "color" / "bagit.txt").write_text("finished before")
    assert submit(served, "--manifest", folder / "list.csv", "--out", tmp_path / "color", "--bag").exit_code == 2
    assert (tmp_path / "color" / "bagit.txt").exists()
    assert served.counted.count("PUT", "/v1") == served.counted.count("POST", "/v1") == 0


def test_a_bag_goes_in_and_a_bag_comes_out(served: Served, folder: Path, tmp_path: Path) -> None:
    """A valid bag's payload is colored, and OUT is a bag that another tool finds valid; a second run keeps it one."""
    (folder / "cut.png").unlink()
    bagit.make_bag(str(folder), checksums=["sha256"])
    out = tmp_path / "color"
    arguments = (folder, "--out", out, "--bag", "--premis", "--bag-info", "Source-Organization: Museum")
    assert submit(served, *arguments).exit_code == 0
    payload = {path.relative_to(out).as_posix() for path in (out / "data").rglob("*") if path.is_file()}
    results = ("data/a_colorized", "data/box/b_colorized")
    papers = {f"{name}{suffix}" for name in results for suffix in (".json", ".premis.xml")}
    assert payload == {"data/a_colorized.png", "data/box/b_colorized.tif", "data/report.csv"} | papers
    judge = bagit.Bag(str(out))
    judge.validate()
    assert judge.info["Source-Organization"] == "Museum"
    assert report(out / "data")["box/b.tif"]["output"] == "box/b_colorized.tif"
    puts = served.counted.count("PUT", "/v1/uploads")
    assert submit(served, *arguments).exit_code == 0
    assert served.counted.count("PUT", "/v1/uploads") == puts
    bagit.Bag(str(out)).validate()
    assert "2 sound, and the bag is valid" in CliRunner().invoke(main, ["verify", str(out)]).output


def test_a_damaged_bag_sends_nothing(served: Served, folder: Path, tmp_path: Path) -> None:
    """Exit status 2 with the file's name, and not a single upload."""
    bagit.make_bag(str(folder), checksums=["sha256"])
    write_picture(folder / "data" / "a.png", seed=9)
    result = submit(served, folder, "--out", tmp_path / "color")
    assert result.exit_code == 2
    assert "data/a.png: its SHA256 is" in result.output
    assert served.counted.count("PUT", "/v1") == served.counted.count("POST", "/v1") == 0


def test_an_interrupted_bag_is_finished_by_the_next_run(
    served: Served, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves a report of what was heard and no bagit.txt; the same command finishes the bag."""
    (folder / "cut.png").unlink()
    out = tmp_path / "color"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("photochrom.bulk.submission.Submission.finish", interrupt)
        stopped = CliRunner().invoke(main, ["submit", str(folder), "--out", str(out), "--bag", "--server", served.url])
    assert stopped.exit_code == 1
    assert not (out / "bagit.txt").exists()
    assert set(report(out / "data")) == {"a.png", "box/b.tif"}
    assert submit(served, folder, "--out", out, "--bag").exit_code == 0
    bagit.Bag(str(out)).validate()
    assert {row["state"] for row in report(out / "data").values()} == {"succeeded"}


def test_papers_come_with_the_results(
    served: Served, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sidecars lie there before the run has ended, and a report of all that was heard where it is broken off."""
    (folder / "cut.png").unlink()
    out = tmp_path / "color"
    finish = Submission.finish

    def interrupt(self: Submission) -> None:
        finish(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Submission, "finish", interrupt)
    submit(served, folder, "--out", out)
    assert (out / "a_colorized.json").exists()
    assert {row["delta_l_max"] != "" for row in report(out).values()} == {True}


def test_a_finished_bag_is_known_without_waiting(served: Served, folder: Path, tmp_path: Path) -> None:
    """--no-wait looks for results where a bag has them, makes no second job, and leaves the bag as it is."""
    (folder / "cut.png").unlink()
    out = tmp_path / "color"
    submit(served, folder, "--out", out, "--bag")
    assert "Made 0 jobs" in submit(served, folder, "--out", out, "--bag", "--no-wait").stdout
    bagit.Bag(str(out)).validate()


def test_papers_are_written_by_a_later_run_too(served: Served, folder: Path, tmp_path: Path) -> None:
    """What was not wished at first is written when it is, without a job or a download; a foreign one stays."""
    (folder / "cut.png").unlink()
    out = tmp_path / "color"
    assert submit(served, folder, "--out", out, "--no-sidecars").exit_code == 0
    assert not list(out.rglob("*.json"))
    calls = len(served.counted.calls)
    (out / "box" / "b_colorized.premis.xml").write_text("mine")
    result = submit(served, folder, "--out", out, "--premis")
    assert result.exit_code == 1
    assert "b_colorized.premis.xml is there" in result.output
    assert (out / "box" / "b_colorized.premis.xml").read_text() == "mine"
    assert (out / "a_colorized.premis.xml").exists()
    assert len(list(out.rglob("*.json"))) == 2
    assert [call for call in served.counted.calls[calls:] if call.method != "GET"] == []


def test_patterns_choose_what_is_sent(served: Served, folder: Path, tmp_path: Path) -> None:
    """--include and --exclude narrow a folder; a pattern that is none ends the command before anything is done."""
    out = tmp_path / "color"
    assert submit(served, folder, "--out", out, "--include", "*.png", "--exclude", "cut.*").exit_code == 0
    assert set(report(out)) == {"a.png"}
    assert submit(served, folder, "--out", out, "--include", "/").exit_code == 2
    assert submit(served, "--out", out).exit_code == 2
    assert submit(served, folder, "--out", out, "--bag-info", "A: b").exit_code == 2
    assert submit(served, folder, "--out", out, "--bag", "--bag-info", "Payload-Oxum: 1.1").exit_code == 2


def test_what_cannot_be_read_is_no_success(served: Served, folder: Path, tmp_path: Path) -> None:
    """A link that leads nowhere is named, the others are colored, and the exit status is 1."""
    (folder / "cut.png").unlink()
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    result = submit(served, folder, "--out", tmp_path / "color")
    assert result.exit_code == 1
    assert "gone.png cannot be read" in result.output
    assert len(report(tmp_path / "color")) == 2


def test_a_dry_run_asks_and_sends_nothing(served: Served, folder: Path, tmp_path: Path) -> None:
    """It counts, says what the server has, and names what its estimate rests on; OUT is not made."""

    def said(*more: str) -> dict[str, Any]:
        text = submit(served, folder, "--out", tmp_path / "color", "--dry-run", "--json", *more).stdout
        result: dict[str, Any] = json.loads(text)
        return result

    plan = said("--hash")
    assert (plan["pictures"], plan["digests"], plan["present"], plan["too_large"]) == (3, 3, 0, 0)
    assert served.counted.count("PUT", "/v1") == 0
    assert not (tmp_path / "color").exists()
    submit(served, folder, "--out", tmp_path / "color")
    again = said()
    assert (again["digests"], again["present"]) == (3, 3)
    words = submit(served, folder, "--dry-run").stdout
    assert "3 pictures" in words
    assert "--hash reads them" in words
