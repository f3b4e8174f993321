"""The client: Photochrom's HTTP API as typed Python calls.

client = Client("http://127.0.0.1:8080")
digest = client.upload(Path("old.jpg"))
job = client.submit([{"sha256": digest, "filename": "old.jpg"}])
client.wait(job.id)
client.download(job.id, 0, Path("old_colorized.jpg"))
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from photochrom.errors import DownloadDamaged, ProblemError, ServerUnreachable
from photochrom.records import Item, Job
from photochrom.retries import PATIENCE, Patience, asked_pause

DEFAULT_SERVER = "http://127.0.0.1:8080"

#: Seconds for a connection, and between two packets of an answer.
_TIMEOUT = (5.0, 60.0)

_CHUNK = 1 << 20


class Client:
    """Calls one server. May be used by several threads; each has a connection of its own.

    Every call raises ProblemError where the server refuses, ServerUnreachable where nobody answers, ValueError for what
    JSON cannot say, as a temperature that is no number. What waiting can mend is tried again for `patience` seconds,
    unless the server has never answered.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        api_key: str | None = None,
        *,
        patience: float = PATIENCE,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connects with the first call. `notify` is told in words when the server falls silent and when it is back."""
        self.server = server.rstrip("/")
        self._api_key = api_key
        self._patience = Patience(patience, notify)
        self._local = threading.local()

    def models(self) -> list[dict[str, Any]]:
        """Returns the registered models."""
        return list(self._json("GET", "/v1/models")["models"])

    def missing(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Asks which of up to 1,000 `{"sha256", "size"}` are not stored; returns those answers."""
        answers = self._json("POST", "/v1/uploads", json={"files": list(files)})["files"]
        return [answer for answer in answers if not answer["present"]]

    def upload(self, path: Path, *, sha256: str | None = None) -> str:
        """Sends a file unless it is there, and returns its SHA-256."""
        digest = sha256 or file_digest(path)
        for answer in self.missing([{"sha256": digest, "size": path.stat().st_size}]):
            self.send(path, answer)
        return digest

    def send(self, path: Path, answer: Mapping[str, Any]) -> None:
        """Sends a file's bytes as an answer of `missing` says."""
        if answer.get("problem"):
            problem = dict(answer["problem"])
            raise ProblemError(
                status=413, code=problem.pop("code"), detail=problem.pop("detail"), extra=problem, retry_after=None
            )
        how = answer["upload"]
        self._call(how["method"], how["url"], headers=how["headers"], file=path).close()

    def submit(
        self,
        items: Sequence[Mapping[str, Any]],
        recipe: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Makes a job of stored masters, `{"sha256", "filename", "client_ref"?}`; safe to repeat under the same key.

        `webhook`, an https URL, is told when the job has ended; `verify_webhook` reads what comes there.
        """
        key = idempotency_key or str(uuid.uuid4())
        body = {"recipe": dict(recipe or {}), "items": [dict(item) for item in items]}
        if webhook is not None:
            body["webhook"] = webhook
        return Job.from_json(self._json("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key}))

    def job(self, job_id: str) -> Job:
        """Returns a job as it stands."""
        return Job.from_json(self._json("GET", f"/v1/jobs/{job_id}"))

    def jobs(self, *, limit: int = 100) -> list[Job]:
        """Returns the newest jobs, newest first."""
        return [Job.from_json(data) for data in self._json("GET", f"/v1/jobs?limit={limit}")["jobs"]]

    def follow(self, job_id: str) -> Iterator[Job]:
        """Yields the job whenever it has changed, until it has ended; asks as often as the server wishes."""
        etag = ""
        while True:
            answer = self._call("GET", f"/v1/jobs/{job_id}", headers={"If-None-Match": etag} if etag else {})
            with answer:
                pause = asked_pause(answer.headers.get("Retry-After", "1"), time.time()) or 1.0
                if answer.status_code != 304:
                    etag = answer.headers.get("ETag", "")
                    job = Job.from_json(answer.json())
                    yield job
                    if job.ended:
                        return
            time.sleep(pause)

    def wait(self, job_id: str) -> Job:
        """Waits for the job's end and returns it."""
        *_, last = self.follow(job_id)
        return last

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
        page = self._json("GET", f"/v1/jobs/{job_id}/items?{query}")
        return [Item.from_json(data) for data in page["items"]], page["next"]

    def item(self, job_id: str, number: int) -> Item:
        """Returns one item."""
        return Item.from_json(self._json("GET", f"/v1/jobs/{job_id}/items/{number}"))

    def download(
        self, job_id: str, number: int, path: Path, *, sha256: str | None = None, candidate: int | None = None
    ) -> str:
        """Writes an item's color picture to `path`, all or nothing, and returns its SHA-256.

        Of several candidates it is the first, or that which `candidate` (0..) says.
        Raises DownloadDamaged where it is not `sha256`, or not what the server says of the item.
        """
        if sha256 is None:
            item = self.item(job_id, number)
            made = item.candidates[candidate]["derivative"] if candidate and item.candidates else item.derivative
            sha256 = (made or {}).get("sha256")
        address = f"/v1/jobs/{job_id}/items/{number}/result" + (f"?candidate={candidate}" if candidate else "")
        return self._patience.call(lambda: self._download_once(address, path, sha256))

    def cancel(self, job_id: str) -> Job:
        """Cancels what has not begun."""
        return Job.from_json(self._json("POST", f"/v1/jobs/{job_id}/cancel"))

    def delete(self, job_id: str) -> None:
        """Deletes the records of a job that has ended; ProblemError `job_not_ended` before, `not_found` afterwards.

        Its masters and pictures stay, since other jobs may share them, but no longer under this job.
        """
        self._call("DELETE", f"/v1/jobs/{job_id}").close()

    def report(self, job_id: str, *, csv: bool = False) -> Iterator[bytes]:
        """Yields the report's bytes, JSON lines or CSV."""
        with self._call("GET", f"/v1/jobs/{job_id}/report{'.csv' if csv else ''}", stream=True) as answer:
            yield from answer.iter_content(_CHUNK)

    def _download_once(self, address: str, path: Path, sha256: str | None) -> str:
        digest = hashlib.sha256()
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            answer = self._once("GET", address, file=None, stream=True)
            with answer, partial.open("xb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            if sha256 and digest.hexdigest() != sha256:
                raise DownloadDamaged(f"{path.name}: {digest.hexdigest()} came, {sha256} was promised.")
            partial.replace(path)
        except requests.RequestException as error:
            raise ServerUnreachable(f"The download of {path.name} broke off: {_reason(error)}") from error
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def _json(self, method: str, path: str, **kwargs: Any) -> Any:
        with self._call(method, path, **kwargs) as answer:
            return answer.json()

    def _call(self, method: str, path: str, *, file: Path | None = None, **kwargs: Any) -> requests.Response:
        """Makes a call, again and again while waiting can mend what is wrong with it."""
        return self._patience.call(lambda: self._once(method, path, file=file, **kwargs))

    def _once(self, method: str, path: str, *, file: Path | None, **kwargs: Any) -> requests.Response:
        address = path if path.startswith("http") else f"{self.server}{path}"
        if address is path:  # a signed link, perhaps to another server, which must not see the key
            kwargs["headers"] = {**kwargs.get("headers", {}), "Authorization": None}
        try:
            if file is None:
                answer = self._session().request(method, address, timeout=_TIMEOUT, **kwargs)
            else:
                with file.open("rb") as body:
                    answer = self._session().request(method, address, timeout=_TIMEOUT, data=body, **kwargs)
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"This cannot be said in JSON: {_reason(error)}") from error
        except requests.RequestException as error:
            raise ServerUnreachable(f"{self.server} does not answer: {_reason(error)}") from error
        if answer.status_code >= 400:
            with answer:
                raise _problem(answer)
        return answer

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = "photochrom"
            if self._api_key:
                self._local.session.headers["Authorization"] = f"Bearer {self._api_key}"
        session: requests.Session = self._local.session
        return session


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _problem(answer: requests.Response) -> ProblemError | ServerUnreachable:
    try:
        body = dict(answer.json())
        code, detail = body.pop("code"), body.pop("detail")
    except (ValueError, KeyError, TypeError):
        return ServerUnreachable(f"{answer.url} answers {answer.status_code}, but not as Photochrom does.")
    return ProblemError(
        status=answer.status_code,
        code=code,
        detail=detail,
        extra=body,
        retry_after=asked_pause(answer.headers.get("Retry-After"), time.time()),
    )


def _reason(error: BaseException) -> str:
    """Returns the innermost words of a chain of exceptions: what the operating system said."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
