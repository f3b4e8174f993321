"""Where results lie."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

from photochrom.bulk.collection import Collection
from photochrom.bulk.state import Entry, State
from photochrom.scans.scan import find
from tests.house import write_picture


def names(state: State, *folders: Path) -> list[str]:
    """The places that a run over folders gives."""
    collection = Collection(state)
    found = [scan for folder in folders for scan in find([folder], out=None)]
    assert sum(collection.add(found)) == len(found)
    placed = sorted(str(collection.target(str(scan.path))) for scan in found)
    state.database.run("DETACH run")
    return placed


def color(state: State, scan: Path, output: str) -> None:
    """Notes that an earlier run colored a scan."""
    facts = scan.stat()
    state.remember_digests([(str(scan), facts.st_size, facts.st_mtime_ns, "a" * 64)])
    state.save(Entry(path=str(scan), recipe="{}", sha256="a" * 64, state="succeeded", output=output))


def test_collisions_are_told_apart(tmp_path: Path) -> None:
    """Scans that differ only in extension keep it; scans of the same name are numbered."""
    for path in ("x/a.jpg", "x/a.png", "x/b.png", "y/b.png"):
        write_picture(tmp_path / path)
    placed = names(State(tmp_path / "state"), tmp_path / "x", tmp_path / "y")
    assert placed == ["a.jpg_colorized", "a.png_colorized", "b-2_colorized", "b_colorized"]


def test_names_that_a_file_system_may_fold_are_told_apart(tmp_path: Path) -> None:
    """Case and the two forms of an umlaut give no name that another system takes for the same."""
    for path in ("A.png", "a.png", "\u00fc.png", "u\u0308.png"):
        write_picture(tmp_path / "x" / path)
    placed = names(State(tmp_path / "state"), tmp_path / "x")
    assert len({unicodedata.normalize("NFC", name).lower() for name in placed}) == 4


def test_a_second_box_leaves_the_first_ones_results(tmp_path: Path) -> None:
    """A scan of another run that is called the same keeps its result, also where its box is gone by now."""
    for box in ("x", "y"):
        write_picture(tmp_path / box / "0001.png", width=32 if box == "x" else 48)
    state = State(tmp_path / "state")
    color(state, tmp_path / "x" / "0001.png", "0001_colorized.png")
    assert names(state, tmp_path / "y") == ["0001-2_colorized"]
    assert names(state, tmp_path / "x") == ["0001_colorized"]
    shutil.rmtree(tmp_path / "x")
    assert names(state, tmp_path / "y") == ["0001-2_colorized"]


def test_a_box_that_moved_keeps_its_places(tmp_path: Path) -> None:
    """The same scans at another place, as after a new mount, get the places that they had."""
    scan = write_picture(tmp_path / "x" / "0001.png")
    state = State(tmp_path / "state")
    color(state, scan, "0001_colorized.png")
    (tmp_path / "x").rename(tmp_path / "y")
    assert names(state, tmp_path / "y") == ["0001_colorized"]


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    """Names of up to 255 bytes get results and papers whose names a file system takes, each its own."""
    for name in ("a" * 251, "a" * 250 + "b", "ü" * 125, "\u6f22" * 80):
        write_picture(tmp_path / "x" / f"{name}.png")
    placed = names(State(tmp_path / "state"), tmp_path / "x")
    assert len(set(placed)) == 4
    assert all(len(f"{name}-t0.700.premis.xml".encode()) <= 255 for name in placed)
