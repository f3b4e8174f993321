"""The line that a person sees while a net trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

#: Seconds between two lines: over itself on a terminal, one below the other in a log.
_ON_TERMINAL, _IN_LOG = 1.0, 15.0


class Progress:
    """Says where a run is: step, loss, pictures a second, time left."""

    def __init__(self, steps: int, batch: int, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes the number of steps, the pictures of each, and where to write."""
        self._steps = steps
        self._batch = batch
        self._stream = stream
        self._clock = clock
        self._wait = _ON_TERMINAL if stream.isatty() else _IN_LOG
        self.restart(0)

    def restart(self, step: int) -> None:
        """Begins to measure anew: what came before, such as an evaluation, is no training time."""
        self._step, self._since = step, self._clock()

    def due(self) -> bool:
        """Tells whether it is time for a line: the loss is fetched from the device only then."""
        return self._clock() - self._since >= self._wait

    def line(self, step: int, loss: float) -> None:
        """Writes the line."""
        speed = (step - self._step) * self._batch / max(self._clock() - self._since, 1e-9)
        left = timedelta(seconds=round((self._steps - step) * self._batch / max(speed, 1e-9)))
        text = f"step {step:,} of {self._steps:,}  loss {loss:.3f}  {speed:,.1f} pictures/s  {left} left"
        self._stream.write(f"\r{text}\x1b[K" if self._stream.isatty() else f"{text}\n")
        self._stream.flush()
        self.restart(step)

    def say(self, text: str) -> None:
        """Writes a line that stays."""
        self._stream.write(f"\r{text}\x1b[K\n" if self._stream.isatty() else f"{text}\n")
        self._stream.flush()
