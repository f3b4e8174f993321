"""A submission: reads scans, sends what the server lacks, makes jobs, and brings the results home.

Everything is noted in `State` before it is done, so that an interruption at any point costs nothing: masters that are
there are not sent again, a POST whose answer was lost is repeated under its key, an open job is followed on. Reading,
sending and fetching go on at the same time, and none of them holds more than a thousand scans.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType

from photochrom.bulk.collection import NO_PICTURE, Collection
from photochrom.bulk.crew import Halt
from photochrom.bulk.database import sole
from photochrom.bulk.display import Display
from photochrom.bulk.fetching import Fetching
from photochrom.bulk.gathering import Gathering
from photochrom.bulk.harvest import Harvest
from photochrom.bulk.outputs import is_result, outputs_of
from photochrom.bulk.reading import Reading, read
from photochrom.bulk.state import Entry, Sent, State
from photochrom.bulk.wishes import Summary, Wishes
from photochrom.client import Client
from photochrom.errors import ProblemError
from photochrom.scans.scan import STATE_FOLDER, Scan
from photochrom.wire.records import Job

#: Is told of a job whose results are all here: the run, the job's id, and what yields its scans by number.
Brought = Callable[["Submission", str, Callable[[], Iterator[Entry]]], None]


class Submission:
    """One run. A context: leaving it ends the threads, and whatever they had begun goes on with the next run."""

    def __init__(self, client: Client, display: Display, wishes: Wishes, *, brought: Brought | None = None) -> None:
        """Opens the state; raises InUse where another run has it. `brought` is told of jobs by a thread of its own."""
        self._client = client
        self._display = display
        self._wishes = wishes
        self._recipe = json.dumps(dict(wishes.recipe), sort_keys=True)
        self._jobs: list[str] = []
        self._open: set[str] = set()
        self._resumed = False
        self._exit = ExitStack()
        folder = wishes.state or (wishes.out or Path()) / STATE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._exit.enter_context(sole(folder))
        self.state = State(folder)
        self.collection = Collection(self.state)
        self._exit.callback(self.collection.close)
        self._exit.callback(self.state.close)
        self._halt = Halt()
        self._fetching = self._make_fetching()
        self._gathering = self._make_gathering()
        self._harvest = self._make_harvest(brought)

    def __enter__(self) -> Submission:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gathering.close()
        self._harvest.close()
        self._exit.close()

    def add(self, scans: Iterable[Scan]) -> None:
        """Submits the scans that no job has yet. May be called again with further or changed ones."""
        for count in self.collection.add(self._seen(scans)):
            self._halt.check()
            self._display.expect("read", count)
        if not self._resumed:
            self._resumed = True
            self._resume()
        for readings in read(self.collection.pictures(self._recipe), self._halt):
            self._take(readings)
        self._gathering.finish()

    def finish(self) -> None:
        """Waits until every job is through and its results are here, if that is wished."""
        if self._wishes.wait and self._resumed:
            self._harvest.finish()

    def sleep(self, seconds: float) -> None:
        """Sleeps; raises what went wrong in any thread."""
        self._halt.sleep(seconds)

    def summary(self) -> Summary:
        """Returns what became of the scans so far."""
        done = {"uploaded": self._gathering.uploaded, "downloaded": self._fetching.downloaded}
        return Summary(**self.collection.counts(self._recipe), **done, jobs=tuple(self._jobs))

    def failures(self, limit: int) -> list[tuple[str, str, str]]:
        """Returns name, code and words of the first scans that have no result."""
        return self.collection.failures(self._recipe, limit)

    def by_job(self) -> Iterator[tuple[str | None, Callable[[], Iterator[Entry]]]]:
        """Yields each job that has scans of this run, by its id, with what yields those scans by number.

        Last come, without an id, those that have no job.
        """
        for key, job in self.collection.jobs(self._recipe):
            yield job, partial(self.collection.entries, self._recipe, key)

    def _seen(self, scans: Iterable[Scan]) -> Iterator[Scan]:
        for scan in scans:
            if scan.promised and not scan.picture:
                self._fail(str(scan.path.resolve()), *NO_PICTURE)
            ours = self._wishes.out is not None and is_result(scan.path, self._wishes.out, self.state.ours)
            yield replace(scan, picture=False, promised=False) if ours else scan

    def _resume(self) -> None:
        """Takes up the jobs of earlier runs; one that the server does not know is forgotten and submitted anew."""
        self.state.forget_unmade_jobs()
        for sent in self.state.open_jobs(self._client.server, self._recipe):
            try:
                if sent.job is None:
                    self._made(*self._gathering.post(sent))
                else:
                    self._follow(sent, self._client.job(sent.job))
            except ProblemError as error:
                if error.status not in (404, 422):
                    raise
                lost = error.code == "idempotency_lost"
                words = "cannot tell any more whether it made" if lost else "no longer knows"
                self._display.note(f"The server {words} job {sent.job or sent.key}: submitting it anew.")
                self.state.forget_job(sent.key)
        if self._wishes.wait:
            self._harvest.start()

    def _made(self, sent: Sent, job: Job) -> None:
        self._jobs.append(job.id)
        self._display.made(job)
        self._follow(sent, job)

    def _follow(self, sent: Sent, job: Job) -> None:
        self._open.add(sent.key)
        if self._wishes.wait:
            self._harvest.add(sent, job.total)

    def _take(self, readings: Sequence[Reading]) -> None:
        """Notes what was read, and hands on what no job has yet."""
        self.state.remember_digests(
            (each.found.path, each.found.size, each.found.mtime_ns, each.sha256) for each in readings if each.fresh
        )
        for reading in readings:
            found = reading.found
            self._display.advance("read", 1)
            if reading.problem:
                self.collection.fail(found.path, *reading.problem)
                self._fail(found.path, *reading.problem)
            elif self._wants(found.entry, reading.sha256):
                fresh = Entry(path=found.path, recipe=self._recipe, sha256=reading.sha256, filename=found.name)
                self._gathering.add(replace(fresh, client_ref=found.identifier), found.size)

    def _wants(self, entry: Entry | None, sha256: str) -> bool:
        """Tells whether a scan has to be submitted, after what is known of it."""
        if entry is None or entry.sha256 != sha256:
            return True
        if entry.state == "queued":
            return entry.key not in self._open
        if entry.state == "succeeded":
            return self._lacks(entry)
        return self._wishes.retry_failed

    def _lacks(self, entry: Entry) -> bool:
        out, here = self._wishes.out, outputs_of(entry)
        return out is not None and not (here and all((out / output).exists() for output in here))

    def _fail(self, path: str, code: str, detail: str) -> None:
        failed = Entry(path=path, recipe=self._recipe, sha256="", state="failed", code=code, detail=detail)
        self._display.ended(failed, self._wishes.out or Path())

    def _make_fetching(self) -> Fetching:
        wishes = self._wishes
        return Fetching(
            *(self._client, self.state, self.collection, self._display),
            out=wishes.out,
            recipe=wishes.recipe,
            force=wishes.force,
        )

    def _make_harvest(self, brought: Brought | None) -> Harvest:
        def told(sent: Sent) -> None:
            if brought:
                brought(self, sent.job or "", partial(self.collection.entries, self._recipe, sent.key))

        parts = (self._client, self.state, self._display, self._fetching, self._halt)
        return Harvest(*parts, parallel=self._wishes.parallel, brought=told)

    def _make_gathering(self) -> Gathering:
        wishes = self._wishes
        head = {"recipe": dict(wishes.recipe), "webhook": wishes.webhook, "priority": wishes.priority}
        return Gathering(
            *(self._client, self.state, self._display, self._halt),
            head={name: value for name, value in head.items() if value is not None},
            recipe=self._recipe,
            parallel=wishes.parallel,
            one_job=wishes.one_job,
            refused=self._fetching.end,
            made=self._made,
        )
