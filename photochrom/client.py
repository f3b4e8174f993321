"""The client: Photochrom's HTTP API as typed Python calls.

client = Client("http://127.0.0.1:8080")
digest = client.upload(Path("old.jpg"))
job = client.submit([{"sha256": digest, "filename": "old.jpg"}])
client.wait(job.id)
client.download(job.id, 0, Path("old_colorized.jpg"))
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from photochrom.files.fixity import file_digest
from photochrom.wire import downloads, following, posting
from photochrom.wire.records import Item, Job
from photochrom.wire.retries import PATIENCE, Patience
from photochrom.wire.sections import Progress
from photochrom.wire.sending import Sender
from photochrom.wire.states import States
from photochrom.wire.transport import Transport

DEFAULT_SERVER = "http://127.0.0.1:8080"

_CHUNK = 1 << 20


class Client:
    """Calls one server. May be used by several threads; each has a connection of its own.

    Every call raises ProblemError where the server refuses, ServerUnreachable where nobody answers, ValueError for what
    JSON cannot say, as a temperature that is no number. What waiting can mend is tried again for `patience` seconds,
    unless the server has never answered. `photochrom.colorize` does all of it for files and folders.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        api_key: str | None = None,
        *,
        patience: float = PATIENCE,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connects with the first call; raises ValueError for what is no address, or cannot be a key.

        `notify` is told in words when the server falls silent and when it is back.
        """
        self._transport = Transport(server, api_key, Patience(patience, notify))
        self._sender = Sender(self._transport)
        self.server = self._transport.server

    def models(self) -> list[dict[str, Any]]:
        """Returns the registered models."""
        return self._transport.json("GET", "/v1/models", lambda answer: list(answer["models"]))

    def queue(self) -> dict[str, Any]:
        """Returns how much work waits and runs, in all and by model; needs a key with the scope `observe`."""
        return self._transport.json("GET", "/v1/queue", dict[str, Any])

    # Masters.

    def missing(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Asks which of up to 1,000 `{"sha256", "size"}` are not stored; returns those answers."""

        def absent(answer: Any) -> list[dict[str, Any]]:
            return [each for each in answer["files"] if not each["present"]]

        return self._transport.json("POST", "/v1/uploads", absent, json={"files": list(files)})

    def upload(self, path: Path, *, sha256: str | None = None) -> str:
        """Sends a file unless it is there, and returns its SHA-256."""
        digest = sha256 or file_digest(path)
        for answer in self.missing([{"sha256": digest, "size": path.stat().st_size}]):
            self.send(path, answer)
        return digest

    def send(self, path: Path, answer: Mapping[str, Any], progress: Progress | None = None) -> None:
        """Sends a file's bytes as an answer of `missing` says; `progress` is told of bytes, by several threads."""
        self._sender.send(path, answer, progress)

    # Jobs.

    def submit(
        self,
        items: Iterable[Mapping[str, Any]],
        recipe: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        webhook: str | None = None,
        priority: str | None = None,
    ) -> Job:
        """Makes a job of up to 1,000,000 items, read one by one; safe to repeat under the same key.

        An item is a stored master, `{"sha256", "filename"?, "client_ref"?}`, or lies in a bucket that the server may
        read, `{"source": "s3://bucket/key", ...}`. `webhook`, an https URL, is told when the job has ended;
        `verify_webhook` reads what comes there. `priority` is low, normal or high.
        """
        head: dict[str, Any] = {"recipe": dict(recipe or {})}
        head |= {name: value for name, value in (("webhook", webhook), ("priority", priority)) if value is not None}
        return posting.submit(self._transport, items, head, idempotency_key or str(uuid.uuid4()))

    def job(self, job_id: str) -> Job:
        """Returns a job as it stands."""
        return self._transport.json("GET", f"/v1/jobs/{job_id}", Job.from_json)

    def jobs(self, *, limit: int = 100) -> list[Job]:
        """Returns the newest jobs, newest first."""

        def read(answer: Any) -> list[Job]:
            return [Job.from_json(data) for data in answer["jobs"]]

        return self._transport.json("GET", f"/v1/jobs?limit={limit}", read)

    def follow(self, job_id: str) -> Iterator[Job]:
        """Yields the job whenever it has changed, until it has ended; asks as often as the server wishes."""
        return following.follow(self._transport, job_id)

    def follower(self, job_id: str) -> following.Follower:
        """Returns what asks for a job's changes, one call at a time."""
        return following.Follower(self._transport, job_id)

    def events(self, job_id: str) -> Iterator[Job]:
        """Yields the job as the server tells of it, at most once a second, until it has ended; holds a connection."""
        return following.events(self._transport, job_id)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Waits for the job's end and returns it; raises TimeoutError after `timeout` seconds."""
        return following.wait(self._transport, job_id, timeout)

    def cancel(self, job_id: str) -> Job:
        """Cancels what has not begun."""
        return self._ask(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Lets nothing of the job begin until `resume`; what had begun comes to its end."""
        return self._ask(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Lets a paused job go on."""
        return self._ask(job_id, "resume")

    def prioritize(self, job_id: str, priority: str) -> Job:
        """Changes a job's priority: low, normal or high."""
        return self._ask(job_id, "priority", json={"priority": priority})

    def retry(self, job_id: str, states: Sequence[str] = ("failed",), *, idempotency_key: str | None = None) -> Job:
        """Makes a new job of what `failed`, was `canceled`, or both, in one that has ended, and returns it."""
        key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._ask(job_id, "retry", json={"states": list(states)}, headers=key)

    def delete(self, job_id: str) -> None:
        """Deletes the records of a job that has ended; ProblemError `job_not_ended` before, `not_found` afterwards.

        Its masters and pictures stay, since other jobs may share them, but no longer under this job.
        """
        self._transport.call("DELETE", f"/v1/jobs/{job_id}").close()

    def report(self, job_id: str, *, csv: bool = False) -> Iterator[bytes]:
        """Yields the report's bytes, JSON lines or CSV."""
        path = f"/v1/jobs/{job_id}/report{'.csv' if csv else ''}"
        with self._transport.call("GET", path, stream=True) as answer:
            yield from answer.iter_content(_CHUNK)

    # Items.

    def states(self, job_id: str, *, total: int | None = None) -> States:
        """Returns the state of every item; a million are 250 KB. `total`, where it is known, saves a call."""
        with self._transport.call("GET", f"/v1/jobs/{job_id}/states") as answer:
            return States(answer.content, self.job(job_id).total if total is None else total)

    def items(self, job_id: str, *, state: str | None = None, sort: str | None = None) -> Iterator[Item]:
        """Yields the items of a job, in their order, those in `state` if one is given.

        With `sort` "uncertainty" they are the up to 1,000 most uncertain successes of a job that has ended, most
        uncertain first; ProblemError `not_ready` before.
        """
        cursor: int | None = 0
        while cursor is not None:
            page, cursor = self.page(job_id, cursor=cursor, limit=1000, state=state, sort=sort)
            yield from page

    def page(
        self, job_id: str, *, cursor: int, limit: int, state: str | None = None, sort: str | None = None
    ) -> tuple[list[Item], int | None]:
        """Returns up to `limit` items (1..1000) from `cursor` on, 0 at first, and the cursor of the next page."""
        query = f"cursor={cursor}&limit={limit}" + (f"&state={state}" if state else "")
        query += f"&sort={sort}" if sort else ""

        def read(answer: Any) -> tuple[list[Item], int | None]:
            return [Item.from_json(data) for data in answer["items"]], answer["next"]

        return self._transport.json("GET", f"/v1/jobs/{job_id}/items?{query}", read)

    def item(self, job_id: str, number: int) -> Item:
        """Returns one item."""
        return self._transport.json("GET", f"/v1/jobs/{job_id}/items/{number}", Item.from_json)

    def download(
        self,
        job_id: str,
        number: int,
        path: Path,
        *,
        sha256: str | None = None,
        candidate: int | None = None,
        staging: Path | None = None,
        progress: Progress = lambda _: None,
    ) -> str:
        """Writes an item's color picture to `path`, all or nothing, and returns its SHA-256.

        Of several candidates it is the first, or that which `candidate` (0..) says. The unfinished file lies in
        `staging` if that is given and on the same disk, else beside `path`. `progress` is told how many bytes have
        come since the last time, less than none where they came in vain.
        Raises DownloadDamaged where it is not `sha256`, or not what the server says of the item, and NoSpace where the
        disk is full but for 64 MiB.
        """
        if sha256 is None:
            item = self.item(job_id, number)
            made = item.candidates[candidate]["derivative"] if candidate and item.candidates else item.derivative
            sha256 = (made or {}).get("sha256")
        address = f"/v1/jobs/{job_id}/items/{number}/result" + (f"?candidate={candidate}" if candidate else "")
        return downloads.download(self._transport, address, path, sha256, staging=staging, progress=progress)

    def _ask(self, job_id: str, what: str, **kwargs: Any) -> Job:
        return self._transport.json("POST", f"/v1/jobs/{job_id}/{what}", Job.from_json, **kwargs)
