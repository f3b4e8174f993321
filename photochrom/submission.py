"""A submission: reads scans, sends what the server lacks, makes jobs, and brings the results home.

Everything is noted in `State` before it is done, so that an interruption at any point costs nothing: masters that are
there are not sent again, a POST whose answer was lost is repeated under its key, an open job is followed on.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from photochrom.client import Client, file_digest
from photochrom.display import Display
from photochrom.errors import DownloadDamaged, ProblemError
from photochrom.outputs import outputs, outputs_of
from photochrom.records import ENDED_ITEMS, Item
from photochrom.scans import EXTENSIONS, Scan, stems
from photochrom.state import Entry, Sent, State

#: Scans of one job. Its results come while the next job's scans are still sent.
JOB_ITEMS = 1_000

#: Items that are asked about at once.
_PAGE = 200

#: The least and the most between two looks at the open jobs, seconds.
_SOONEST, _LATEST = 0.3, 5.0


@dataclass(kw_only=True, slots=True)
class Following:
    """A job that is being followed."""

    sent: Sent
    entries: dict[int, Entry]
    #: every item below this number has been seen to its end
    low: int = 0
    seen: set[int] = field(default_factory=set)


@dataclass(kw_only=True, slots=True)
class Tally:
    """What a run has done."""

    uploaded: int = 0
    jobs: list[str] = field(default_factory=list)
    downloaded: int = 0


class Submission:
    """One run of `submit`."""

    def __init__(
        self,
        client: Client,
        state: State,
        display: Display,
        *,
        out: Path | None,
        recipe: Mapping[str, Any],
        webhook: str | None = None,
        force: bool,
        parallel: int,
    ) -> None:
        """Does nothing yet. Without `out` jobs are made and their results left at the server."""
        self._client = client
        self._state = state
        self._display = display
        self._out = out
        self._recipe = dict(recipe)
        self._recipe_text = json.dumps(self._recipe, sort_keys=True)
        self._webhook = webhook
        self._force = force
        self._pool = ThreadPoolExecutor(parallel)
        self._targets: dict[str, Path] = {}
        self.tally = Tally()

    def run(self, scans: Sequence[Scan], *, retry_failed: bool, wait: bool) -> dict[str, Entry]:
        """Brings every scan to its end and returns what is known of each, by absolute path."""
        pictures = [scan for scan in scans if scan.picture]
        self._targets = {str(Path(path).resolve()): target for path, target in stems(pictures).items()}
        digests = self._read(pictures)
        jobs = [self._resume(sent) for sent in self._state.open_jobs(self._client.server, self._recipe_text)]
        following = [job for job in jobs if job]
        fresh = self._fresh(pictures, digests, retry_failed=retry_failed)
        for start in range(0, len(fresh), JOB_ITEMS):
            if job := self._send(fresh[start : start + JOB_ITEMS]):
                following.append(job)
            self._look(following)
        if wait:
            self._follow(following)
        self._pool.shutdown()
        known = self._state.entries(self._recipe_text)
        return {path: known[path] for path in digests if path in known}

    # Reading and sending.

    def _read(self, pictures: Sequence[Scan]) -> dict[str, str]:
        """Returns the SHA-256 of each picture by absolute path; unchanged ones are not read again."""
        self._display.expect("read", len(pictures))

        def digest(scan: Scan) -> str:
            known = self._state.digest(scan.path)
            if known is None:
                known = file_digest(scan.path)
                self._state.remember_digest(scan.path, known)
            self._display.advance("read")
            return known

        return {
            str(scan.path.resolve()): sha256
            for scan, sha256 in zip(pictures, self._pool.map(digest, pictures), strict=True)
        }

    def _fresh(self, pictures: Sequence[Scan], digests: Mapping[str, str], *, retry_failed: bool) -> list[Entry]:
        """Returns the scans that no job has yet; fetches results that should lie in OUT and do not."""
        known = self._state.entries(self._recipe_text)
        fresh = []
        for scan in pictures:
            path = str(scan.path.resolve())
            entry = known.get(path)
            if (
                entry is None
                or entry.sha256 != digests[path]
                or (retry_failed and entry.state in ("failed", "canceled"))
            ):
                fresh.append(Entry(path=path, recipe=self._recipe_text, sha256=digests[path], filename=scan.name))
            elif entry.state == "succeeded" and self._lacks(entry):
                again = replace(entry, state="queued", key=None, number=None)
                fresh.append(again)
        return fresh

    def _lacks(self, entry: Entry) -> bool:
        here = outputs_of(entry)
        return self._out is not None and not (here and all((self._out / output).exists() for output in here))

    def _send(self, entries: Sequence[Entry]) -> Following | None:
        """Uploads what the server lacks of these scans and makes one job of those that it took."""
        problems = self._upload(entries)
        taken = []
        for entry in entries:
            if problem := problems.get(entry.sha256):
                self._end(replace(entry, state="failed", code=problem.code, detail=problem.detail))
            else:
                taken.append(entry)
        if not taken:
            return None
        sent = Sent(key=str(uuid.uuid4()), server=self._client.server, recipe=self._recipe_text)
        taken = [replace(entry, key=sent.key, number=number) for number, entry in enumerate(taken)]
        self._state.begin_job(sent, taken)
        return self._post(sent, taken)

    def _upload(self, entries: Sequence[Entry]) -> dict[str, ProblemError]:
        """Sends the bytes that are not there; returns why some were refused, by digest."""
        paths = {entry.sha256: Path(entry.path) for entry in entries}
        asked = [{"sha256": sha256, "size": max(1, path.stat().st_size)} for sha256, path in paths.items()]
        missing = self._client.missing(asked)
        self._display.expect("upload", len(missing))

        def send(answer: Mapping[str, Any]) -> tuple[str, ProblemError | None]:
            try:
                self._client.send(paths[answer["sha256"]], answer)
            except ProblemError as error:
                if error.status not in (413, 415, 422):
                    raise
                return answer["sha256"], error
            else:
                self.tally.uploaded += 1
                return answer["sha256"], None
            finally:
                self._display.advance("upload")

        return {sha256: problem for sha256, problem in self._pool.map(send, missing) if problem}

    def _post(self, sent: Sent, entries: Sequence[Entry]) -> Following:
        """Makes the job, or finds the one that the same key made before."""
        items = [{"sha256": entry.sha256, "filename": entry.filename} for entry in entries]
        job = self._client.submit(items, self._recipe, idempotency_key=sent.key, webhook=self._webhook)
        self._state.name_job(sent.key, job.id)
        self.tally.jobs.append(job.id)
        self._display.expect("color", len(entries))
        return Following(sent=replace(sent, job=job.id), entries=dict(enumerate(entries)))

    def _resume(self, sent: Sent) -> Following | None:
        """Takes up a job of an earlier run; one that the server does not know is forgotten and submitted anew."""
        entries = self._state.job_entries(sent.key)
        try:
            if sent.job is None:
                return self._post(sent, entries)
            self._client.job(sent.job)
        except ProblemError as error:
            if error.status not in (404, 422):
                raise
            self._display.note(f"The server does not know job {sent.job or sent.key} any more: submitting it anew.")
            self._state.forget_job(sent.key)
            return None
        self._display.expect("color", len(entries))
        return Following(sent=sent, entries={entry.number: entry for entry in entries if entry.number is not None})

    # Following and fetching.

    def _follow(self, following: list[Following]) -> None:
        """Looks at the open jobs until each has ended and its results are here."""
        pause = _SOONEST
        while following:
            moved = self._look(following)
            pause = _SOONEST if moved else min(_LATEST, pause * 1.5)
            if following:
                time.sleep(pause)

    def _look(self, following: list[Following]) -> int:
        """Takes what has ended since the last look; drops jobs that are through. Returns how many items had ended."""
        moved = 0
        for job in list(following):
            moved += self._take(job)
            if len(job.seen) >= len(job.entries):
                self._state.end_job(job.sent.key)
                following.remove(job)
        return moved

    def _take(self, job: Following) -> int:
        """Fetches the results of one job's items that have ended since the last look."""
        fetched: list[Future[None]] = []
        cursor: int | None = job.low
        while cursor is not None:
            items, following = self._client.page(job.sent.job or "", cursor=cursor, limit=_PAGE)
            ended = [item for item in items if item.state in ENDED_ITEMS and item.number not in job.seen]
            for item in ended:
                job.seen.add(item.number)
                self._display.advance("color")
                fetched.append(self._pool.submit(self._fetch, job, item))
            # A page without anything new lies ahead of the work.
            cursor = following if ended else None
        for result in fetched:
            result.result()
        while job.low in job.seen:
            job.low += 1
        return len(fetched)

    def _fetch(self, job: Following, item: Item) -> None:
        """Brings one item to its end here: writes its picture, or notes why there is none."""
        entry = job.entries[item.number]
        if item.state != "succeeded" or item.derivative is None:
            self._end(replace(entry, state=item.state, code=item.code, detail=item.detail))
            return
        done = replace(entry, state="succeeded", derivative=item.derivative["sha256"])
        target = self._targets.get(entry.path)
        if self._out is None or target is None:
            self._end(done)
            return
        extension = EXTENSIONS.get(item.derivative["media_type"], "bin")
        output = f"{target.as_posix()}.{extension}"
        made = [candidate["derivative"] for candidate in item.candidates] or [item.derivative]
        try:
            for number, each in enumerate(outputs(output, self._recipe)):
                self._write(job, item.number, number, made[number]["sha256"], each)
        except (DownloadDamaged, FileExistsError) as error:
            code = "output_exists" if isinstance(error, FileExistsError) else "download_damaged"
            self._end(replace(done, state="failed", code=code, detail=str(error)))
            return
        self._end(replace(done, output=output))

    def _write(self, job: Following, number: int, candidate: int, sha256: str, output: str) -> None:
        path = (self._out or Path()) / output
        if path.exists() and not self._force and not self._state.ours(output):
            raise FileExistsError(f"{path} is there and was not written by this command; --force replaces it.")
        self._display.expect("download", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._state.claim_output(output, sha256)
        self._client.download(job.sent.job or "", number, path, sha256=sha256, candidate=candidate)
        self.tally.downloaded += 1
        self._display.advance("download")

    def _end(self, entry: Entry) -> None:
        self._state.save(entry)
        self._display.ended(entry, self._out or Path())


def failures(entries: Iterable[Entry]) -> list[Entry]:
    """Returns those that have no result."""
    return [entry for entry in entries if entry.state in ("failed", "canceled")]
