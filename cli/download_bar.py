"""What a person sees while a model is fetched: one bar with rate and time left; elsewhere plain lines."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn, TransferSpeedColumn


class DownloadBar:
    """A bar on standard error, drawn only on a terminal; what is said stands above it."""

    def __init__(self) -> None:
        """Draws nothing yet."""
        self._console = Console(stderr=True)
        self._bar = Progress(
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            disable=not self._console.is_terminal,
            refresh_per_second=4,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> DownloadBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

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
