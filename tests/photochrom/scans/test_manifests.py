"""A CSV that says what is sent."""

from __future__ import annotations

import csv
import hashlib
import io
import string
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.errors import IntakeInvalid
from photochrom.scans.filters import Filters
from photochrom.scans.manifests import Manifest
from photochrom.scans.scan import Scan
from tests.house import write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scans, one below a folder."""
    write_picture(tmp_path / "a.png", seed=1)
    write_picture(tmp_path / "box" / "b.png", seed=2)
    return tmp_path


def read(folder: Path, text: str | bytes) -> Manifest:
    """The manifest of a text."""
    path = folder / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Manifest(path)


def scans(manifest: Manifest, **options: Filters) -> list[Scan]:
    """What it names; nothing is unreadable."""
    return list(manifest.scans(lambda path, error: pytest.fail(f"{path}: {error}"), **options))


def faults(folder: Path, text: str | bytes) -> tuple[str, ...]:
    """What is wrong with a text."""
    with pytest.raises(IntakeInvalid) as caught:
        read(folder, text)
    return caught.value.problems


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_come_as_spreadsheets_write_them(folder: Path, delimiter: str, end: str, encoding: str) -> None:
    """Delimiter, line ends, byte order mark and the case of column names are what they are."""
    rows = [["Path", "Identifier", "Note"], ["a.png", "HS-1", 'Zürich, "Limmat"; 1900'], ["box/b.png", "HS-2", ""]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    manifest = read(folder, out.getvalue().encode(encoding))
    assert [(scan.name, scan.identifier, scan.picture) for scan in scans(manifest)] == [
        ("a.png", "HS-1", True),
        ("box/b.png", "HS-2", True),
    ]
    assert manifest.columns == ("Note",)
    assert manifest.cells("a.png") == ['Zürich, "Limmat"; 1900']
    assert manifest.cells("never.png") == [""]


def test_what_is_vouched_for_goes_along(folder: Path) -> None:
    """Digests in any case, of several algorithms; a row may lack some; short rows are padded and empty ones passed."""
    sha256 = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    manifest = read(folder, f"filename,sha256,md5\na.png,{sha256.upper()},{'0' * 32}\n,,\n\nbox/b.png\n")
    first, second = scans(manifest)
    assert first.digests == {"sha256": sha256, "md5": "0" * 32}
    assert second.digests == {}
    assert first.identifier is None
    assert len(manifest) == 2


def test_only_what_it_names_is_taken(folder: Path) -> None:
    """Patterns narrow it; files that no row names are counted, without the manifest itself."""
    write_picture(folder / "box" / "c.png")
    manifest = read(folder, "path\na.png\nbox/b.png\n")
    assert [scan.name for scan in scans(manifest, filters=Filters.of(["box/*"]))] == ["box/b.png"]
    assert manifest.unnamed(out=None) == 1
    manifest.close()


def test_paths_of_windows_are_read(folder: Path) -> None:
    """Backslashes separate folders where no file has that name."""
    assert [scan.name for scan in scans(read(folder, "path\nbox\\b.png\n"))] == ["box/b.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,note\na.png,x\n", "line 1: no column is called path or filename; these are: file, note"),
        ("", "line 1: no column is called path or filename; these are: none"),
        ("path,Path\na.png,a.png\n", "line 1, column path: two columns have this name"),
        ("path\na.png\ngone.png\n", "line 3, column path: gone.png is not there"),
        ("path\n/etc/passwd\n", "line 2, column path: /etc/passwd does not lie below the manifest's folder"),
        ("path\nbox/../../x\n", "line 2, column path: box/../../x does not lie below the manifest's folder"),
        ("path,identifier\n,HS-1\n", "line 2, column path: empty"),
        ("path\na.png\n./a.png\n", "line 3, column path: a.png stands in line 2 already"),
        ("path,identifier\na.png,X\nbox/b.png, X\n", "line 3, column identifier: X stands in line 2 already"),
        ("path,sha256\na.png,abc\n", "line 2, column sha256: 'abc' is no SHA256 of 64 digits"),
        (f"path,identifier\na.png,{'x' * 513}\n", "line 2, column identifier: 513 characters; the service takes 512"),
        ("path,note\na.png,x,y\n", "line 2: 3 cells, but the first line names 2 columns"),
        ('path,note\n"a.png,x\n', "line 2: unexpected end of data"),
        (b"path,note\na.png,Z\xfcrich\n", "line 2, column note: this is not UTF-8; save the table as UTF-8"),
        ('path,note\nbox/b.png,"one\ntwo"\ngone.png,\n', "line 4, column path: gone.png is not there"),
        (f"path\n{'x' * 5000}\n", f"line 2, column path: {'x' * 5000} is not there"),
    ],
)
def test_faults_name_line_and_column(folder: Path, text: str | bytes, words: str) -> None:
    """Whatever is wrong is said where it stands, in words."""
    assert faults(folder, text) == (words,)


def test_all_faults_are_counted_and_the_first_said(folder: Path) -> None:
    """A table with a thousand faults is told of in twenty lines."""
    with pytest.raises(IntakeInvalid, match=r"and 980 more") as caught:
        read(folder, "path\n" + "".join(f"gone-{number}.png\n" for number in range(1000)))
    assert len(caught.value.problems) == 20
    assert caught.value.count == 1000


CELL = st.text(string.printable + "éß中", max_size=20).filter(lambda text: "\0" not in text)


@given(st.lists(CELL, min_size=1, max_size=4))
def test_further_columns_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    """Quotes, line ends and delimiters in cells that are only handed back survive."""
    folder = tmp_path_factory.getbasetemp() / "cells"
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = io.StringIO()
    names = [f"c{number}" for number in range(len(cells))]
    csv.writer(out).writerows([["path", *names], ["a.png", *cells]])
    manifest = read(folder, out.getvalue())
    assert manifest.columns == tuple(names)
    assert manifest.cells("a.png") == cells
    manifest.close()


@given(st.binary(max_size=80))
def test_any_bytes_are_a_manifest_or_faults(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    """No file breaks the reader: it is understood or said to be wrong."""
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    for head in (b"path,identifier\n", b""):
        with suppress(IntakeInvalid):
            assert len(read(folder, head + body)) >= 0
