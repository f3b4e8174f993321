"""Gathering: sends what the server lacks and makes jobs of it, small ones first, while further scans are read."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from photochrom.bulk.crew import Crew, Halt
from photochrom.bulk.display import Display
from photochrom.bulk.state import Entry, Sent, State
from photochrom.client import Client
from photochrom.errors import ProblemError
from photochrom.wire.records import Job

#: Scans of the first job, so that work begins soon; each further one has twice as many, up to the most.
FIRST_ITEMS, MOST_ITEMS = 1_000, 50_000

#: The most that a server takes as one job.
JOB_ITEMS = 1_000_000

#: Scans that the server is asked about at once.
_ASKED = 1_000

#: What is wrong with one file, and not with the call; what no repetition of a submission mends.
_OF_THE_FILE = (413, 415, 422)
_FINAL = (400, 403, 404, 413, 415, 422)


class Gathering:
    """Makes the jobs of one run."""

    def __init__(
        self,
        client: Client,
        state: State,
        display: Display,
        halt: Halt,
        *,
        head: Mapping[str, Any],
        recipe: str,
        parallel: int,
        one_job: bool,
        refused: Callable[[Entry], None],
        made: Callable[[Sent, Job], None],
    ) -> None:
        """Takes what every job says of itself (`head`), and whom to tell of scans refused and of jobs made."""
        self._client = client
        self._state = state
        self._display = display
        self._crew = Crew(parallel, halt)
        self._head = json.dumps(head, sort_keys=True)
        self._recipe = recipe
        self._refused = refused
        self._made = made
        self._size = JOB_ITEMS if one_job else FIRST_ITEMS
        self._waiting: list[Entry] = []
        self._key, self._count = str(uuid.uuid4()), 0
        self.uploaded = 0

    def close(self) -> None:
        """Lets the threads end."""
        self._crew.close()

    def add(self, entry: Entry) -> None:
        """Takes a scan that wants a job."""
        self._waiting.append(entry)
        if len(self._waiting) >= _ASKED:
            self._send()

    def finish(self) -> None:
        """Makes a job of what is left."""
        self._send()
        self._make()

    def _send(self) -> None:
        """Uploads what the server lacks of the scans that wait, and gathers those that it took."""
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        if self._count + len(entries) > JOB_ITEMS:
            self._make()
        problems = self._upload(entries)
        taken = []
        for entry in entries:
            if problem := problems.get(entry.sha256):
                self._refused(replace(entry, state="failed", code=problem[0], detail=problem[1]))
            else:
                taken.append(replace(entry, key=self._key, number=self._count))
                self._count += 1
        self._state.save(*taken)
        if self._count >= self._size:
            self._make()
            self._size = min(MOST_ITEMS, 2 * self._size)

    def _upload(self, entries: Sequence[Entry]) -> dict[str, tuple[str, str]]:
        """Sends the bytes that are not there; returns code and words of what was refused, by digest."""
        paths = {entry.sha256: Path(entry.path) for entry in entries}
        problems: dict[str, tuple[str, str]] = {}
        sizes: dict[str, int] = {}
        for sha256, path in paths.items():
            try:
                sizes[sha256] = max(1, path.stat().st_size)
            except OSError as error:
                problems[sha256] = ("file_error", error.strerror or str(error))
        asked = [{"sha256": sha256, "size": size} for sha256, size in sizes.items()]
        missing = self._client.missing(asked) if asked else []
        self._display.expect("upload", sum(sizes[answer["sha256"]] for answer in missing))

        def send(answer: Mapping[str, Any]) -> bool:
            sha256 = answer["sha256"]
            progress = _Progress(self._display)
            try:
                self._client.send(paths[sha256], answer, progress)
            except ProblemError as error:
                if error.status not in _OF_THE_FILE:
                    raise
                problems[sha256] = (error.code, error.detail)
            except OSError as error:
                problems[sha256] = ("file_error", error.strerror or str(error))
            progress(sizes[sha256] - progress.told)
            return sha256 not in problems

        self.uploaded += sum(future.result() for future in [self._crew.submit(send, answer) for answer in missing])
        return problems

    def _make(self) -> None:
        """Notes a job of what was gathered, and then makes it."""
        if not self._count:
            return
        server = self._client.server
        sent = Sent(key=self._key, server=server, recipe=self._recipe, head=self._head)
        self._key, self._count = str(uuid.uuid4()), 0
        self._state.begin_job(sent)
        try:
            self._made(*self.post(sent))
        except ProblemError as error:
            if error.status in _FINAL:
                self._state.forget_job(sent.key)
            raise

    def post(self, sent: Sent) -> tuple[Sent, Job]:
        """Makes a job that was noted, or finds the one that the same key made before."""
        head = json.loads(sent.head) if sent.head else {"recipe": json.loads(sent.recipe)}
        items = (
            {"sha256": entry.sha256, "filename": entry.filename}
            | ({"client_ref": entry.client_ref} if entry.client_ref is not None else {})
            for entry in self._state.entries_of(sent.key)
        )
        job = self._client.submit(items, **head, idempotency_key=sent.key)
        self._state.name_job(sent.key, job.id)
        return replace(sent, job=job.id), job


class _Progress:
    """Hands on how many bytes of one file were sent, and knows how many in all. Any thread may call."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._lock = threading.Lock()
        self.told = 0

    def __call__(self, count: int) -> None:
        with self._lock:
            self.told += count
        self._display.advance("upload", count)
