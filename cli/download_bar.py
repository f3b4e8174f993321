"""What a person sees while a model is fetched: one bar with rate and time left; elsewhere plain lines."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TimeRemainingColumn, TransferSpeedColumn

from cli.bar import Bar


class DownloadBar(Bar):
    """A bar on standard error, drawn only on a terminal; what is said stands above it."""

    def __init__(self) -> None:
        """Draws nothing yet."""
        console = Console(stderr=True)
        super().__init__(
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            drawn=console.is_terminal,
        )
        self._task: TaskID | None = None

    def begin(self, done: int, total: int | None) -> None:
        """Draws the bar of one file, which may have begun earlier."""
        self._forget()
        self._task = self._bar.add_task("", total=total, completed=done)

    def advance(self, count: int) -> None:
        """Moves the bar."""
        if self._task is not None:
            self._bar.advance(self._task, count)

    def say(self, text: str) -> None:
        """Prints a line; the bar that was there is done with."""
        self._forget()
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _forget(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
