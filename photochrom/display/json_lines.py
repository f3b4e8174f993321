"""Progress for scripts: one JSON object a line on standard output, each with its `event`."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from photochrom.bulk.outputs import outputs_of
from photochrom.bulk.state import Entry
from photochrom.display.figures import Figures
from photochrom.wire.records import Job

_SHOW_SECONDS = 1.0


class JsonLines(Figures):
    """`job`, `ended`, `progress` (at most one a second, where something moved) and `note` events."""

    def __init__(self) -> None:
        """Says nothing yet."""
        super().__init__(_SHOW_SECONDS)
        self._said: Mapping[str, Any] = {}
        self._out = threading.Lock()

    def say(self, event: str, **facts: Any) -> None:
        """Prints one event."""
        with self._out:
            click.echo(json.dumps({"event": event, **facts}, ensure_ascii=False))

    def made(self, job: Job) -> None:
        """Prints a job's id and its number of items."""
        self.say("job", id=job.id, total=job.total)

    def note(self, text: str) -> None:
        """Prints words for a person, on standard error too."""
        self.say("note", text=text)
        super().note(text)

    def ended(self, entry: Entry, out: Path) -> None:
        """Prints what became of a scan."""
        super().ended(entry, out)
        output = str(out / entry.output) if entry.output else None
        outputs = [str(out / each) for each in outputs_of(entry)]
        facts = {"path": entry.path, "state": entry.state, "output": output, "outputs": outputs}
        self.say("ended", **facts, code=entry.code, detail=entry.detail)

    def show(self) -> None:
        """Prints done and total of each stage, files or bytes, and the failures."""
        stages = {stage: {"done": self.done[stage], "total": total} for stage, total in self.total.items() if total}
        facts: dict[str, Any] = {**stages, "failed": self.failed}
        if stages and facts != self._said:
            self._said = facts
            self.say("progress", **facts)
