"""Paperwork: what lies beside the results when a run ends: `report.csv`, sidecars, PREMIS."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from photochrom.files.dimensions import header
from photochrom.files.folders import make_folder
from photochrom.files.replacing import replacing
from photochrom.papers.paper import Paper
from photochrom.papers.premis import premis
from photochrom.papers.sidecars import sidecar, sidecar_path
from photochrom.papers.table import REPORT, Table


class Claims(Protocol):
    """What tells which files in OUT are ours."""

    def ours(self, output: str) -> bool:
        """Tells whether a file in OUT was written by us."""

    def claim_output(self, output: str, sha256: str) -> None:
        """Notes that a file in OUT is ours; before it appears there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paperwork:
    """Which papers are written, and where."""

    #: the folder of the results
    out: Path
    claims: Claims
    #: a JSON file beside each result
    sidecars: bool = True
    #: a PREMIS document beside each result
    premis: bool = False
    #: whether files that are not ours are replaced
    force: bool = False
    #: the version of this client, for PREMIS
    version: str = ""
    #: names of a manifest's further columns
    columns: Sequence[str] = ()
    #: a scan's cells in these columns, by the scan's name
    cells: Callable[[str], Sequence[str]] = field(default=lambda name: ())

    def write(self, papers: Iterable[Paper], *, beside: bool = True) -> list[str]:
        """Writes the report, and `beside` each result its papers; returns the paths that are not ours and stayed.

        What lies there with the same text is left alone, so that a second run writes the report only. Raises OSError.
        """
        foreign: list[str] = []
        ours = self._claim(REPORT, "")
        if not ours:
            foreign.append(REPORT)
        with replacing(self.out / REPORT) if ours else Path(os.devnull).open("w") as file:
            table = Table(file, self.columns)
            for paper in papers:
                table.write(paper, self.cells(paper.entry.filename))
                if beside:
                    foreign += self.write_beside(paper)
        return foreign

    def write_beside(self, paper: Paper) -> list[str]:
        """Writes what lies beside the results of one scan, as `write` does."""
        return [name for name, text in self._beside(paper) if not self._put(name, text)]

    def _beside(self, paper: Paper) -> Iterator[tuple[str, str]]:
        """Yields name and text of what lies beside the results of a scan, if it has any."""
        results = paper.results
        if not results:
            return
        if self.sidecars:
            yield sidecar_path(results[0].path), sidecar(paper)
        if self.premis:
            master = Path(paper.entry.path)
            kinds = {"master": _kind(master), **{each.path: _kind(self.out / each.path) for each in results}}
            size = master.stat().st_size if master.is_file() else None
            text = premis(paper, master_size=size, kinds=kinds, version=self.version)
            yield sidecar_path(results[0].path, ".premis.xml"), text

    def _put(self, name: str, text: str) -> bool:
        """Writes a file unless it is there already; says whether it is ours."""
        path = self.out / name
        body = text.encode()
        if path.is_file() and path.stat().st_size == len(body) and path.read_bytes() == body:
            return True
        if not self._claim(name, hashlib.sha256(body).hexdigest()):
            return False
        make_folder(path.parent)
        with replacing(path) as file:
            file.write(text)
        return True

    def _claim(self, name: str, sha256: str) -> bool:
        """Makes a file ours before it is written, unless it is somebody else's."""
        if (self.out / name).exists() and not self.force and not self.claims.ours(name):
            return False
        self.claims.claim_output(name, sha256)
        return True


def _kind(path: Path) -> str:
    """Returns what kind of picture a file is, or nothing where it is gone or not understood."""
    try:
        found = header(path)
    except OSError:
        return ""
    return found.kind if found else ""
