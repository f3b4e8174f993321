"""Sending masters, as the server's answers say: to it, or straight to its storage, whole or in pieces.

A large file goes in pieces, several side by side. The storage remembers what has arrived, so that whoever sends it
again, after an interruption too, sends the rest only.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from photochrom.errors import ClientError, ProblemError, ServerUnreachable, StorageRefused
from photochrom.files.fixity import file_digest
from photochrom.wire.retries import asked_pause
from photochrom.wire.sections import Progress, md5, section
from photochrom.wire.transport import Transport, reason, understood

Outcome = TypeVar("Outcome")

#: Pieces of one file that go out side by side.
_SIDE_BY_SIDE = 4

#: How often fresh links are asked for: those of the first answer may be too old when their turn comes.
_ROUNDS = 4

#: Seconds for a connection, and of silence.
_TIMEOUT = (5.0, 60.0)

_CODE = re.compile(r"<Code>(\w+)</Code>")

#: What a storage says of bytes that are not those which were promised or sent.
_DAMAGED = ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")

#: Problems of an upload in pieces that beginning it again can mend.
_BEGIN_AGAIN = ("not_found", "upload_incomplete")


class Sender:
    """Sends files to one server and its storage. May be used by several threads."""

    def __init__(self, transport: Transport) -> None:
        """Takes the way to the server."""
        self._transport = transport
        self._local = threading.local()

    def send(self, path: Path, answer: Mapping[str, Any], progress: Progress | None = None) -> None:
        """Sends a file as an answer of `POST /v1/uploads` says; `progress` is told of bytes, from several threads.

        Raises ProblemError, ServerUnreachable, and StorageRefused where the storage does not take its own links.
        """
        told = progress or (lambda _: None)
        if answer.get("problem"):
            problem = dict(answer["problem"])
            code, detail = problem.pop("code"), problem.pop("detail")
            raise ProblemError(status=413, code=code, detail=detail, extra=problem, retry_after=None)
        if "pieces" in answer["upload"]:
            self._send_pieces(path, answer["sha256"], answer["upload"]["pieces"], told)
        elif answer["upload"]["url"].startswith("http"):
            self._send_whole(path, answer, told)
        else:
            self._send_to_server(path, answer["upload"], told)

    def _send_to_server(self, path: Path, how: Mapping[str, Any], progress: Progress) -> None:
        def once() -> None:
            with section(path, 0, path.stat().st_size, progress) as body:
                self._transport.once(how["method"], how["url"], headers=how["headers"], data=body).close()

        self._transport.patiently(once)

    def _send_whole(self, path: Path, answer: Mapping[str, Any], progress: Progress) -> None:
        """Makes a signed PUT. After trouble the server is asked anew: the file may be there, or the link too old."""
        size = path.stat().st_size
        answers = [answer]

        def once() -> Mapping[str, Any] | None:
            if not answers:
                answers.append(self._ask(answer["sha256"], size))
            latest = answers.pop()
            if latest.get("present"):
                return None
            how: Mapping[str, Any] = latest["upload"]
            if not how["url"].startswith("http"):  # the quota is used up, which the server says better
                return how
            if int(how["headers"].get("Content-Length", size)) != size:
                raise _changed(path)
            self._put(path, 0, size, how, progress, sha256=answer["sha256"])
            return None

        if how := self._with_fresh_links(lambda: self._transport.patiently(once)):
            self._send_to_server(path, how, progress)

    def _send_pieces(self, path: Path, sha256: str, address: str, progress: Progress) -> None:
        size = path.stat().st_size
        known: set[int] = set()

        def once() -> None:
            state = self._transport.json("POST", address, dict[str, Any], json={"size": size})
            if state["present"]:
                return
            if not known:  # what an earlier run has sent
                progress(size - sum(piece["size"] for piece in state["pieces"]))
                known.update(piece["number"] for piece in state["pieces"])
            self._put_all(path, state["pieces"], progress)
            self._complete(state["links"]["complete"])

        try:
            self._with_fresh_links(once)
        except ProblemError as error:
            if error.code == "checksum_mismatch" and file_digest(path) != sha256:
                raise _changed(path) from error
            raise

    def _with_fresh_links(self, act: Callable[[], Outcome]) -> Outcome:
        """Does something that asks for links, again where they were too old or where the upload has to begin anew."""
        for _ in range(_ROUNDS - 1):
            try:
                return act()
            except StorageRefused:
                continue
            except ProblemError as error:
                if error.code not in _BEGIN_AGAIN:
                    raise
        return act()

    def _put_all(self, path: Path, pieces: list[dict[str, Any]], progress: Progress) -> None:
        def put(piece: dict[str, Any]) -> None:
            self._transport.patiently(lambda: self._put(path, piece["start"], piece["size"], piece, progress))

        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            sent = [pool.submit(put, piece) for piece in pieces]
            try:
                for each in sent:
                    each.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _complete(self, address: str) -> None:
        """Asks for the proof of the bytes until it has ended."""
        while True:
            with self._transport.call("POST", address) as answer:
                if answer.status_code != 202:
                    return
                pause = asked_pause(answer.headers.get("Retry-After"), time.time())
            time.sleep(1.0 if pause is None else pause)

    def _put(
        self,
        path: Path,
        start: int,
        size: int,
        how: Mapping[str, Any],
        progress: Progress,
        *,
        sha256: str | None = None,
    ) -> None:
        """Makes a signed PUT of a section of a file, once.

        With `sha256`, the file's, the link holds the storage to it; else the section's MD5 goes along.
        """
        headers = dict(how["headers"])
        if sha256 is None:
            headers["Content-MD5"] = md5(path, start, size)
        with section(path, start, size, progress) as body:
            try:
                answer = self._session().put(
                    how["url"], data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
                )
            except requests.RequestException as error:
                raise ServerUnreachable(f"The storage does not answer: {reason(error)}") from error
            with answer:
                fault = _fault(answer)
            if isinstance(fault, _Damaged):
                if sha256 is not None and file_digest(path) != sha256:
                    raise _changed(path) from fault
                raise ServerUnreachable(f"{path.name} was damaged on its way to the storage") from fault
            if fault:
                raise fault
            progress(size - body.sent)  # of what is there already the storage may not want to see all

    def _ask(self, sha256: str, size: int) -> Mapping[str, Any]:
        with self._transport.once("POST", "/v1/uploads", json={"files": [{"sha256": sha256, "size": size}]}) as answer:
            return understood(answer, _first)

    def _session(self) -> requests.Session:
        """Returns this thread's connection to the storage: it shows no key, nor a password of the user's (netrc)."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = "photochrom"
            self._local.session.auth = _nobody
        session: requests.Session = self._local.session
        return session


class _Damaged(ClientError):
    """The storage says that the bytes are not those that were promised."""


def _first(answer: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer["files"][0]
    return found


def _nobody(request: Any) -> Any:
    return request


def _fault(answer: requests.Response) -> ClientError | None:
    """Returns what a storage's answer to a PUT means; None where the bytes are there."""
    status = answer.status_code
    if status < 300 or status == 412:  # somebody else stored these very bytes
        return None
    found = _CODE.search(answer.text)
    code = found[1] if found else str(status)
    if code in _DAMAGED:
        return _Damaged(code)
    host = urlsplit(answer.url).netloc
    if status in (409, 429) or status >= 500 or code == "RequestTimeout":
        return ServerUnreachable(f"The storage at {host} answers {status} {code}")
    return StorageRefused(
        f"The storage at {host} refuses what it signed: {status} {code}. A clock, or the server's rights there, may be "
        "wrong: tell whoever runs it, and run the same command again."
    )


def _changed(path: Path) -> ProblemError:
    detail = f"{path.name} has changed since it was read: submit it again."
    return ProblemError(status=422, code="checksum_mismatch", detail=detail, extra={}, retry_after=None)
