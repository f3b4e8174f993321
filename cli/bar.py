"""A bar: drawn on standard error while something goes on, and gone at its end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class Bar:
    """A context in which a bar is drawn, if it is to be; on what is no terminal it never should."""

    def __init__(self, *columns: ProgressColumn, console: Console, drawn: bool, diverting: bool = True) -> None:
        """Takes what the bar has. `diverting`: what is printed meanwhile goes through its console, above it."""
        self._console = console
        self._bar = Progress(
            *columns,
            console=console,
            disable=not drawn,
            redirect_stdout=diverting,
            redirect_stderr=diverting,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
