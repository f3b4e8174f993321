"""The harvest: follows the jobs of a run in a thread of its own, and has fetched what has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from photochrom.bulk.crew import Crew, Halt
from photochrom.bulk.display import Display
from photochrom.bulk.fetching import Fetching
from photochrom.bulk.state import PAGE, Entry, Sent, State
from photochrom.client import Client
from photochrom.errors import ProblemError
from photochrom.wire.following import Follower
from photochrom.wire.records import ENDED_ITEMS, Item, Job
from photochrom.wire.states import States

#: Seconds that a call may wait at the server while new jobs may still come.
_PATIENT = 5.0

#: Seconds between two looks for new jobs, and for the last results of those that have ended.
_IDLE, _SOON = 0.2, 0.02


@dataclass(kw_only=True, slots=True)
class Open:
    """A job that is being followed."""

    sent: Sent
    follower: Follower
    #: what has been handed over to be fetched
    taken: States
    #: items that are not at their end here
    left: int
    #: the server's states are ahead of what was handed over
    behind: bool = False
    #: the server has nothing more to tell
    over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Harvest:
    """Follows jobs until each has ended and its results are here."""

    def __init__(
        self,
        client: Client,
        state: State,
        display: Display,
        fetching: Fetching,
        halt: Halt,
        *,
        parallel: int,
        brought: Callable[[Sent], None],
    ) -> None:
        """Does nothing until `start`. `brought` is told, by a thread of its own, of each job whose results are here."""
        self._client = client
        self._state = state
        self._display = display
        self._fetching = fetching
        self._halt = halt
        self._crew = Crew(parallel, halt)
        self._clerk = Crew(1, halt)
        self._brought = brought
        self._told: list[Future[None]] = []
        self._jobs: list[Open] = []
        self._last = threading.Event()
        self._waits: dict[str, str | None] = {}
        self._has_states = True
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._thread.start()

    def add(self, sent: Sent, total: int) -> None:
        """Takes a job of `total` items; those that are at their end here are not looked at again."""
        taken = States.open(total)
        queued = 0
        for entry in self._state.entries_of(sent.key):
            if entry.state == "queued":
                queued += 1
            else:
                taken.end(entry.number or 0, entry.state)
        self._display.expect("color", queued)
        self._jobs.append(Open(sent=sent, follower=self._client.follower(sent.job or ""), taken=taken, left=queued))

    def finish(self) -> None:
        """Waits until every job is through; raises what went wrong in any thread."""
        self._last.set()
        while self._thread.is_alive():
            self._halt.sleep(0.05)
        self._halt.check()
        for told in self._told:
            told.result()

    def close(self) -> None:
        """Lets the threads end."""
        self._last.set()
        self._crew.close()
        self._clerk.close()

    def _guarded(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._halt.fail(error)

    def _follow(self) -> None:
        while not (self._last.is_set() and not self._jobs):
            self._halt.check()
            for job in [job for job in self._jobs if job.left <= 0]:
                self._state.end_job(job.sent.key)
                self._told.append(self._clerk.submit(self._brought, job.sent))
                self._jobs.remove(job)
            waiting = [job for job in self._jobs if not job.over]
            if not waiting:
                self._halt.sleep(_IDLE if not self._jobs else _SOON)
                continue
            job = min(waiting, key=lambda each: each.follower.due)
            self._look(job, self._rest(job))

    def _rest(self, job: Open) -> float:
        """Sleeps until a job wants to be asked; returns for how many seconds the server is to do that instead."""
        pause = job.follower.due - time.monotonic()
        if not self._last.is_set():
            pause = min(pause, _PATIENT)
        if pause > 0 and job.follower.kept:
            return max(1.0, pause)
        if pause > 0:
            self._halt.sleep(min(pause, _PATIENT))
        return 0.0

    def _look(self, job: Open, wait: float) -> None:
        """Asks after a job, and hands over what has ended since the last look."""
        try:
            told = job.follower.ask(wait)
            if told:
                self._say(told)
            if told or job.behind:
                self._take(job)
        except ProblemError as error:
            if error.status != 404:
                raise
            self._display.note(f"Job {job.sent.job} is gone from the server: run the command again to submit it anew.")
            self._jobs.remove(job)
            return
        job.over = not job.behind and bool(told and told.ended)

    def _say(self, told: Job) -> None:
        """Says once what a job waits for."""
        waits = "somebody to resume it" if told.state == "paused" else told.waiting_for
        if waits != self._waits.get(told.id):
            self._waits[told.id] = waits
            self._display.note(f"Job {told.id} waits for {waits}." if waits else f"Job {told.id} goes on.")

    def _take(self, job: Open) -> None:
        job.behind = False
        for page in self._pages(job):
            first, last = page[0].number, page[-1].number
            entries = {entry.number: entry for entry in self._state.entries_between(job.sent.key, first, last)}
            for item in page:
                job.taken.end(item.number, item.state)
                entry = entries.get(item.number)
                if entry and entry.state == "queued":
                    self._crew.submit(self._bring, job, entry, item)

    def _bring(self, job: Open, entry: Entry, item: Item) -> None:
        self._fetching.fetch(job.sent.job or "", entry, item)
        self._display.advance("color", 1)
        with job.lock:
            job.left -= 1

    def _pages(self, job: Open) -> Iterator[list[Item]]:
        """Yields the items that have ended and were not handed over, by pages that have any."""
        numbers, complete = self._ended(job)
        first = next(numbers, None)
        while first is not None:
            wanted = {first}
            first = None
            for number in numbers:
                if number - min(wanted) >= PAGE:
                    first = number
                    break
                wanted.add(number)
            start = min(wanted)
            items, _ = self._client.page(job.sent.job or "", cursor=start, limit=max(wanted) - start + 1)
            ended = [item for item in items if item.number in wanted and item.state in ENDED_ITEMS]
            job.behind |= complete and len(ended) < len(wanted)
            if ended:
                yield ended
            elif not complete:
                return  # a page without anything new lies ahead of the work

    def _ended(self, job: Open) -> tuple[Iterator[int], bool]:
        """Returns the numbers that may have ended since the last look, and whether all of them have.

        A server that knows no states is asked for pages of whatever is open.
        """
        total = len(job.taken)
        if self._has_states:
            try:
                return self._client.states(job.sent.job or "", total=total).differing(job.taken), True
            except ProblemError as error:
                if error.status != 404:
                    raise
                self._has_states = False
        return (number for number in range(total) if job.taken[number] == "open"), False
