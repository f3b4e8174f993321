"""What a dry run says, and what its estimate rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from photochrom.bulk.state import State
from photochrom.errors import ServerUnreachable
from photochrom.plans.estimates import estimate
from photochrom.plans.memory import Memory
from photochrom.plans.plan import Plan, Survey
from photochrom.scans.scan import Scan, find
from photochrom.wire.records import Job
from tests.house import write_picture


class Server:
    """Has some files, a limit, slots, and a job that ended."""

    def __init__(
        self, *, has: Sequence[str] = (), limit: int = 1 << 40, slots: int = 4, rows: Sequence[Any] = ()
    ) -> None:
        self.has, self.limit, self.slots, self.rows = has, limit, slots, rows
        self.asked: list[Mapping[str, Any]] = []

    def missing(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        self.asked += files
        problem = {"code": "too_large", "limit": self.limit}
        return [
            {"sha256": file["sha256"]} | ({"problem": problem} if file["size"] > self.limit else {})
            for file in files
            if file["sha256"] not in self.has
        ]

    def queue(self) -> dict[str, Any]:
        return {"models": {"lite": {"slots": self.slots}}}

    def jobs(self, *, limit: int = 100) -> list[Job]:
        known = {"id": "job-9", "state": "completed", "total": 1, "counts": {}, "progress": 1.0, "model": "lite"}
        return [Job.from_json({**known, "eta_seconds": None, "waiting_for": None})] if self.rows else []

    def report(self, job_id: str) -> Iterator[bytes]:
        yield b"".join(json.dumps(row).encode() + b"\n" for row in self.rows)


class Silent(Server):
    """Does not answer."""

    def missing(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        raise ServerUnreachable("No.")

    def queue(self) -> dict[str, Any]:
        raise ServerUnreachable("No.")

    def jobs(self, *, limit: int = 100) -> list[Job]:
        raise ServerUnreachable("No.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two equal pictures, another one, one without a size, a false one and a text."""
    write_picture(tmp_path / "a.png", seed=1)
    write_picture(tmp_path / "copy.png", seed=1)
    write_picture(tmp_path / "b.tif", seed=2, width=1000, height=500)
    (tmp_path / "odd.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    (tmp_path / "false.jpg").write_text("no")
    (tmp_path / "notes.txt").write_text("text")
    return tmp_path


def survey(folder: Path, server: Server | None = None, *, hash_all: bool = False, **options: Any) -> Plan:
    """The plan of a folder."""
    looked = Survey(threads=2, **options)
    try:
        return looked.plan(find([folder], out=None, unreadable=looked.unreadable), hash_all=hash_all, server=server)
    finally:
        looked.close()


def test_pictures_are_counted_without_decoding(folder: Path) -> None:
    """Number, bytes, megapixels, equal ones and what would fail; only files of equal size are read."""
    plan = survey(folder)
    assert (plan.pictures, plan.unknown, plan.duplicates, plan.digests) == (4, 1, 1, 2)
    assert plan.bytes == sum((folder / name).stat().st_size for name in ("a.png", "copy.png", "b.tif", "odd.jpg"))
    assert plan.megapixels == pytest.approx(0.5 + 2 * 64 * 48 / 1e6)
    assert (plan.no_pictures, plan.skipped, plan.present, plan.very_large) == (1, 1, None, 0)
    assert plan.to_json()["megapixels"] == 0.5


def test_the_server_says_what_it_has_and_takes(folder: Path) -> None:
    """With all files read it is asked for each once; its limit is learned from its answer, by any digest."""
    everything = survey(folder, Server(), hash_all=True)
    assert (everything.digests, everything.present) == (4, 0)
    server = Server(limit=1000)
    small = survey(folder, server)
    assert small.too_large == 2 + 1 - sum(
        (folder / name).stat().st_size <= 1000 for name in ("a.png", "copy.png", "b.tif")
    )
    assert len({file["sha256"] for file in server.asked}) == len(server.asked)
    assert survey(folder, Silent(), hash_all=True).present is None


def test_what_earlier_runs_read_is_not_read_again(folder: Path, tmp_path: Path) -> None:
    """The state knows the digests of unchanged files; without a state nothing is known, and none is made."""
    scan = next(iter(find([folder / "a.png"], out=None)))
    stat = scan.path.stat()
    with closing(Memory(tmp_path / "none")) as nothing:
        assert nothing.digest(scan.path) is None
    assert not (tmp_path / "none").exists()
    with closing(State(tmp_path / "state")) as state:
        state.remember_digests([(str(scan.path.resolve()), stat.st_size, stat.st_mtime_ns, "5" * 64)])
    with closing(Memory(tmp_path / "state")) as memory:
        assert memory.digest(scan.path) == "5" * 64
        plan = survey(folder / "a.png", Server(has=["5" * 64]), known=memory.digest)
    assert (plan.pictures, plan.digests, plan.present) == (1, 1, 1)


def test_fixity_is_checked_where_all_is_read(folder: Path) -> None:
    """A digest that somebody vouches for counts as known; reading the files finds those that do not fit."""
    scan = Scan(
        path=folder / "a.png", relative=Path("a.png"), picture=True, promised=True, digests={"sha256": "0" * 64}
    )
    assert Survey(threads=1).plan([scan], hash_all=False, server=None).digests == 1
    assert Survey(threads=1).plan([scan], hash_all=True, server=None).mismatches == 1


def _row(seconds: float, side: int, **more: object) -> dict[str, Any]:
    return {"derivative": {"width": side, "height": side}, "timings": {"net": seconds}, **more}


PLAN = Plan(pictures=1200, megapixels=12_000.0, duplicates=200)


def test_an_estimate_rests_on_the_newest_job() -> None:
    """The times of pictures that were computed scale the estimate; those found made say nothing."""
    slow = [_row(2 * (0.09 + 0.05), 1000)] * 30
    made = [_row(0.001, 1000, already_made=True)] * 500
    found = estimate(PLAN, {}, Server(rows=[*made, *slow]))
    assert found.hours == pytest.approx(2 * 1000 * (0.09 + 0.05 * 10) / 4 / 3600)
    assert "30 pictures of your job job-9" in found.basis


def test_without_a_job_figures_are_named_as_what_they_are() -> None:
    """Figures of another machine, candidates counted; too few pictures are no basis."""
    found = estimate(PLAN, {"candidates": [0.2, 0.7]}, Server(rows=[_row(9.0, 1000)] * 19))
    assert found.hours == pytest.approx(1000 * (0.09 + 0.05 * 20) / 4 / 3600)
    assert "another machine" in found.basis
    assert found.to_json()["slots"] == 4


@pytest.mark.parametrize(
    ("server", "recipe", "words"),
    [
        (Silent(), {}, "does not say"),
        (Server(slots=0), {}, "no worker serves lite"),
        (Server(), {"model": "museum"}, "no job with museum has ended here yet"),
    ],
)
def test_what_nobody_knows_is_not_estimated(server: Server, recipe: dict[str, Any], words: str) -> None:
    """No server, no worker or an unknown net: no hours, and why."""
    found = estimate(PLAN, recipe, server)
    assert found.hours is None
    assert words in found.basis
