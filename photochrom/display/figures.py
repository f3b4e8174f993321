"""What a person sees while a submission runs: the stages, and lines of text where nobody watches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import click
from rich.console import Console
from rich.table import Table

from photochrom.bulk.state import Entry
from photochrom.wire.records import Job

#: The stages of a submission in their order: what each is called, what was done, and whether it counts bytes.
STAGES = {
    "read": ("Reading", "read", False),
    "upload": ("Uploading", "uploaded", True),
    "color": ("Coloring", "colored", False),
    "download": ("Downloading", "downloaded", True),
}

#: Failures that a person is shown.
SHOWN_FAILURES = 100

#: Seconds between two lines of text.
_LINE_SECONDS = 30.0

_UNITS = ("B", "kB", "MB", "GB", "TB")


class Figures:
    """How far each stage is, shown once in a while. Any thread may call; a context, which shows the end as well."""

    def __init__(self, seconds: float) -> None:
        """Takes how many seconds lie between two shows."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pulse, daemon=True)
        self.total = dict.fromkeys(STAGES, 0)
        self.done = dict.fromkeys(STAGES, 0)
        self.failed = 0

    def __enter__(self) -> Figures:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.show()

    def expect(self, stage: str, more: int) -> None:
        """Adds to what a stage has to do."""
        with self._lock:
            self.total[stage] += more

    def advance(self, stage: str, done: int) -> None:
        """Adds to what a stage has done."""
        with self._lock:
            self.done[stage] += done

    def made(self, job: Job) -> None:
        """Shows nothing."""

    def ended(self, entry: Entry, out: Path) -> None:
        """Counts a failure."""
        with self._lock:
            self.failed += entry.state == "failed"

    def note(self, text: str) -> None:
        """Says something that a person should know now, on standard error."""
        click.echo(text, err=True)

    def show(self) -> None:
        """Shows how far everything is; called by one thread at a time."""
        raise NotImplementedError

    def _pulse(self) -> None:
        while not self._over.wait(self._seconds):
            self.show()


class Lines(Figures):
    """A line on standard error every 30 seconds: for log files and for machines that watch."""

    def __init__(self) -> None:
        """Says nothing yet."""
        super().__init__(_LINE_SECONDS)
        self._said = ""

    def show(self) -> None:
        """Says how far everything is, if that is not what was said last."""
        parts = [
            f"{done} {amount(self.done[stage], self.total[stage], in_bytes=in_bytes)}"
            for stage, (_, done, in_bytes) in STAGES.items()
            if self.total[stage]
        ]
        line = ", ".join([*parts, f"{self.failed} failed"] if self.failed else parts)
        if line and line != self._said:
            self._said = line
            click.echo(line[0].upper() + line[1:] + ".", err=True)


def amount(done: int, total: int, *, in_bytes: bool) -> str:
    """Returns how much of how much, in the unit of the whole."""
    if not in_bytes:
        return f"{done:,}/{total:,}"
    power = _power(total)
    return f"{_scaled(done, power)}/{_scaled(total, power)} {_UNITS[power]}"


def rate(each_second: float | None, *, in_bytes: bool) -> str:
    """Returns a speed; nothing where it is not known."""
    if each_second is None:
        return ""
    if not in_bytes:
        return f"{each_second:,.1f}/s" if each_second < 100 else f"{each_second:,.0f}/s"
    power = _power(each_second)
    return f"{_scaled(each_second, power)} {_UNITS[power]}/s"


def left(seconds: float) -> str:
    """Returns the time that is left, as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left"


def print_failures(failed: Sequence[tuple[str, str, str]], total: int) -> None:
    """Prints name, code and words of failures: a table on a terminal, tabs between them elsewhere.

    `total` is how many there are, of which these are the first.
    """
    if not failed:
        return
    console = Console(stderr=True)
    if console.is_terminal:
        table = Table(title=f"{total:,} failed", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in ("File", "Code", "Reason"):
            table.add_column(name, overflow="fold")
        for row in failed:
            table.add_row(*row)
        console.print(table)
    else:
        for row in failed:
            click.echo("\t".join(("failed", *row)), err=True)
    if total > len(failed):
        click.echo(f"{total - len(failed):,} more failed.", err=True)


def _power(count: float) -> int:
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count /= 1000
        power += 1
    return power


def _scaled(count: float, power: int) -> str:
    return f"{count / 1000**power:,.{1 if power else 0}f}"
