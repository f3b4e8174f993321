"""Bags: a BagIt bag (RFC 8493) is checked as a whole before anything of it is sent."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from photochrom.bagit.lines import read_line, tags
from photochrom.errors import IntakeInvalid
from photochrom.files.fixity import ALGORITHMS, is_digest, many
from photochrom.scans.filters import EVERYTHING, Filters
from photochrom.scans.scan import Scan, Unreadable, scan

DECLARATION = "bagit.txt"
PAYLOAD = "data"

_VERSIONS = ((0, 93), (0, 94), (0, 95), (0, 96), (0, 97), (1, 0))
_DECLARED = re.compile(r"BagIt-Version *: *(\d+)\.(\d+)(?:\r\n|\r|\n)Tag-File-Character-Encoding *: *(\S+)\s*")

#: Since when every payload manifest lists every payload file.
_COMPLETE_SINCE = (1, 0)

#: Faults that are said in words; the others are counted.
_SAID = 20

_SCHEMA = """
CREATE TABLE files (path TEXT PRIMARY KEY, real TEXT) WITHOUT ROWID;
CREATE TABLE found (real TEXT PRIMARY KEY, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE digests (path TEXT, algorithm TEXT, digest TEXT, PRIMARY KEY (path, algorithm)) WITHOUT ROWID;
"""


class Bag:
    """A bag that was found valid. What its manifests say lies in a temporary database, not in memory.

    Names are compared in Unicode's normal form C, since a bag may come from a file system that spells them otherwise.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Reads every byte of the bag, `threads` files at once; raises IntakeInvalid, OSError."""
        self.folder = folder
        self._problems: list[str] = []
        self._count = 0
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        self._version, self._encoding = self._declaration()
        if not self._count:
            self._structure()
        if not self._count:
            self._files()
            self._completeness()
            self._oxum()
            self._fixity(threads)
        self._db.execute("COMMIT")
        if self._count:
            raise IntakeInvalid(f"The bag {folder} is not valid", self._problems, self._count)

    def scans(self, unreadable: Unreadable, filters: Filters = EVERYTHING) -> Iterator[Scan]:
        """Yields the payload's files with the SHA-256 that they have, sorted; relative paths begin below `data/`."""
        rows = "SELECT real, sha256 FROM found WHERE real GLOB 'data/*' ORDER BY real"
        for real, sha256 in self._db.execute(rows):
            relative = real.removeprefix(f"{PAYLOAD}/")
            if filters.reaches(relative):
                found = scan(self.folder / real, Path(relative), unreadable, digests={"sha256": sha256})
                if found:
                    yield found

    def close(self) -> None:
        """Removes the temporary database."""
        self._db.close()

    def _declaration(self) -> tuple[tuple[int, int], str]:
        """Returns version and encoding of the tag files."""
        text = (self.folder / DECLARATION).read_bytes().decode("utf-8", "replace")
        found = _DECLARED.fullmatch(text)
        if not found:
            self._fault(f"{DECLARATION}: it must have two lines, BagIt-Version and Tag-File-Character-Encoding")
            return (1, 0), "utf-8"
        version, encoding = (int(found[1]), int(found[2])), found[3]
        if version not in _VERSIONS:
            self._fault(f"{DECLARATION}: BagIt {found[1]}.{found[2]} is not known; 0.93 to 1.0 are")
        try:
            "a".encode(encoding)
        except LookupError:
            self._fault(f"{DECLARATION}: the character encoding {encoding} is not known")
        return version, encoding

    def _structure(self) -> None:
        """Looks at what must and must not be there, and takes in the manifests."""
        if not (self.folder / PAYLOAD).is_dir():
            self._fault(f"{PAYLOAD}: there is no such folder")
        fetch = self.folder / "fetch.txt"
        if fetch.exists() and fetch.read_bytes().strip():
            self._fault("fetch.txt: parts of the bag lie elsewhere; complete it first")
        self._manifests = self._of_kind("manifest")
        if not self._manifests:
            self._fault("there is no manifest such as manifest-sha512.txt")
        for kind in ("manifest", "tagmanifest"):
            for algorithm, path in self._of_kind(kind).items():
                if algorithm in ALGORITHMS:
                    self._manifest(path, algorithm, payload=kind == "manifest")
                else:
                    self._fault(f"{path.name}: {algorithm} cannot be checked here")

    def _of_kind(self, kind: str) -> dict[str, Path]:
        """Returns the manifests by algorithm, which is written in lower case and may have a hyphen."""
        found = sorted(self.folder.glob(f"{kind}-*.txt"))
        return {path.stem.removeprefix(f"{kind}-").lower().replace("-", ""): path for path in found}

    def _manifest(self, path: Path, algorithm: str, *, payload: bool) -> None:
        try:
            with path.open(encoding=self._encoding) as lines:
                for number, line in enumerate(lines, 1):
                    text = line.removeprefix("\ufeff") if number == 1 else line
                    if text.strip():
                        self._entry(f"{path.name}, line {number}", text, algorithm, payload=payload)
        except UnicodeDecodeError:
            self._fault(f"{path.name}: it is not {self._encoding}")

    def _entry(self, where: str, line: str, algorithm: str, *, payload: bool) -> None:
        entry = read_line(line, self._version)
        if entry is None or not is_digest(algorithm, entry[0]):
            self._fault(f"{where}: no {algorithm.upper()} digest and path")
            return
        digest, path = entry
        parts = PurePosixPath(path).parts
        plain = str(PurePosixPath(path)) == path and not path.startswith("/") and ".." not in parts
        if not plain or (parts[0] == PAYLOAD) != payload:
            self._fault(f"{where}: {path} must not stand here")
            return
        try:
            self._db.execute("INSERT INTO digests VALUES (?, ?, ?)", (normalize("NFC", path), algorithm, digest))
        except sqlite3.IntegrityError:
            self._fault(f"{where}: {path} is listed twice")

    def _files(self) -> None:
        """Notes what lies in the payload, and those tag files that are listed."""
        top = self.folder.resolve()
        for here, folders, names in os.walk(self.folder / PAYLOAD):
            folders.sort()
            for name in sorted(names):
                path = Path(here, name)
                real = path.relative_to(self.folder).as_posix()
                if not path.resolve().is_relative_to(top):
                    self._fault(f"{real}: a link out of the bag")
                self._note(real)
        for (path,) in self._db.execute("SELECT DISTINCT path FROM digests WHERE path NOT GLOB 'data/*'").fetchall():
            if (self.folder / path).is_file() and (self.folder / path).resolve().is_relative_to(top):
                self._note(path)

    def _note(self, real: str) -> None:
        if not (self.folder / real).is_file():
            self._fault(f"{real}: no file")
            return
        try:
            self._db.execute("INSERT INTO files (path, real) VALUES (?, ?)", (normalize("NFC", real), real))
        except sqlite3.IntegrityError:
            self._fault(f"{real}: two files differ only in how Unicode spells their names")
        except UnicodeEncodeError:
            self._fault(f"{real!r}: the name is not UTF-8")

    def _completeness(self) -> None:
        """Compares what is listed with what is there, both ways."""
        missing = "SELECT DISTINCT path FROM digests WHERE path NOT IN (SELECT path FROM files)"
        for (path,) in self._db.execute(missing):
            self._fault(f"{path}: listed, but not there")
        needed = len(self._manifests) if self._version >= _COMPLETE_SINCE else 1
        listed = "SELECT count(*) FROM digests WHERE digests.path = files.path"
        unlisted = f"SELECT real, ({listed}) AS times FROM files WHERE real GLOB 'data/*' AND times < ?"  # noqa: S608
        for path, times in self._db.execute(unlisted, (needed,)):
            self._fault(f"{path}: there, but not listed{' by every manifest' if times else ''}")

    def _oxum(self) -> None:
        """Compares bytes and number of payload files with what bag-info.txt says, where it does."""
        info = self.folder / "bag-info.txt"
        if not info.exists():
            return
        try:
            with info.open(encoding=self._encoding) as lines:
                said = [value for name, value in tags(lines) if name.lower() == "payload-oxum"]
        except ValueError as error:
            self._fault(f"bag-info.txt: {error}")
            return
        count, size = 0, 0
        for (real,) in self._db.execute("SELECT real FROM files WHERE real GLOB 'data/*'"):
            count, size = count + 1, size + (self.folder / real).stat().st_size
        if said and said[0] != f"{size}.{count}":
            self._fault(f"bag-info.txt: Payload-Oxum is {said[0]}, the payload has {size}.{count} (bytes.files)")

    def _fixity(self, threads: int) -> None:
        """Reads each file once, for all its digests, and for the SHA-256 under which it may be sent."""
        query = "SELECT algorithm, digest FROM digests WHERE path = ?"

        def expected(path: str) -> dict[str, str]:
            return dict(self._db.execute(query, (path,)).fetchall())

        files = self._db.execute("SELECT path, real FROM files ORDER BY path")
        wanted = ((self.folder / real, {"sha256", *expected(path)}) for path, real in files)
        for file, found in many(wanted, threads=threads):
            real = file.relative_to(self.folder).as_posix()
            if isinstance(found, OSError):
                self._fault(f"{real}: {found.strerror}")
                continue
            for algorithm, digest in expected(normalize("NFC", real)).items():
                if found[algorithm] != digest:
                    self._fault(f"{real}: its {algorithm.upper()} is {found[algorithm]}, listed is {digest}")
            self._db.execute("INSERT INTO found VALUES (?, ?)", (real, found["sha256"]))

    def _fault(self, words: str) -> None:
        self._count += 1
        if len(self._problems) < _SAID:
            self._problems.append(words)
