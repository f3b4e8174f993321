"""Bags in and out, against the Library of Congress's own bagit and against sha256sum."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path

import bagit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.bagit.bags import Bag
from photochrom.bagit.lines import decode, encode, manifest_line, read_line, tags
from photochrom.bagit.making import close_bag, open_bag
from photochrom.errors import DownloadDamaged, IntakeInvalid
from photochrom.scans.filters import Filters
from tests.house import write_picture


@pytest.fixture
def received(tmp_path: Path) -> Path:
    """A bag that the Library's tool made of three files."""
    folder = tmp_path / "bag"
    write_picture(folder / "a.png", seed=1)
    write_picture(folder / "box" / "b.tif", seed=2)
    (folder / "box" / "notes.txt").write_text("text")
    bagit.make_bag(str(folder), {"Contact-Name": "Anna"}, checksums=["md5", "sha512"])
    return folder


def names(bag: Bag, **options: Filters) -> list[str]:
    """What it would send."""
    return [scan.name for scan in bag.scans(lambda path, error: pytest.fail(f"{path}: {error}"), **options)]


def faults(folder: Path) -> str:
    """What is wrong with a bag."""
    with pytest.raises(IntakeInvalid) as caught:
        Bag(folder, threads=2)
    return "\n".join(caught.value.problems)


def test_a_bag_is_read(received: Path) -> None:
    """Every payload file comes with the SHA-256 that it was found to have, below `data/`."""
    bag = Bag(received, threads=2)
    assert names(bag) == ["a.png", "box/b.tif", "box/notes.txt"]
    assert names(bag, filters=Filters.of(["*.tif"])) == ["box/b.tif"]
    for scan in bag.scans(lambda path, error: None):
        assert scan.digests == {"sha256": hashlib.sha256(scan.path.read_bytes()).hexdigest()}
    bag.close()


def _drop(name: str) -> Callable[[Path], object]:
    return lambda bag: (bag / name).unlink()


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda bag: (bag / name).write_text(text)


def _append(name: str, text: str) -> Callable[[Path], object]:
    return lambda bag: (bag / name).write_text((bag / name).read_text() + text)


_NO_DIGEST = "0" * 32


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_write("data/a.png", "other"), "data/a.png: its MD5 is"),
        (_drop("data/a.png"), "data/a.png: listed, but not there"),
        (_write("data/new.png", "x"), "data/new.png: there, but not listed"),
        (_write("data/.hidden", "x"), "data/.hidden: there, but not listed"),
        (lambda bag: shutil.rmtree(bag / "data"), "data: there is no such folder"),
        (lambda bag: [path.unlink() for path in bag.glob("manifest-*")], "there is no manifest"),
        (_write("manifest-crc32.txt", ""), "crc32 cannot be checked here"),
        (_write("fetch.txt", "https://example.org/a 1 data/x\n"), "fetch.txt: parts of the bag lie elsewhere"),
        (_write("bagit.txt", "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n"), "BagIt 2.0 is not known"),
        (_write("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: martian\n"), "martian is not known"),
        (_write("bagit.txt", "hello\n"), "it must have two lines"),
        (
            _write("bagit.txt", "\ufeffBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"),
            "it must have two lines",
        ),
        (_append("manifest-md5.txt", f"{_NO_DIGEST}  data/../../etc/passwd\n"), "must not stand here"),
        (_append("manifest-md5.txt", f"{_NO_DIGEST}  /etc/passwd\n"), "must not stand here"),
        (_append("manifest-md5.txt", f"{_NO_DIGEST}  bag-info.txt\n"), "must not stand here"),
        (_append("tagmanifest-md5.txt", f"{_NO_DIGEST}  data/a.png\n"), "must not stand here"),
        (_append("manifest-md5.txt", "nonsense\n"), "manifest-md5.txt, line 4: no MD5 digest and path"),
        (_append("manifest-md5.txt", f"{_NO_DIGEST}  data/a.png\n"), "data/a.png is listed twice"),
        (_write("bag-info.txt", "Payload-Oxum: 1.1\n"), "Payload-Oxum is 1.1"),
        (_write("bag-info.txt", "nonsense\n"), "'nonsense' is no tag"),
        (_append("bag-info.txt", "More: x\n"), "bag-info.txt: its MD5 is"),
        (_drop("bag-info.txt"), "bag-info.txt: listed, but not there"),
        (lambda bag: (bag / "data/a.png").unlink() or (bag / "data/a.png").symlink_to("/etc/hostname"), "a link out"),
        (lambda bag: (bag / "manifest-md5.txt").write_bytes(b"\xff\xfe\n"), "manifest-md5.txt: it is not UTF-8"),
    ],
)
def test_a_damaged_bag_is_refused(received: Path, harm: Callable[[Path], object], words: str) -> None:
    """Whatever was lost, added, changed or would lead elsewhere is said, by file."""
    harm(received)
    assert words in faults(received)


def test_since_1_0_every_manifest_lists_every_file(received: Path) -> None:
    """A payload file that only one of two manifests lists is enough for 0.97 and too little for 1.0."""
    lines = (received / "manifest-md5.txt").read_text().splitlines(keepends=True)
    (received / "manifest-md5.txt").write_text("".join(lines[1:]))
    for path in received.glob("tagmanifest-*"):
        path.unlink()
    Bag(received).close()
    (received / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    assert "there, but not listed by every manifest" in faults(received)


def test_names_may_be_spelled_otherwise(tmp_path: Path) -> None:
    """A manifest in composed Unicode finds files whose names a file system has decomposed."""
    payload = tmp_path / "data"
    name = "Zürich.png"
    write_picture(payload / unicodedata.normalize("NFD", name))
    digest = hashlib.sha256(next(payload.iterdir()).read_bytes()).hexdigest()
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 1.0\r\nTag-File-Character-Encoding: UTF-8\r\n")
    line = manifest_line(digest.upper(), f"data/{unicodedata.normalize('NFC', name)}")
    (tmp_path / "manifest-sha256.txt").write_text("\ufeff" + line)
    assert names(Bag(tmp_path)) == [unicodedata.normalize("NFD", name)]


def test_other_encodings_of_tag_files_are_read(tmp_path: Path) -> None:
    """The manifest of an old bag in Latin-1 is read as its declaration says."""
    write_picture(tmp_path / "data" / "Zürich.png")
    digest = hashlib.md5((tmp_path / "data" / "Zürich.png").read_bytes()).hexdigest()
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 0.96\nTag-File-Character-Encoding: ISO-8859-1\n")
    (tmp_path / "manifest-md5.txt").write_text(f"{digest} *data/Zürich.png\n", encoding="latin-1")
    assert names(Bag(tmp_path)) == ["Zürich.png"]


@given(st.text(min_size=1), st.sampled_from([(0, 97), (1, 0)]))
def test_any_path_survives_a_manifest(name: str, version: tuple[int, int]) -> None:
    """Line ends and % are encoded and come back; before 1.0 a % was never encoded and is left alone."""
    path = f"data/{name}"
    line = manifest_line("ab" * 32, path)
    assert line.count("\n") == 1
    assert "\r" not in line
    assert read_line(line, (1, 0)) == ("ab" * 32, path)
    assert decode(encode(path), (1, 0)) == path
    assert decode("%25", (0, 97)) == "%25"
    assert decode("%0a%0D", version) == "\n\r"


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z-]{1,12}", fullmatch=True), st.text("abc :é", max_size=12))))
def test_tags_are_read_as_they_were_written(pairs: list[tuple[str, str]]) -> None:
    """Names, values and folded lines come back, repeated names too."""
    lines = [f"{name}: {' '.join(value.split())}\n" for name, value in pairs]
    assert list(tags(lines)) == [(name, " ".join(value.split())) for name, value in pairs]
    assert list(tags(["A: one\n", "  two\n", "\n", "B:\n"])) == [("A", "one two"), ("B", "")]


def made(folder: Path, **known: str) -> None:
    """Closes a bag."""
    info = {"External-Identifier": "HS\n1"}
    close_bag(folder, known=known.get, agent="photochrom 1", today=date(2026, 1, 31), info=info, threads=2)


def test_a_bag_of_ours_is_valid_for_others(tmp_path: Path) -> None:
    """The Library's tool and sha256sum find it valid; bag-info says what is known and no more."""
    payload = open_bag(tmp_path)
    write_picture(payload / "a b_colorized.png", seed=1)
    write_picture(payload / "Kiste ä" / "c_colorized.tif", seed=2)
    (payload / "report.csv").write_text("path\n")
    (tmp_path / ".photochrom").mkdir()
    (tmp_path / ".photochrom" / "state.sqlite3").write_bytes(b"no part of the bag")
    made(tmp_path)
    judge = bagit.Bag(str(tmp_path))
    judge.validate()
    assert judge.info == {
        "Bag-Software-Agent": "photochrom 1",
        "Bagging-Date": "2026-01-31",
        "External-Identifier": "HS 1",
        "Payload-Oxum": judge.info["Payload-Oxum"],
    }
    assert (tmp_path / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    for algorithm in ("sha256", "sha512"):
        for kind in ("manifest", "tagmanifest"):
            command = [f"{algorithm}sum", "--strict", "-c", f"{kind}-{algorithm}.txt"]
            subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert names(Bag(tmp_path)) == ["Kiste ä/c_colorized.tif", "a b_colorized.png", "report.csv"]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith((".part", ".new"))]


def test_names_with_percent_and_line_ends_survive(tmp_path: Path) -> None:
    """What RFC 8493 wants encoded is found again by our own reader."""
    payload = open_bag(tmp_path)
    for name in ("100%.png", "a%0Ab.png", "two\nlines.png", "%25.png"):
        write_picture(payload / name)
    made(tmp_path)
    assert names(Bag(tmp_path)) == sorted(["100%.png", "a%0Ab.png", "two\nlines.png", "%25.png"])


def test_an_unfinished_bag_is_no_bag(tmp_path: Path) -> None:
    """From the moment that results may change until the end there is no bagit.txt; closing it again makes it valid."""
    payload = open_bag(tmp_path)
    write_picture(payload / "a.png", seed=1)
    made(tmp_path)
    open_bag(tmp_path)
    write_picture(payload / "b.png", seed=2)
    assert not (tmp_path / "bagit.txt").exists()
    made(tmp_path)
    bagit.Bag(str(tmp_path)).validate()


def test_a_result_that_changed_is_not_bagged(tmp_path: Path) -> None:
    """A file that lost its fixity since it was written is named, and the bag stays unfinished."""
    payload = open_bag(tmp_path)
    write_picture(payload / "a.png")
    with pytest.raises(DownloadDamaged, match=r"data/a\.png has changed"):
        made(tmp_path, **{"a.png": "0" * 64})
    assert not (tmp_path / "bagit.txt").exists()
    made(tmp_path, **{"a.png": hashlib.sha256((payload / "a.png").read_bytes()).hexdigest()})
    assert (tmp_path / "bagit.txt").exists()
