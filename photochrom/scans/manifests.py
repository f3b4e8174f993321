"""Manifests: a CSV that names what is sent, under which identifiers, with which fixity."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from photochrom.errors import IntakeInvalid
from photochrom.files.fixity import ALGORITHMS, is_digest
from photochrom.scans.filters import EVERYTHING, Filters
from photochrom.scans.scan import Scan, Unreadable, scan, walk

#: Columns that may hold the file, the first that is there counts; and the one that becomes client_ref.
_FILE, _IDENTIFIER = ("path", "filename"), "identifier"

#: The first is taken for a manifest of one column.
_DELIMITERS = (",", ";", "\t")

#: Characters that the service takes in a client_ref.
_MAX_IDENTIFIER = 512

#: Faults that are said in words; the others are counted.
_SAID = 20

_SCHEMA = """
CREATE TABLE rows (line INTEGER PRIMARY KEY, path TEXT UNIQUE, identifier TEXT UNIQUE, digests TEXT, extra TEXT);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Where the columns are."""

    names: tuple[str, ...]
    file: int
    identifier: int | None
    #: algorithm -> column
    digests: dict[str, int]
    #: the columns that are only handed back
    extra: tuple[int, ...]


class Manifest:
    """A manifest whose every row was checked. Rows lie in a temporary database, so that memory does not grow with them.

    Columns are told by the first line, whatever their case: `path` or `filename`, relative to the manifest's folder;
    `identifier`; `md5`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`. Any other comes back in the report.
    """

    def __init__(self, path: Path) -> None:
        """Reads a CSV (UTF-8 or UTF-16 with its mark; comma, semicolon or tab); raises IntakeInvalid, OSError."""
        self.path = path
        self.folder = path.parent
        self._problems: list[str] = []
        self._count = 0
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        with path.open("rb") as raw:
            encoding = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
            self._read(file)
        if self._count:
            raise IntakeInvalid(f"The manifest {path.name} does not hold together", self._problems, self._count)

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM rows").fetchone()[0])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are only handed back."""
        return tuple(self._layout.names[place] for place in self._layout.extra)

    def scans(self, unreadable: Unreadable, filters: Filters = EVERYTHING) -> Iterator[Scan]:
        """Yields the scans that the rows name, in their order."""
        for path, identifier, digests in self._db.execute("SELECT path, identifier, digests FROM rows ORDER BY line"):
            if not filters.fits(path):
                continue
            facts = {"identifier": identifier, "digests": json.loads(digests)}
            if taken := scan(self.folder / path, Path(path), unreadable, **facts):
                yield taken

    def cells(self, name: str) -> Sequence[str]:
        """Returns what a scan's row has in `columns`, by the scan's name; empty texts where no row names it."""
        row = self._db.execute("SELECT extra FROM rows WHERE path = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else [""] * len(self.columns)

    def unnamed(self, *, out: Path | None) -> int:
        """Returns how many files lie in the manifest's folder that no row names; the manifest is none of them."""
        files = walk(self.folder, out=out, filters=EVERYTHING, unreadable=lambda path, error: None)
        named = "SELECT 1 FROM rows WHERE path = ?"
        return sum(file != self.path.name and not self._db.execute(named, (file,)).fetchone() for file in files)

    def close(self) -> None:
        """Removes the temporary database."""
        self._db.close()

    def _read(self, file: TextIO) -> None:
        delimiter = _delimiter(file)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            self._layout = self._columns(next(rows, []))
            line = rows.line_num
            self._db.execute("BEGIN")
            for row in rows:
                first, line = line + 1, rows.line_num
                if any(row):
                    self._take(first, row)
            self._db.execute("COMMIT")
        except csv.Error as error:
            self._fault(f"line {rows.line_num}: {error}")

    def _columns(self, header: Sequence[str]) -> _Layout:
        names = tuple(name.strip() for name in header)
        lower = [name.lower() for name in names]
        for name in sorted({name for name in lower if lower.count(name) > 1 and name}):
            self._fault(f"line 1, column {name}: two columns have this name")
        file = next((lower.index(name) for name in _FILE if name in lower), -1)
        if file < 0:
            self._fault(f"line 1: no column is called path or filename; these are: {', '.join(names) or 'none'}")
        identifier = lower.index(_IDENTIFIER) if _IDENTIFIER in lower else None
        digests = {name: lower.index(name) for name in ALGORITHMS if name in lower}
        known = {file, identifier, *digests.values()}
        extra = tuple(place for place, name in enumerate(names) if place not in known and name)
        return _Layout(names=names, file=file, identifier=identifier, digests=digests, extra=extra)

    def _take(self, line: int, row: Sequence[str]) -> None:
        """Checks one row and keeps it."""
        layout = self._layout
        if layout.file < 0:
            return
        if any(row[len(layout.names) :]):
            self._fault(f"line {line}: {len(row)} cells, but the first line names {len(layout.names)} columns")
            return
        cells = [*row, *[""] * (len(layout.names) - len(row))]
        if wrong := next((name for name, cell in zip(layout.names, cells, strict=False) if not _is_text(cell)), None):
            self._fault(f"line {line}, column {wrong}: this is not UTF-8; save the table as UTF-8")
            return
        path = self._path(line, cells)
        identifier = None if layout.identifier is None else cells[layout.identifier].strip() or None
        if identifier and len(identifier) > _MAX_IDENTIFIER:
            self._fault(
                f"line {line}, column identifier: {len(identifier)} characters; the service takes {_MAX_IDENTIFIER}"
            )
        digests = {name: cells[place].strip().lower() for name, place in layout.digests.items() if cells[place].strip()}
        for name, digest in digests.items():
            if not is_digest(name, digest):
                self._fault(f"line {line}, column {name}: {digest!r} is no {name.upper()} of {ALGORITHMS[name]} digits")
        if path is not None:
            extra = [cells[place] for place in layout.extra]
            self._keep(line, path, identifier, json.dumps(digests), json.dumps(extra))

    def _path(self, line: int, cells: Sequence[str]) -> str | None:
        """Returns the file that a row names, with forward slashes, or None where that is none."""
        column, cell = self._layout.names[self._layout.file], cells[self._layout.file].strip()
        if "\\" in cell and not _is_file(self.folder / cell):
            cell = cell.replace("\\", "/")
        path = PurePosixPath(cell)
        if not cell:
            self._fault(f"line {line}, column {column}: empty")
        elif path.is_absolute() or ".." in path.parts:
            self._fault(f"line {line}, column {column}: {cell} does not lie below the manifest's folder")
        elif not _is_file(self.folder / path):
            self._fault(f"line {line}, column {column}: {cell} is not there")
        else:
            return str(path)
        return None

    def _keep(self, line: int, path: str, *rest: str | None) -> None:
        """Keeps a row, or says which earlier one has the same path or identifier."""
        try:
            self._db.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", (line, path, *rest))
        except sqlite3.IntegrityError:
            column = self._layout.names[self._layout.file]
            for key, shown, value in (("path", column, path), (_IDENTIFIER, _IDENTIFIER, rest[0])):
                earlier = self._db.execute(f"SELECT line FROM rows WHERE {key} = ?", (value,)).fetchone()  # noqa: S608
                if earlier:
                    self._fault(f"line {line}, column {shown}: {value} stands in line {earlier[0]} already")

    def _fault(self, words: str) -> None:
        self._count += 1
        if len(self._problems) < _SAID:
            self._problems.append(words)


def _delimiter(file: TextIO) -> str:
    """Returns the delimiter under which the first line names the file's column; leaves the file at its beginning."""
    first = file.readline()
    file.seek(0)
    for delimiter in _DELIMITERS:
        try:
            names = {name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])}
        except csv.Error:
            continue
        if names & set(_FILE):
            return delimiter
    return max(_DELIMITERS, key=first.count)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for any file
        return False


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
