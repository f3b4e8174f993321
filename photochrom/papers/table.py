"""`report.csv`: a row a scan, with fixity, for people and for catalogs (RFC 4180, UTF-8)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from photochrom.papers.paper import Paper

#: The table's name in the results' folder.
REPORT = "report.csv"

COLUMNS = (
    "path",
    "identifier",
    "state",
    "code",
    "detail",
    "master_sha256",
    "derivative_sha256",
    "derivative_size",
    "media_type",
    "width",
    "height",
    "output",
    "delta_l_max",
    "delta_l_mean",
    "warnings",
    "candidate_temperatures",
    "candidate_sha256",
    "finished_at",
    "job",
    "number",
)

#: What a spreadsheet may run as a formula; also after quotes, so that `bare` can tell what was there.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Table:
    """A table that is being written; `extra` are the names of further columns, from a manifest."""

    def __init__(self, file: TextIO, extra: Sequence[str] = ()) -> None:
        """Writes the header. A further column that is called as one of ours gets `manifest_` before it."""
        self._writer = csv.writer(file)
        self._writer.writerow([*COLUMNS, *(f"manifest_{name}" if name in COLUMNS else safe(name) for name in extra)])

    def write(self, paper: Paper, extra: Sequence[str] = ()) -> None:
        """Writes the row of a scan."""
        self._writer.writerow([safe(cell) for cell in (*_cells(paper), *extra)])


def _cells(paper: Paper) -> Iterator[Any]:
    entry, row, results = paper.entry, paper.row, paper.results
    first = results[0] if results else None
    facts, measures = (first.facts, first.measures) if first else ({}, {})
    delta = measures.get("delta_l") or {}
    yield from (entry.filename, entry.client_ref, entry.state, entry.code, entry.detail, entry.sha256 or None)
    yield entry.derivative
    yield from (facts.get(name) for name in ("size", "media_type", "width", "height"))
    yield entry.output
    yield from (delta.get(name) for name in ("max", "mean"))
    yield " ".join(row.get("warnings", ()))
    several = results if len(results) > 1 else []
    yield " ".join(f"{each.measures['temperature']:.3f}" for each in several)
    yield " ".join(each.facts["sha256"] for each in several)
    yield from (row.get("finished_at"), paper.job.get("id"), entry.number)


def safe(cell: object) -> object:
    """Returns a cell with a quote before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def bare(cell: str) -> str:
    """Returns what `safe` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read(path: Path) -> Iterable[dict[str, str]]:
    """Yields the rows of a report by column; raises OSError, and ValueError where it is no report of ours."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        if not {"output", "derivative_sha256"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path} is no report of `photochrom submit`.")
        for row in rows:
            yield {name: bare(cell or "") for name, cell in row.items() if name is not None}
