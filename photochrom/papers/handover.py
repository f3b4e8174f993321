"""Handover: what a run leaves in OUT beside the results."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from photochrom.bagit.bags import PAYLOAD
from photochrom.bagit.making import close_bag, is_made_here, open_bag
from photochrom.bulk.state import Entry, State
from photochrom.bulk.submission import Brought, Submission
from photochrom.errors import ClientError
from photochrom.files.fixity import cores
from photochrom.papers.paper import papers
from photochrom.papers.paperwork import Paperwork
from photochrom.papers.reports import Reports, Server
from photochrom.scans.scan import STATE_FOLDER

#: File of the state that says where in OUT the results lie.
_PLACE = "results"

#: Tags of bag-info.txt that are told by what is there.
_OURS = ("bagging-date", "bag-software-agent", "payload-oxum")


class Columns(Protocol):
    """A table's own columns, which come back in the report."""

    def columns(self) -> Sequence[str]:
        """Returns their names."""

    def cells(self, name: str) -> Sequence[str]:
        """Returns a scan's cells in them, by the scan's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """How OUT is left."""

    out: Path
    #: make OUT a bag, whose payload the results are
    bag: bool = False
    #: further tags of bag-info.txt
    info: Mapping[str, str] = field(default_factory=dict)
    sidecars: bool = True
    premis: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for tags without a bag, or in place of ours."""
        if self.info and not self.bag:
            raise ValueError("Tags say something of a bag: ask for one.")
        if taken := [name for name in self.info if name.lower() in _OURS]:
            raise ValueError(f"The tag {taken[0]} is told by what is there.")

    @property
    def state(self) -> Path:
        """Where the state lies: in OUT, also where that is a bag, of which it is no part."""
        return self.out / STATE_FOLDER

    @property
    def results(self) -> Path:
        """Where the results go."""
        return self.out / PAYLOAD if self.bag else self.out

    def begin(self) -> None:
        """Makes OUT fit for results; a bag is none from here until it is finished.

        Raises FileExistsError, as `open_bag` does, and where an earlier run made a bag of OUT and this one would not,
        or the other way round: names that the state has as ours would then be those of other files.
        """
        place, asked = self.state / _PLACE, PAYLOAD if self.bag else "."
        before = PAYLOAD if is_made_here(self.out) else asked
        with suppress(FileNotFoundError):
            before = place.read_text("ascii")
        if before != asked:
            words = "the results of an earlier run lie in a bag here, or beside one. Ask for the same, or name another"
            raise FileExistsError(errno.EEXIST, f"{words} folder", str(self.out))
        if self.bag:
            open_bag(self.out)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(asked, "ascii")

    def brought(self, client: Server, table: Columns) -> Brought:
        """Returns what writes the papers of each job as soon as its results are here."""

        def write(run: Submission, job: str, entries: Callable[[], Iterable[Entry]]) -> None:
            self.papers_of(run, client, table, job, entries)

        return write

    @contextmanager
    def at_the_end(self, run: Submission, client: Server, table: Columns) -> Iterator[list[str]]:
        """Writes the papers when a run ends; when it is broken off the report alone, of what was heard so far.

        The list that it yields is filled with the papers that are not ours and stayed.
        """
        foreign: list[str] = []
        try:
            yield foreign
        except (KeyboardInterrupt, ClientError):
            # What broke it off, as a full disk, may forbid the report as well, and is what has to be told.
            with suppress(OSError, sqlite3.Error, ClientError):
                self.report(run, table)
            raise
        foreign += self.papers(run, client, table)

    def papers(self, run: Submission, client: Server, table: Columns) -> list[str]:
        """Writes report, sidecars and PREMIS of all scans of a run; returns those that are not ours and stayed.

        Raises ClientError where the server does not answer.
        """
        with closing(self._reports()) as reports:
            for job, _ in run.by_job():
                if job:
                    reports.fetch(client, job)
            return self._work(run, table).write(papers(run.by_job(), reports))

    def papers_of(
        self, run: Submission, client: Server, table: Columns, job: str, entries: Callable[[], Iterable[Entry]]
    ) -> None:
        """Writes sidecars and PREMIS of one job's scans, while others are still on their way."""
        work = self._work(run, table)
        with closing(self._reports()) as reports:
            reports.fetch(client, job)
            for paper in papers([(job, entries)], reports):
                work.write_beside(paper)

    def report(self, run: Submission, table: Columns) -> None:
        """Writes a report of what was heard so far; asks nobody."""
        with closing(self._reports()) as reports:
            self._work(run, table).write(papers(run.by_job(), reports), beside=False)

    def _reports(self) -> Reports:
        return Reports(self.state / "reports.sqlite3")

    def _work(self, run: Submission, table: Columns) -> Paperwork:
        return Paperwork(
            out=self.results,
            claims=run.state,
            sidecars=self.sidecars,
            premis=self.premis,
            force=self.force,
            version=version("photochrom"),
            columns=table.columns(),
            cells=table.cells,
        )

    def finish(self, state: State) -> None:
        """Makes OUT a bag, if that is wished; raises DownloadDamaged where a result is not what it was."""
        if self.bag:
            agent = f"photochrom {version('photochrom')}"
            today = datetime.now(UTC).date()

            def claimed(path: str) -> str | None:
                rows = state.database.rows("SELECT sha256 FROM outputs WHERE output = ?", path)
                return rows[0][0] or None if rows else None

            close_bag(self.out, known=claimed, agent=agent, today=today, info=self.info, threads=cores())
