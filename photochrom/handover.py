"""Handover: what a run leaves in OUT beside the results."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from photochrom.bag_making import close_bag, open_bag
from photochrom.bags import PAYLOAD
from photochrom.intakes import Intake
from photochrom.papers import Reports, Server, papers
from photochrom.paperwork import Paperwork
from photochrom.reading import cores
from photochrom.scans import STATE_FOLDER
from photochrom.state import State
from photochrom.submission import Submission

#: Tags of bag-info.txt that are told by what is there.
_OURS = ("bagging-date", "bag-software-agent", "payload-oxum")


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

    @property
    def state(self) -> Path:
        """Where the state lies: in OUT, also where that is a bag, of which it is no part."""
        return self.out / STATE_FOLDER

    @property
    def results(self) -> Path:
        """Where the results go."""
        return self.out / PAYLOAD if self.bag else self.out

    def begin(self) -> None:
        """Makes OUT fit for results; a bag is none from here until it is finished."""
        if self.bag:
            open_bag(self.out)

    def papers(self, run: Submission, client: Server, intake: Intake, *, ask: bool = True) -> list[str]:
        """Writes report, sidecars and PREMIS of all scans of a run; returns those that are not ours and stayed.

        Without `ask` they hold what was heard before. Raises ClientError where the server does not answer.
        """
        work = Paperwork(
            out=self.results,
            claims=run.state,
            sidecars=self.sidecars,
            premis=self.premis,
            force=self.force,
            version=version("photochrom"),
            columns=intake.columns(),
            cells=intake.cells,
        )
        with closing(Reports(self.state / "reports.sqlite3")) as reports:
            for job, _ in run.by_job() if ask else ():
                if job:
                    reports.fetch(client, job)
            return work.write(papers(run.by_job(), reports))

    def finish(self, state: State) -> None:
        """Makes OUT a bag, if that is wished; raises DownloadDamaged where a result is not what it was."""
        if self.bag:
            agent = f"photochrom {version('photochrom')}"
            today = datetime.now(UTC).date()

            def claimed(path: str) -> str | None:
                rows = state.database.rows("SELECT sha256 FROM outputs WHERE output = ?", path)
                return rows[0][0] or None if rows else None

            close_bag(self.out, known=claimed, agent=agent, today=today, info=self.info, threads=cores())


def read_info(texts: tuple[str, ...]) -> dict[str, str]:
    """Returns further tags of bag-info.txt, each typed as `Name: value`; raises click.UsageError."""
    info = {}
    for text in texts:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not (name and colon and value) or name.lower() in _OURS:
            raise click.UsageError(
                f"--bag-info {text!r} is no tag such as 'Source-Organization: Museum', or one of ours."
            )
        info[name] = value
    return info
