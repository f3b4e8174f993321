"""What `colorize` says: a line a file, on a terminal a bar below them, and at the end how many came to what."""

from __future__ import annotations

import errno
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from cli.bar import Bar
from cli.coloring import Done
from photochrom.commands.options import Unusable
from shared.errors import NotAPicture
from shared.formats import READABLE

#: What the end of a run calls those that came to each state.
_SUMMARY = {"succeeded": "colored", "existing": "there already", "failed": "failed"}

#: States that are only counted, since nothing was done and nothing is wrong.
_COUNTED = ("existing", "skipped")

#: Files that are looked at between two looks of a person.
_LOOKED = 100


class ColorDisplay(Bar):
    """Lines on standard output, failures on standard error, and a bar there that fits into 40 columns."""

    def __init__(self, total: int | None, *, as_json: bool, bar: bool, console: Console | None = None) -> None:
        """Takes the number of files, if it is known. A bar is drawn only on a terminal."""
        console = console or Console(stderr=True)
        self.drawn = bar and console.is_terminal
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            drawn=self.drawn,
            # Standard output may be a pipe.
            diverting=False,
        )
        self._as_json = as_json
        self._counts = Counter[str]()
        self._looked = 0
        self._task = self._bar.add_task("Coloring", total=total)

    def expect(self, total: int) -> None:
        """Takes the number of files, once it is known. Any thread may call."""
        self._bar.update(self._task, total=total)

    def looked(self) -> None:
        """Notes that a file of a folder was looked at, which is told until the first one has ended."""
        self._looked += 1
        if not self._done and self._looked % _LOOKED == 0:
            self._bar.update(self._task, description="Looking", completed=self._looked)

    def skipped(self, path: Path) -> None:
        """Notes a file in a folder that is no picture, and none by its name."""
        self.ended(Done(path=str(path), state="skipped", code=NotAPicture.code, detail=f"It is no {READABLE}."))

    def ended(self, done: Done) -> None:
        """Says what became of a file; raises Unusable where nobody can be told any more."""
        self._counts[done.state] += 1
        if done.state != "skipped":
            if self._done == 1:
                # Looking at files is no measure of how long it takes to color them.
                self._bar.reset(self._task, description="Coloring")
            self._bar.advance(self._task)
        if self._as_json:
            # In ASCII: a name need not be UTF-8, and every parser reads this.
            self._say(json.dumps(asdict(done)), sys.stdout)
        elif done.state in _COUNTED:
            return
        elif done.output:
            notes = f"  ({', '.join(done.warnings)})" if done.warnings else ""
            outputs = ", ".join(candidate.output for candidate in done.candidates) or done.output
            self._say(f"{done.path} -> {outputs}{notes}", sys.stdout)
        else:
            self._say(f"{done.path}: {done.detail} [{done.code}]", sys.stderr)

    def end(self) -> None:
        """Says how many files came to what, once the bar is gone; on a terminal no word is broken."""
        counts = self._counts
        told = [f"{counts[state]:,} {words}" for state, words in _SUMMARY.items() if counts[state]]
        if skipped := counts["skipped"]:
            told.append(f"{skipped:,} other file{'' if skipped == 1 else 's'} skipped")
        line = ", ".join(told if self._done else ["No picture was found", *told]) + "."
        if self._console.is_terminal:
            self._console.print(line, highlight=False)
        else:
            self.note(line)

    @property
    def _done(self) -> int:
        """How many files have ended, but for those that are no pictures."""
        return self._counts.total() - self._counts["skipped"]

    def note(self, text: str) -> None:
        """Says something on standard error."""
        self._say(text, sys.stderr)

    def _say(self, text: str, stream: TextIO | None) -> None:
        if stream is None:  # closed by whoever began the command
            return
        line = _shown(text, stream.encoding)
        if self.drawn and stream.isatty():
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
