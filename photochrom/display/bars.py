"""Progress bars on a terminal: one a stage, with rate and the time that is left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from photochrom.display.figures import STAGES, Figures, amount, left, rate

_SHOW_SECONDS = 0.25

#: A rate is that of so many seconds: long enough for a net that takes a second a picture.
_RATE_SECONDS = 30.0


class Bars(Figures):
    """Bars on standard error, each shown once it has something to do, and the failures so far below them."""

    def __init__(self) -> None:
        """Draws nothing yet."""
        super().__init__(_SHOW_SECONDS)
        self._progress = _Progress()
        self._tasks: dict[str, TaskID] = {}
        self._samples: dict[str, deque[tuple[float, int]]] = {stage: deque() for stage in STAGES}

    def __enter__(self) -> Bars:
        self._progress.start()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._progress.stop()

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def show(self) -> None:
        """Draws the bars."""
        for stage, (name, _, in_bytes) in STAGES.items():
            done, total = self.done[stage], self.total[stage]
            if not total:
                continue
            speed = self._speed(stage, done)
            words: dict[str, Any] = {
                "amount": amount(done, total, in_bytes=in_bytes),
                "rate": rate(speed, in_bytes=in_bytes) if done < total else "",
                "left": left((total - done) / speed) if speed and done < total else "",
            }
            if stage not in self._tasks:
                self._tasks[stage] = self._progress.add_task(name, total=total, **words)
            self._progress.update(self._tasks[stage], completed=done, total=total, **words)
        self._progress.failed = self.failed
        self._progress.refresh()

    def _speed(self, stage: str, done: int) -> float | None:
        """Returns what a stage did a second lately; None where that cannot be said yet."""
        samples, now = self._samples[stage], time.monotonic()
        samples.append((now, done))
        while now - samples[0][0] > _RATE_SECONDS:
            samples.popleft()
        then, before = samples[0]
        return (done - before) / (now - then) if now - then >= 1 else None


class _Progress(Progress):
    """The bars, and a line for failures."""

    def __init__(self) -> None:
        self.failed = 0
        super().__init__(
            TextColumn("{task.description:11}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[amount]}", justify="right"),
            TextColumn("{task.fields[rate]}", justify="right"),
            TextColumn("{task.fields[left]}", justify="right"),
            console=Console(stderr=True),
            auto_refresh=False,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yields what is drawn."""
        yield from super().get_renderables()
        if self.failed:
            yield Text(f"{self.failed:,} failed so far")
