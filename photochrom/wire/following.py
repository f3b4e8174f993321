"""Following a job: asking as rarely as the server wishes, or being told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing

import requests

from photochrom.wire.records import Job
from photochrom.wire.retries import asked_pause
from photochrom.wire.transport import Transport, understood

#: The longest that the server is asked to keep a call, seconds: what proxies on the way let pass.
LONGEST_WAIT = 50.0

#: Seconds more than that after which a silent server is taken for dead.
_GRACE = 30.0

#: Seconds between two attempts to be told.
_PAUSE = 1.0


class Follower:
    """What is known of one job, and when to ask again."""

    def __init__(self, transport: Transport, job_id: str) -> None:
        """Asks nothing yet."""
        self._transport = transport
        self.job_id = job_id
        self._etag = ""
        #: whether the server keeps calls that ask to wait, as far as is known
        self.kept = True
        #: moment from which on the server wants to be asked again, of the monotonic clock
        self.due = 0.0

    def ask(self, wait: float = 0.0) -> Job | None:
        """Returns the job if it has changed since the last answer.

        With `wait` the server keeps the call until the job has ended, at most so many seconds; one that cannot is
        asked at once.
        """
        headers = {"If-None-Match": self._etag} if self._etag else {}
        if wait >= 1:
            headers["Prefer"] = f"wait={min(wait, LONGEST_WAIT):.0f}"
        path = f"/v1/jobs/{self.job_id}"
        with self._transport.call("GET", path, headers=headers, silence=min(wait, LONGEST_WAIT) + _GRACE) as answer:
            pause = asked_pause(answer.headers.get("Retry-After"), time.time()) or 1.0
            self.due = time.monotonic() + pause
            if "Prefer" in headers:
                self.kept = "wait" in answer.headers.get("Preference-Applied", "")
            if answer.status_code == 304:
                return None
            self._etag = answer.headers.get("ETag", "")
            return understood(answer, Job.from_json)


def follow(transport: Transport, job_id: str) -> Iterator[Job]:
    """Yields a job whenever it has changed, until it has ended."""
    follower = Follower(transport, job_id)
    while True:
        if job := follower.ask():
            yield job
            if job.ended:
                return
        time.sleep(max(0.0, follower.due - time.monotonic()))


def wait(transport: Transport, job_id: str, timeout: float | None) -> Job:
    """Returns a job once it has ended; raises TimeoutError after `timeout` seconds."""
    until = float("inf") if timeout is None else time.monotonic() + timeout
    follower = Follower(transport, job_id)
    left = min(LONGEST_WAIT, until - time.monotonic())
    while True:
        job = follower.ask(left)
        if job and job.ended:
            return job
        left = min(LONGEST_WAIT, until - time.monotonic())
        if left <= 0:
            raise TimeoutError(f"Job {job_id} has not ended within {timeout:g} seconds.")
        if not follower.kept:
            time.sleep(min(left, max(0.0, follower.due - time.monotonic())))


def events(transport: Transport, job_id: str) -> Iterator[Job]:
    """Yields a job as the server tells of it (server-sent events), until it has ended; a lost connection is mended."""
    while True:
        answer = transport.call(
            "GET", f"/v1/jobs/{job_id}/events", stream=True, headers={"Accept": "text/event-stream"}
        )
        with closing(answer):
            event = b""
            try:
                for line in answer.iter_lines():
                    if line.startswith(b"event:"):
                        event = line[6:].strip()
                    elif line.startswith(b"data:") and event == b"job":
                        job = Job.from_json(json.loads(line[5:]))
                        yield job
                        if job.ended:
                            return
            except requests.RequestException:
                pass  # what was lost is told again
        time.sleep(_PAUSE)
