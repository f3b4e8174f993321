"""What a person, or a script, sees while a submission runs."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from photochrom.outputs import outputs_of
from photochrom.state import Entry

#: The stages of a submission, in their order, and what each is called.
STAGES = {"read": "Reading", "upload": "Uploading", "color": "Coloring", "download": "Downloading"}


class Display(Protocol):
    """Where progress goes."""

    def expect(self, stage: str, more: int) -> None:
        """Adds to what a stage has to do."""

    def advance(self, stage: str) -> None:
        """Notes one thing done."""

    def note(self, text: str) -> None:
        """Says something that a person should know now."""

    def ended(self, entry: Entry, out: Path) -> None:
        """Notes that a scan has come to its end."""


class Bars:
    """Progress bars on standard error: one a stage, shown once it has something to do. Any thread may call."""

    def __init__(self) -> None:
        """Draws nothing yet."""
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:12}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
            refresh_per_second=4,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._totals: Counter[str] = Counter()

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, stage: str, more: int) -> None:
        """Adds to a bar."""
        if not more:
            return
        with self._lock:
            self._totals[stage] += more
            if stage in self._tasks:
                self._progress.update(self._tasks[stage], total=self._totals[stage])
            else:
                self._tasks[stage] = self._progress.add_task(STAGES[stage], total=self._totals[stage])

    def advance(self, stage: str) -> None:
        """Moves a bar by one."""
        if stage in self._tasks:
            self._progress.advance(self._tasks[stage])

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._progress.console.print(text, highlight=False)

    def ended(self, entry: Entry, out: Path) -> None:
        """Says nothing: failures are listed at the end."""


class JsonLines:
    """One JSON object a scan on standard output: path, state, output, outputs, code, detail."""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def expect(self, stage: str, more: int) -> None:
        """Says nothing."""

    def advance(self, stage: str) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says it on standard error."""
        click.echo(text, err=True)

    def ended(self, entry: Entry, out: Path) -> None:
        """Prints the scan's line."""
        output = str(out / entry.output) if entry.output else None
        line = {
            "path": entry.path,
            "state": entry.state,
            "output": output,
            "outputs": [str(out / each) for each in outputs_of(entry)],
            "code": entry.code,
            "detail": entry.detail,
        }
        click.echo(json.dumps(line, ensure_ascii=False))


def print_failures(failed: Sequence[tuple[str, str, str]]) -> None:
    """Prints name, code and words of each failure: a table on a terminal, tabs between them elsewhere."""
    if not failed:
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        for row in failed:
            click.echo("\t".join(("failed", *row)), err=True)
        return
    table = Table(title=f"{len(failed)} failed", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("File", "Code", "Reason"):
        table.add_column(name, overflow="fold")
    for row in failed:
        table.add_row(*row)
    console.print(table)
