"""Gathering: sends what the server lacks and makes jobs of it, small ones first, while further scans are read."""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photochrom.bulk.crew import Crew, Halt
from photochrom.bulk.display import Display
from photochrom.bulk.state import Entry, Sent, State
from photochrom.client import Client
from photochrom.errors import ProblemError
from photochrom.wire.records import Job

#: Scans of the first job, few, so that workers color while the others are sent; each further one has twice as many.
FIRST_ITEMS, MOST_ITEMS = 50, 50_000

#: Seconds after which the first job is made of fewer, since scans can be large and lines slow; these double as well.
FIRST_SECONDS, MOST_SECONDS = 30.0, 1800.0

#: The most that a server takes as one job, and as the name of a picture.
JOB_ITEMS = 1_000_000
_NAME_CHARACTERS = 512

#: Scans that the server is asked about at once: so many, no more than a job has, or as many as have so many bytes. Its
#: links are good for an hour only, and an old one costs a call more.
_ASKED, _ASKED_BYTES = 1_000, 1 << 30

#: Groups of them that are on their way side by side: the next one's files go out while the last of one still do.
_GROUPS = 2

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what every job says of itself (`head`), and whom to tell of scans refused and of jobs made."""
        self._client = client
        self._state = state
        self._display = display
        self._crew = Crew(parallel, halt)
        self._groups = Crew(_GROUPS, halt)
        self._on_their_way: deque[tuple[list[Entry], Future[_Arrived]]] = deque()
        self._head = json.dumps(head, sort_keys=True)
        self._recipe = recipe
        self._refused = refused
        self._made = made
        self._size = JOB_ITEMS if one_job else FIRST_ITEMS
        self._seconds = math.inf if one_job else FIRST_SECONDS
        self._waiting: list[Entry] = []
        self._bytes = 0
        self._key, self._count, self._begun = str(uuid.uuid4()), 0, clock()
        self._clock = clock
        self.uploaded = 0

    def close(self) -> None:
        """Lets the threads end."""
        self._groups.close()
        self._crew.close()

    def add(self, entry: Entry, size: int) -> None:
        """Takes a scan of so many bytes that wants a job."""
        self._waiting.append(entry)
        self._bytes += size
        if len(self._waiting) >= min(_ASKED, self._size) or self._bytes >= _ASKED_BYTES:
            self._send()

    def finish(self) -> None:
        """Makes a job of what is left."""
        self._send()
        while self._on_their_way:
            self._settle()
        self._make()

    def _send(self) -> None:
        """Has what the server lacks of the scans that wait uploaded, and gathers those that it took before."""
        entries, self._waiting, self._bytes = self._waiting, [], 0
        if entries:
            self._on_their_way.append((entries, self._groups.submit(self._upload, entries)))
        while len(self._on_their_way) > _GROUPS:
            self._settle()

    def _settle(self) -> None:
        """Gathers the first scans that are on their way, once they are there."""
        entries, future = self._on_their_way.popleft()
        sent = future.result()
        self.uploaded += sent.count
        if self._count + len(entries) > JOB_ITEMS:
            self._make()
        if not self._count:
            self._begun = self._clock()
        taken = []
        for entry in entries:
            if problem := sent.problems.get(entry.sha256):
                self._refused(replace(entry, state="failed", code=problem[0], detail=problem[1]))
            else:
                taken.append(replace(entry, key=self._key, number=self._count))
                self._count += 1
        self._state.save(*taken)
        if self._count >= self._size or self._clock() - self._begun >= self._seconds:
            self._make()
            self._size = min(MOST_ITEMS, 2 * self._size)
            self._seconds = min(MOST_SECONDS, 2 * self._seconds)

    def _upload(self, entries: Sequence[Entry]) -> _Arrived:
        """Sends the bytes that are not there. Several threads call."""
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

        count = sum(future.result() for future in [self._crew.submit(send, answer) for answer in missing])
        return _Arrived(count=count, problems=problems)

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
            {"sha256": entry.sha256, "filename": _called(entry.filename)}
            | ({"client_ref": entry.client_ref} if entry.client_ref is not None else {})
            for entry in self._state.entries_of(sent.key)
        )
        job = self._client.submit(items, **head, idempotency_key=sent.key)
        self._state.name_job(sent.key, job.id)
        return replace(sent, job=job.id), job


def _called(name: str) -> str:
    """Returns a scan's name as the server takes it: of a longer path the end, which tells most."""
    return name[-_NAME_CHARACTERS:].lstrip("/")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arrived:
    """What became of the bytes of a group."""

    #: files that were sent
    count: int
    #: digest -> code and words of what was refused
    problems: Mapping[str, tuple[str, str]]


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
