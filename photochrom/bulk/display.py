"""The display: what a run tells of itself while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from photochrom.bulk.state import Entry
from photochrom.wire.records import Job


class Display(Protocol):
    """Where progress goes. Any thread may call."""

    def expect(self, stage: str, more: int) -> None:
        """Adds to what a stage has to do: files, or bytes."""

    def advance(self, stage: str, done: int) -> None:
        """Notes files or bytes done; less than none takes back what was done in vain."""

    def made(self, job: Job) -> None:
        """Notes that a job was made."""

    def note(self, text: str) -> None:
        """Says something that a person should know now."""

    def ended(self, entry: Entry, out: Path) -> None:
        """Notes that a scan has come to its end."""
