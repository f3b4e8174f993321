"""Fetching: one file from one address, into a part that a later call goes on with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

import requests
import urllib3.exceptions

from cli.parts import Origin, Part
from models.files import HEAD_BYTES, WEB_PAGE, mistaken

#: How much is read at once, bytes. What was read of a piece is lost where the line breaks, and a slow line shows its
#: progress a piece at a time.
_CHUNK = 16 << 10

#: Most bytes of a file whose size nobody has published.
MOST_BYTES = 1 << 30

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class MirrorFailed(Exception):
    """The address did not give the file; the message goes on where the address's name ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long an address is waited for."""

    #: for a connection, seconds
    connect: float = 10.0
    #: for the next byte, seconds
    silence: float = 30.0


class Progress(Protocol):
    """Where the progress of one file goes."""

    def begin(self, done: int, total: int | None) -> None:
        """Notes that `done` bytes are there, of `total` if that is known."""

    def advance(self, count: int) -> None:
        """Notes that so many more bytes are there."""


def fetch(url: str, part: Part, *, patience: Patience, progress: Progress) -> None:
    """Brings what is missing of the part from the address, or all of it where the address cannot go on.

    The bytes are on the disk when it returns; nobody has proved them. Raises MirrorFailed, with the part kept where
    going on later makes sense; OSError where the disk is at fault.
    """
    if part.complete:
        return
    if part.size is not None and part.done > part.size:
        part.remove()
    with _translated(part, patience):
        response = _ask(url, part, patience)
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            response.close()
            part.remove()
            response = _ask(url, part, patience)
        with response:
            _receive(url, response, part, progress)


def _ask(url: str, part: Part, patience: Patience) -> requests.Response:
    """Asks for the rest of the part where its bytes can be trusted to fit, else for the whole."""
    headers = {"Accept-Encoding": "identity", "User-Agent": f"photochrom/{version('photochrom')}"}
    origin = part.origin()
    same = origin is not None and origin.url == url
    tag = origin.tag if origin and same else None
    if part.done and (part.proved or tag):
        headers["Range"] = f"bytes={part.done}-"
        if tag:
            # Another file under the same address then comes as a whole (RFC 9110, 13.1.5).
            headers["If-Range"] = tag
    return requests.get(url, headers=headers, stream=True, timeout=(patience.connect, patience.silence))


def _receive(url: str, response: requests.Response, part: Part, progress: Progress) -> None:
    start, total = _window(response, part)
    _check_kind(response)
    tag = response.headers.get("ETag")
    with part.path.open("ab" if start else "wb") as target:
        part.note(Origin(url=url, tag=tag if tag and not tag.startswith("W/") else None))
        progress.begin(start, total)
        done, head = start, b""
        for chunk in response.iter_content(_CHUNK):
            done += len(chunk)
            if done > (total or MOST_BYTES):
                part.remove()
                raise MirrorFailed(f"sends more than {total or MOST_BYTES:,} bytes")
            target.write(chunk)
            progress.advance(len(chunk))
            if not start and len(head) < HEAD_BYTES:
                head += chunk
                _check_head(head, part)
        target.flush()
        os.fsync(target.fileno())
    if total is not None and done < total:
        raise MirrorFailed(f"ended after {done:,} of {total:,} bytes")


def _window(response: requests.Response, part: Part) -> tuple[int, int | None]:
    """Returns where the body begins in the file and how many bytes the file has, if that is known."""
    if response.status_code not in (200, 206):
        raise MirrorFailed(f"answers {response.status_code} {response.reason or ''}".rstrip())
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise MirrorFailed("sends the file compressed, which it was not asked for")
    length = response.headers.get("Content-Length", "")
    offered = int(length) if length.isdecimal() else None
    start = 0
    if response.status_code == 206:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != part.done:
            raise MirrorFailed("sends another stretch of the file than it was asked for")
        start = part.done
        offered = int(found[2]) if found[2] != "*" else offered and start + offered
    if part.size is not None and offered is not None and offered != part.size:
        raise MirrorFailed(f"offers a file of {offered:,} bytes; {part.size:,} are right")
    return start, part.size if part.size is not None else offered


def _check_kind(response: requests.Response) -> None:
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in (
        "text/html",
        "application/xhtml+xml",
    ):
        raise MirrorFailed(f"sends what {WEB_PAGE}")


def _check_head(head: bytes, part: Part) -> None:
    if len(head) >= HEAD_BYTES and (words := mistaken(head[:HEAD_BYTES])):
        part.remove()
        raise MirrorFailed(f"sends what {words}")


@contextmanager
def _translated(part: Part, patience: Patience) -> Iterator[None]:
    """Turns every error of the HTTP library into words."""
    try:
        yield
    except requests.RequestException as error:
        raise MirrorFailed(_words(error, part, patience)) from error


def _words(error: requests.RequestException, part: Part, patience: Patience) -> str:
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", None) or cause
    match error, cause:
        case requests.ConnectTimeout(), _:
            words = f"does not answer within {patience.connect:g} s"
        case (requests.ReadTimeout(), _) | (_, urllib3.exceptions.ReadTimeoutError()):
            words = f"went silent for {patience.silence:g} s, after {part.done:,} bytes"
        case requests.exceptions.SSLError(), _:
            words = f"has no certificate that can be trusted ({cause})"
        case requests.exceptions.ProxyError(), _:
            words = f"cannot be reached through the proxy ({cause})"
        case _, urllib3.exceptions.NameResolutionError():
            words = "has a name that cannot be resolved (DNS): is this machine on the network?"
        case _, urllib3.exceptions.NewConnectionError():
            words = f"cannot be reached ({_reason(cause)})"
        case ((requests.exceptions.ChunkedEncodingError() | requests.ConnectionError()), _):
            of = f" of {part.size:,}" if part.size is not None else ""
            words = f"hung up after {part.done:,}{of} bytes"
        case requests.TooManyRedirects(), _:
            words = "redirects without end"
        case _:
            words = f"cannot be asked ({type(error).__name__}: {error})"
    return words


def _reason(cause: object) -> str:
    """Returns why there is no connection, without the library's own words and the number."""
    return re.sub(r"^.*: (\[Errno -?\d+\] )?", "", str(cause))
