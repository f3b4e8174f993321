"""`colorize`: what `photochrom submit` does with collections, from Python."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import bagit
import pytest

from photochrom import Client, Filters, IntakeInvalid, NoSpace, colorize
from photochrom.papers.handover import Handover
from tests.house import write_picture
from tests.served import Served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scans."""
    write_picture(tmp_path / "scans/a.png", seed=1)
    write_picture(tmp_path / "scans/box/b.tif", seed=2)
    return tmp_path / "scans"


def test_a_table_goes_in_and_a_bag_comes_out(served: Served, folder: Path, tmp_path: Path) -> None:
    """Identifiers, fixity and own columns of a table come back in the papers of a bag that another tool finds valid.

    A second call sends nothing, and the bag stays one.
    """
    out, table = tmp_path / "color", folder / "list.csv"
    digest = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    table.write_text(f"path,identifier,sha256,who\na.png,HS-1,{digest},Ada\nbox/b.tif,HS-2,{'0' * 64},\n")
    for _ in range(2):
        wishes = {"bag": True, "bag_info": {"Source-Organization": "Museum"}, "premis": True}
        outcome = colorize(Client(served.url), out=out, manifest=table, **wishes)  # type: ignore[arg-type]
        assert (outcome.summary.succeeded, outcome.summary.failed) == (1, 1)
        assert [code for _, code, _ in outcome.failures] == ["fixity_mismatch"]
        judge = bagit.Bag(str(out))
        judge.validate()
        assert judge.info["Source-Organization"] == "Museum"
    assert served.count("PUT", "/v1/uploads") == 1
    with (out / "data/report.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["identifier"]: row for row in csv.DictReader(file)}
    assert (rows["HS-1"]["output"], rows["HS-1"]["who"]) == ("a_colorized.png", "Ada")
    assert json.loads((out / "data/a_colorized.json").read_text())["master"]["identifier"] == "HS-1"
    assert (out / "data/a_colorized.premis.xml").exists()


def test_a_bag_goes_in_without_sidecars(served: Served, folder: Path, tmp_path: Path) -> None:
    """A bag's payload is colored; without sidecars a report comes alone; a damaged bag sends nothing."""
    bagit.make_bag(str(folder), checksums=["sha256"])
    client, out, told = Client(served.url), tmp_path / "color", []
    colorize(client, [folder], out=out, sidecars=False, filters=Filters.of(exclude=["box"]), on_note=told.append)
    here = {path.name for path in out.rglob("*.*") if path.is_file() and ".photochrom" not in path.parts}
    assert here == {"a_colorized.png", "report.csv"}
    assert told == [f"The bag {folder} is valid."]
    (folder / "data/a.png").write_bytes(b"rot")
    with pytest.raises(IntakeInvalid):
        colorize(client, [folder], out=tmp_path / "other")
    assert served.count("PUT", "/v1/uploads") == 1


def test_what_was_left_is_named(served: Served, folder: Path, tmp_path: Path) -> None:
    """Scans that cannot be read and papers whose place is taken are in the outcome; the rest is done."""
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (tmp_path / "color").mkdir()
    (tmp_path / "color/report.csv").write_text("mine")
    outcome = colorize(Client(served.url), [folder], out=tmp_path / "color")
    assert outcome.summary.succeeded == 2
    assert outcome.unreadable == [folder / "gone.png"]
    assert outcome.foreign == ["report.csv"]
    assert (tmp_path / "color/report.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({}, id="neither folders nor a manifest"),
        pytest.param({"paths": [Path()], "manifest": Path("list.csv")}, id="both"),
        pytest.param({"paths": [Path()], "bag_info": {"A": "b"}}, id="tags without a bag"),
        pytest.param({"paths": [Path()], "bag": True, "bag_info": {"Payload-Oxum": "1.1"}}, id="a tag that is ours"),
    ],
)
def test_wishes_that_do_not_go_together_are_refused(tmp_path: Path, wishes: dict[str, object]) -> None:
    """They are refused before anybody is called and anything is made."""
    with pytest.raises(ValueError):  # noqa: PT011
        colorize(Client("http://127.0.0.1:1"), out=tmp_path / "color", **wishes)  # type: ignore[arg-type]
    assert not (tmp_path / "color").exists()


@pytest.mark.parametrize("named", [True, False], ids=["bag-info.txt", "no bag-info.txt"])
def test_a_bag_of_somebody_else_stays_one(served: Served, folder: Path, tmp_path: Path, named: bool) -> None:
    """A bag that was not made here is not made anew, whatever was said of single files, and nothing is sent."""
    out = tmp_path / "theirs"
    out.mkdir()
    (out / "letter.txt").write_text("words")
    bagit.make_bag(str(out), {"External-Identifier": "HS-9"}, checksums=["sha256"])
    if not named:
        (out / "bag-info.txt").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*.txt")}
    with pytest.raises(FileExistsError, match="not made by Photochrom"):
        colorize(Client(served.url), [folder], out=out, bag=True, force=True)
    assert {path: path.read_bytes() for path in out.rglob("*.txt")} == before
    assert served.count("POST", "/v1") == 0


@pytest.mark.parametrize("first", [True, False], ids=["a bag first", "a bag second"])
def test_a_folder_stays_a_bag_or_none(served: Served, folder: Path, tmp_path: Path, first: bool) -> None:
    """What the state has as ours in a bag is another file beside it: a run that would mix them up is refused."""
    out = tmp_path / "out"
    colorize(Client(served.url), [folder], out=out, bag=first)
    (out / "report.csv").write_text("of the archive")
    with pytest.raises(FileExistsError, match="earlier run"):
        colorize(Client(served.url), [folder], out=out, bag=not first)
    assert (out / "report.csv").read_text() == "of the archive"
    again = colorize(Client(served.url), [folder], out=out, bag=first)
    assert again.summary.failed == 0


def test_what_broke_a_run_off_is_what_is_told(tmp_path: Path) -> None:
    """Where not even a report can be written any more, the reason for that does not hide the first one."""
    handover = Handover(out=tmp_path / "gone")
    with pytest.raises(NoSpace, match="full"), handover.at_the_end(None, None, None):  # type: ignore[arg-type]
        raise NoSpace("the disk is full")


def test_results_beside_their_scans_stay_results(served: Served, tmp_path: Path) -> None:
    """In the folder of the scans itself a second run neither colors what the first one made nor sends anything."""
    scan = write_picture(tmp_path / "a.png")
    for _ in range(2):
        outcome = colorize(Client(served.url), [tmp_path], out=tmp_path)
        assert (outcome.summary.succeeded, outcome.summary.failed) == (1, 0)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [scan.name, "a_colorized.png"]
    assert served.count("PUT", "/v1/uploads") == 1


def test_no_scan_is_replaced_by_a_result(served: Served, tmp_path: Path) -> None:
    """A scan that lies where a result would is left, whatever is forced, and also if this run does not name it."""
    scan, other = write_picture(tmp_path / "a.png", seed=1), write_picture(tmp_path / "a_colorized.png", seed=2)
    before = other.read_bytes()
    for paths in ([tmp_path], [scan]):
        outcome = colorize(Client(served.url), paths, out=tmp_path, force=True, retry_failed=True)
        assert [(name, code) for name, code, _ in outcome.failures] == [("a.png", "output_is_master")]
        assert other.read_bytes() == before
