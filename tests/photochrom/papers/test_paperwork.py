"""What lies beside the results: report, sidecars, PREMIS; and whether it still holds."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from photochrom.bagit.making import close_bag, open_bag
from photochrom.bulk.state import Entry
from photochrom.command import main
from photochrom.errors import ProblemError
from photochrom.papers.paper import Paper, papers
from photochrom.papers.paperwork import Paperwork
from photochrom.papers.premis import premis
from photochrom.papers.reports import Reports, lines
from photochrom.papers.sidecars import sidecar, sidecar_path
from photochrom.papers.table import COLUMNS, bare, safe
from photochrom.wire.records import Job
from tests.house import picture, write_picture

RECIPE = {"model": "d" * 64, "temperature": 0.38, "format": "master", "pipeline": 3}


class Server:
    """Tells of one job; counts how often."""

    def __init__(self, rows: list[dict[str, Any]], *, ended: bool = True) -> None:
        self.rows, self.ended, self.calls = rows, ended, 0

    def job(self, job_id: str) -> Job:
        if job_id == "gone":
            raise ProblemError(status=404, code="not_found", detail="No.", extra={}, retry_after=None)
        state = "completed" if self.ended else "running"
        counts = {"succeeded": 1, "failed": 0}
        data = {"id": job_id, "model": "lite", "recipe": RECIPE, "state": state, "total": 2, "counts": counts}
        return Job.from_json({**data, "progress": 1.0, "eta_seconds": None, "waiting_for": None})

    def report(self, job_id: str) -> Iterator[bytes]:
        self.calls += 1
        text = b"".join(json.dumps(row).encode() + b"\n" for row in self.rows)
        yield text[:11]
        yield text[11:]


class Claims(dict[str, str]):
    """What is ours, in memory."""

    def ours(self, output: str) -> bool:
        return output in self

    def claim_output(self, output: str, sha256: str) -> None:
        self[output] = sha256


def made(body: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """What a server says of a derivative."""
    digest = hashlib.sha256(body).hexdigest()
    facts = {"size": len(body), "media_type": media_type, "width": 64, "height": 48}
    return {"key": "t/x/secret", "sha256": digest, **facts}


def row(number: int, body: bytes, **more: object) -> dict[str, Any]:
    """A success in a server's report."""
    delta = {"max": 0.4, "mean": 0.1, "p999": 0.3}
    facts = {"derivative": made(body), "delta_l": delta, "warnings": ["low_color"], "tone": "gray"}
    return {"number": number, "state": "succeeded", **facts, "finished_at": "2026-01-31T10:00:00Z", **more}


def entry(path: Path, body: bytes, *, number: int = 0, output: str | None, **facts: Any) -> Entry:
    """What is noted of a success."""
    sha256, derivative = (hashlib.sha256(each).hexdigest() for each in (path.read_bytes(), body))
    known = {"path": str(path), "recipe": "{}", "sha256": sha256, "key": "k", "number": number}
    return Entry(**{**known, "state": "succeeded", "derivative": derivative, "output": output, **facts})


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, list[tuple[str, Entry]], Server]:
    """OUT with one result, a failure beside it, and the server that made them."""
    master = write_picture(tmp_path / "in" / "box" / "a.png", seed=1)
    body = picture(seed=2, mode="RGB")
    out = tmp_path / "out"
    (out / "box").mkdir(parents=True)
    (out / "box" / "a_colorized.png").write_bytes(body)
    good = entry(master, body, output="box/a_colorized.png", client_ref="HS-1")
    words = "=1+1 the file is damaged"
    bad = Entry(path=str(master), recipe="{}", sha256="", state="failed", code="corrupt", detail=words)
    return out, [("box/a.png", good), ("-b.png", bad)], Server([row(0, body)])


def told(out: Path, entries: list[tuple[str, Entry]], server: Server) -> list[Paper]:
    """The papers of entries."""
    reports = Reports(out / "reports.sqlite3")
    reports.fetch(server, "job-1")
    named = [replace(known, filename=name) for name, known in entries]
    jobs = [("job-1", [each for each in named if each.key]), (None, [each for each in named if not each.key])]
    result = list(papers(((job, each.copy) for job, each in jobs), reports))
    reports.close()
    (out / "reports.sqlite3").unlink()
    return result


def cells(out: Path) -> list[dict[str, str]]:
    """The rows of the report."""
    with (out / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_has_a_row_a_scan(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> None:
    """Fixity, figures and a manifest's own columns stand in it; formulas are defused; line ends are CR LF."""
    out, entries, server = scene
    extra = {"box/a.png": ["Ada", "x"], "-b.png": ["+41", ""]}
    work = Paperwork(out=out, claims=Claims(), columns=["@who", "state"], cells=extra.__getitem__)
    assert work.write(told(out, entries, server)) == []
    good, bad = cells(out)
    assert tuple(good) == (*COLUMNS, "'@who", "manifest_state")
    assert good["path"] == "box/a.png"
    assert good["identifier"] == "HS-1"
    assert good["master_sha256"] == entries[0][1].sha256
    assert good["derivative_sha256"] == hashlib.sha256((out / "box/a_colorized.png").read_bytes()).hexdigest()
    assert (good["width"], good["height"], good["delta_l_max"], good["delta_l_mean"]) == ("64", "48", "0.4", "0.1")
    assert (good["warnings"], good["job"], good["number"], good["'@who"]) == ("low_color", "job-1", "0", "Ada")
    assert (bad["path"], bad["detail"], bad["'@who"]) == ("'-b.png", "'=1+1 the file is damaged", "'+41")
    assert (bad["state"], bad["code"], bad["output"], bad["master_sha256"]) == ("failed", "corrupt", "", "")
    assert (out / "report.csv").read_bytes().count(b"\r\n") == 3


@given(st.text())
def test_a_defused_cell_can_be_read_back(text: str) -> None:
    """No cell begins as a formula does, and what it was is not lost."""
    assert not str(safe(text)).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert bare(str(safe(text))) == text


@given(st.lists(st.binary(min_size=1).filter(lambda text: b"\n" not in text)), st.integers(1, 7))
def test_lines_come_whole_out_of_chunks(texts: list[bytes], size: int) -> None:
    """However a stream is cut, its lines are the same."""
    stream = b"".join(text + b"\n" for text in texts)
    assert list(lines(stream[at : at + size] for at in range(0, len(stream), size))) == texts


def test_sidecars_say_what_the_server_says(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> None:
    """One lies beside each result; where the server keeps its bytes is not told; the same is not written twice."""
    out, entries, server = scene
    claims = Claims()
    work = Paperwork(out=out, claims=claims)
    work.write(told(out, entries, server))
    path = out / "box" / "a_colorized.json"
    said = json.loads(path.read_text())
    assert said["master"] == {"path": "box/a.png", "sha256": entries[0][1].sha256, "identifier": "HS-1"}
    assert said["result"]["path"] == "box/a_colorized.png"
    assert said["job"] == {"id": "job-1", "number": 0}
    assert (said["model"], said["recipe"], said["warnings"]) == ("lite", RECIPE, ["low_color"])
    assert "secret" not in path.read_text()
    assert claims["box/a_colorized.json"] == hashlib.sha256(path.read_bytes()).hexdigest()
    before = path.stat()
    work.write(told(out, entries, server))
    assert path.stat().st_ino == before.st_ino
    assert not (out / "box" / "a_colorized.premis.xml").exists()


def test_foreign_papers_stay(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> None:
    """A report or sidecar that somebody else wrote is not replaced without force, and is named."""
    out, entries, server = scene
    (out / "report.csv").write_text("mine")
    (out / "box" / "a_colorized.json").write_text("mine")
    foreign = Paperwork(out=out, claims=Claims()).write(told(out, entries, server))
    assert foreign == ["report.csv", "box/a_colorized.json"]
    assert (out / "report.csv").read_text() == (out / "box" / "a_colorized.json").read_text() == "mine"
    assert Paperwork(out=out, claims=Claims(), force=True).write(told(out, entries, server)) == []
    assert (out / "report.csv").read_text().startswith("path,")


def test_candidates_share_a_sidecar(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> None:
    """Each candidate's digest stands in sidecar and report, under the name of its file."""
    out, entries, _ = scene
    bodies = [picture(seed=seed, mode="RGB") for seed in (5, 6)]
    both = [
        {"temperature": temperature, "derivative": made(body), "delta_l": {"max": 1.0, "mean": 0.5}, "warnings": []}
        for temperature, body in zip((0.7, 0.2), bodies, strict=True)
    ]
    good = entry(Path(entries[0][1].path), bodies[0], output="box/a_colorized.png")
    good = replace(good, recipe='{"candidates": [0.7, 0.2]}')
    names = ["box/a_colorized.png", "box/a_colorized-t0.200.png"]
    for name, body in zip(names, bodies, strict=True):
        (out / name).write_bytes(body)
    work = Paperwork(out=out, claims=Claims(), premis=True)
    work.write(told(out, [("box/a.png", good)], Server([row(0, bodies[0], candidates=both)])))
    said = json.loads((out / "box" / "a_colorized.json").read_text())
    assert [each["path"] for each in said["candidates"]] == names
    assert cells(out)[0]["candidate_temperatures"] == "0.700 0.200"
    assert CliRunner().invoke(main, ["verify", str(out)]).stdout == "2 sound.\n"
    (out / names[1]).write_bytes(b"rot")
    assert "changed\tbox/a_colorized-t0.200.png" in CliRunner().invoke(main, ["verify", str(out)]).stdout


def test_reports_are_fetched_until_the_job_has_ended(tmp_path: Path) -> None:
    """A running job is asked for again, an ended one never; one that is gone tells nothing and breaks nothing."""
    reports = Reports(tmp_path / "reports.sqlite3")
    server = Server([row(0, b"x")], ended=False)
    reports.fetch(server, "job-1")
    server.rows.append(row(1, b"y"))
    server.ended = True
    reports.fetch(server, "job-1")
    reports.fetch(server, "job-1")
    assert server.calls == 2
    assert reports.row("job-1", 1)["derivative"]["sha256"] == hashlib.sha256(b"y").hexdigest()
    reports.fetch(server, "gone")
    assert (reports.job("gone"), reports.row("gone", 0)) == ({}, {})
    reports.close()


# PREMIS.

P = "{http://www.loc.gov/premis/v3}"

#: The children that each element may have, in the order of the schema (premis.xsd 3.0 of January 18, 2016); * repeats.
ORDER: Mapping[str, str] = {
    "premis": "object* event* agent* rights*",
    "object": "objectIdentifier* preservationLevel* significantProperties* objectCharacteristics* originalName "
    "storage* signatureInformation* relationship* linkingEventIdentifier* linkingRightsStatementIdentifier*",
    "objectIdentifier": "objectIdentifierType objectIdentifierValue",
    "objectCharacteristics": "compositionLevel fixity* size format* creatingApplication* inhibitors*",
    "fixity": "messageDigestAlgorithm messageDigest messageDigestOriginator",
    "format": "formatDesignation formatRegistry formatNote*",
    "formatDesignation": "formatName formatVersion",
    "formatRegistry": "formatRegistryName formatRegistryKey formatRegistryRole",
    "relationship": "relationshipType relationshipSubType relatedObjectIdentifier* relatedEventIdentifier*",
    "relatedObjectIdentifier": "relatedObjectIdentifierType relatedObjectIdentifierValue relatedObjectSequence",
    "relatedEventIdentifier": "relatedEventIdentifierType relatedEventIdentifierValue relatedEventSequence",
    "linkingEventIdentifier": "linkingEventIdentifierType linkingEventIdentifierValue",
    "event": "eventIdentifier eventType eventDateTime eventDetailInformation* eventOutcomeInformation* "
    "linkingAgentIdentifier* linkingObjectIdentifier*",
    "eventIdentifier": "eventIdentifierType eventIdentifierValue",
    "eventDetailInformation": "eventDetail eventDetailExtension*",
    "eventOutcomeInformation": "eventOutcome eventOutcomeDetail*",
    "eventOutcomeDetail": "eventOutcomeDetailNote eventOutcomeDetailExtension*",
    "linkingAgentIdentifier": "linkingAgentIdentifierType linkingAgentIdentifierValue linkingAgentRole*",
    "linkingObjectIdentifier": "linkingObjectIdentifierType linkingObjectIdentifierValue linkingObjectRole*",
    "agent": "agentIdentifier* agentName* agentType agentVersion agentNote* agentExtension* linkingEventIdentifier*",
    "agentIdentifier": "agentIdentifierType agentIdentifierValue",
}

#: What must not be missing.
NEEDED = {
    "object": {"objectIdentifier", "objectCharacteristics"},
    "objectCharacteristics": {"format"},
    "event": {"eventIdentifier", "eventType", "eventDateTime"},
    "relationship": {"relationshipType", "relationshipSubType", "relatedObjectIdentifier"},
    "agent": {"agentIdentifier"},
}


def document(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> Xml.Element:
    """The PREMIS document of the scene's result, with the least valid structure proved."""
    out, entries, server = scene
    Paperwork(out=out, claims=Claims(), premis=True, version="9.9").write(told(out, entries, server))
    root = Xml.parse(out / "box" / "a_colorized.premis.xml").getroot()
    for element in root.iter():
        name = element.tag.removeprefix(P)
        children = [child.tag.removeprefix(P) for child in element]
        if not children:
            assert (element.text or "").strip(), name
            continue
        allowed = ORDER[name].split()
        places = [next(at for at, each in enumerate(allowed) if each.rstrip("*") == child) for child in children]
        assert places == sorted(places), name
        assert all(children.count(each) <= 1 for each in allowed if not each.endswith("*")), name
        assert NEEDED.get(name, set()) <= set(children), name
    return root


def test_premis_tells_what_happened(scene: tuple[Path, list[tuple[str, Entry]], Server]) -> None:
    """Master and derivative with fixity, a creation as the event, program and net as agents, linked with each other."""
    root = document(scene)
    master, derivative = root.findall(f"{P}object")
    good = scene[1][0][1]
    kind = "{http://www.w3.org/2001/XMLSchema-instance}type"
    assert (root.get("version"), master.get(kind)) == ("3.0", "premis:file")
    assert [each.text for each in master.iter(f"{P}objectIdentifierValue")] == [good.sha256, "HS-1"]
    assert [each.text for each in master.iter(f"{P}messageDigest")] == [good.sha256]
    assert [each.text for each in master.iter(f"{P}size")] == [str(Path(good.path).stat().st_size)]
    assert [each.text for each in derivative.iter(f"{P}messageDigest")] == [good.derivative]
    assert [each.text for each in derivative.iter(f"{P}relatedObjectIdentifierValue")] == [good.sha256]
    subtype = next(derivative.iter(f"{P}relationshipSubType"))
    assert (subtype.text, subtype.get("valueURI")) == (
        "has source",
        "http://id.loc.gov/vocabulary/preservation/relationshipSubType/hss",
    )
    event = root.find(f"{P}event")
    assert event is not None
    assert event.findtext(f"{P}eventType") == "creation"
    assert event.findtext(f"{P}eventDateTime") == "2026-01-31T10:00:00Z"
    assert '"temperature": 0.38' in (next(event.iter(f"{P}eventDetail")).text or "")
    named = {each.text for each in root.iter(f"{P}agentIdentifierValue")}
    assert {each.text for each in event.iter(f"{P}linkingAgentIdentifierValue")} == named == {"photochrom", "d" * 64}
    objects = {each.text for each in event.iter(f"{P}linkingObjectIdentifierValue")}
    assert objects == {good.sha256, good.derivative}
    identifier = event.findtext(f"{P}eventIdentifier/{P}eventIdentifierValue")
    assert {each.text for each in root.iter(f"{P}linkingEventIdentifierValue")} == {identifier} == {"job-1/items/0"}


@pytest.mark.parametrize(
    ("kind", "key"), [("tiff", "fmt/353"), ("jp2", "x-fmt/392"), ("jpeg", None), ("bigtiff", None)]
)
def test_formats_have_pronom_keys_where_one_is_sure(
    scene: tuple[Path, list[tuple[str, Entry]], Server], kind: str, key: str | None
) -> None:
    """A kind with several keys, by version, has none here rather than a wrong one."""
    paper = told(*scene)[0]
    text = premis(paper, master_size=None, kinds={"master": kind}, version="")
    assert [each.text for each in Xml.fromstring(text).iter(f"{P}formatRegistryKey")] == ([key] if key else [])


@given(st.text(min_size=1))
def test_any_name_is_well_formed(name: str) -> None:
    """Names that XML cannot hold are shown with a replacement character."""
    facts = {"state": "succeeded", "output": "a.png", "client_ref": name, "filename": name}
    known = Entry(path="/x", recipe="{}", sha256="0" * 64, number=0, **facts)
    paper = Paper(entry=known, job={"id": "j", "recipe": RECIPE, "model": "lite"}, row=row(0, b"x"))
    text = premis(paper, master_size=1, kinds={}, version="1")
    Xml.fromstring(text.encode("utf-8", "replace"))
    assert json.loads(sidecar(paper))["master"]["path"] == name
    assert sidecar_path("box.1/a_colorized.tif") == "box.1/a_colorized.json"


# Verifying.


def test_verify_finds_what_rotted(scene: tuple[Path, list[tuple[str, Entry]], Server], tmp_path: Path) -> None:
    """Sound results are counted; one that changed or is gone is named, on a copy without any state as well."""
    out, entries, server = scene
    Paperwork(out=out, claims=Claims()).write(told(out, entries, server))
    copy = out.rename(tmp_path / "elsewhere")
    sound = CliRunner().invoke(main, ["verify", str(copy)])
    assert (sound.exit_code, sound.stdout) == (0, "1 sound.\n")
    (copy / "box" / "a_colorized.png").write_bytes(b"rot")
    rotten = CliRunner().invoke(main, ["verify", str(copy), "--json"])
    assert rotten.exit_code == 1
    finding, summary = map(json.loads, rotten.stdout.splitlines())
    assert (finding["path"], finding["state"]) == ("box/a_colorized.png", "changed")
    assert summary == {"summary": {"sound": 0, "changed": 1}}
    (copy / "box" / "a_colorized.png").unlink()
    assert CliRunner().invoke(main, ["verify", str(copy)]).stdout.startswith("missing\tbox/a_colorized.png")
    (copy / "report.csv").unlink()
    assert CliRunner().invoke(main, ["verify", str(copy)]).exit_code == 2
    (copy / "report.csv").write_text("a,b\n")
    assert CliRunner().invoke(main, ["verify", str(copy)]).exit_code == 2


def test_verify_checks_a_bag_as_a_bag(scene: tuple[Path, list[tuple[str, Entry]], Server], tmp_path: Path) -> None:
    """In a bag the tag files count too."""
    out, entries, server = scene
    payload = open_bag(tmp_path / "bag")
    payload.rmdir()
    out.rename(payload)
    Paperwork(out=payload, claims=Claims()).write(told(payload, entries, server))
    close_bag(tmp_path / "bag", known=lambda _: None, agent="photochrom", today=date(2026, 1, 31), info={})
    said = CliRunner().invoke(main, ["verify", str(tmp_path / "bag")])
    assert (said.exit_code, said.stdout) == (0, "1 sound, and the bag is valid.\n")
    (tmp_path / "bag" / "bag-info.txt").write_text("")
    broken = CliRunner().invoke(main, ["verify", str(tmp_path / "bag")])
    assert broken.exit_code == 2
    assert "bag-info.txt" in broken.stderr
