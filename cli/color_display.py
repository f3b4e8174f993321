"""What `colorize` says: a line a file, and on a terminal a bar below them."""

from __future__ import annotations

import errno
import json
import sys
from dataclasses import asdict
from types import TracebackType
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.coloring import Done
from photochrom.commands.options import Unusable


class ColorDisplay:
    """Lines on standard output, failures on standard error, and a bar there that fits into 40 columns."""

    def __init__(self, total: int, *, as_json: bool, bar: bool, console: Console | None = None) -> None:
        """Takes the number of files. A bar is drawn only on a terminal."""
        self._as_json = as_json
        self._console = console or Console(stderr=True)
        self._drawn = bar and self._console.is_terminal
        self._bar = Progress(
            TextColumn("Coloring"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            disable=not self._drawn,
            # Standard output may be a pipe.
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=4,
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> ColorDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def ended(self, done: Done) -> None:
        """Says what became of a file; raises Unusable where nobody can be told any more."""
        self._bar.advance(self._task)
        if self._as_json:
            # In ASCII: a name need not be UTF-8, and every parser reads this.
            self._say(json.dumps(asdict(done)), sys.stdout)
        elif done.output:
            notes = f"  ({', '.join(done.warnings)})" if done.warnings else ""
            outputs = ", ".join(candidate.output for candidate in done.candidates) or done.output
            self._say(f"{done.path} -> {outputs}{notes}", sys.stdout)
        else:
            self._say(f"{done.path}: {done.detail} [{done.code}]", sys.stderr)

    def note(self, text: str) -> None:
        """Says something on standard error."""
        self._say(text, sys.stderr)

    def _say(self, text: str, stream: TextIO | None) -> None:
        if stream is None:  # closed by whoever began the command
            return
        line = _shown(text, stream.encoding)
        if self._drawn and stream.isatty():
            self._console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)
            return
        try:
            click.echo(line.encode(stream.encoding), stream)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who reads has enough, and click ends the command
                raise
            raise Unusable(f"What became of the files cannot be written any more: {error.strerror}.") from error


def _shown(text: str, encoding: str) -> str:
    """Returns a line, with escapes for what would break it, steer a terminal, or is not known to it."""
    line = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return line.encode(encoding, "backslashreplace").decode(encoding)
