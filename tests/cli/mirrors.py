"""A mirror on this machine that behaves as it is told to, badly too."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    #: what each path answers; set on a subclass
    answers: dict[str, Answer]
    asked: list[tuple[str, str | None]]
    over: threading.Event

    def do_GET(self) -> None:
        """Answers as the path is told to."""
        self.asked.append((self.path, self.headers.get("Range")))
        with suppress(ConnectionError):  # the client may have had enough
            self.answers[self.path](self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Says nothing."""

    def head(self, status: int, **headers: object) -> None:
        """Sends status and headers, None left out."""
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def offset(self) -> int:
        """Returns where the client wants to go on."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0


@dataclass(kw_only=True)
class Mirror:
    """A running server."""

    url: str
    #: path and Range of each request
    asked: list[tuple[str, str | None]]
    _answers: dict[str, Answer] = field(default_factory=dict)

    def tell(self, path: str, answer: Answer) -> str:
        """Makes a path answer so; returns its address."""
        self._answers[path] = answer
        return self.url + path


@contextmanager
def running() -> Iterator[Mirror]:
    """Runs a mirror."""
    answers: dict[str, Answer] = {}
    asked: list[tuple[str, str | None]] = []
    over = threading.Event()
    kind = type("Here", (Handler,), {"answers": answers, "asked": asked, "over": over})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Mirror(url=f"http://127.0.0.1:{server.server_port}", asked=asked, _answers=answers)
        over.set()
        server.shutdown()
        thread.join()


def unused() -> str:
    """Returns an address that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/file"


def good(data: bytes, *, tag: str | None = None) -> Answer:
    """All of it, or the rest of it where the client has the same file."""

    def answer(handler: Handler) -> None:
        start = handler.offset()
        if handler.headers.get("If-Range") not in (None, tag):
            start = 0
        if start > len(data):
            handler.head(416, Content_Range=f"bytes */{len(data)}")
            return
        part = f"bytes {start}-{len(data) - 1}/{len(data)}" if start else None
        handler.head(206 if start else 200, Content_Length=len(data) - start, Content_Range=part, ETag=tag)
        handler.wfile.write(data[start:])

    return answer


def deaf(data: bytes) -> Answer:
    """All of it, whatever was asked for."""
    return raw(data, length=len(data))


def raw(data: bytes, *, length: int | None = None, status: int = 200, kind: str | None = None) -> Answer:
    """These bytes under this status, with a Content-Length that may be a lie."""

    def answer(handler: Handler) -> None:
        handler.head(status, Content_Length=length, Content_Type=kind)
        handler.wfile.write(data)

    return answer


def dying(data: bytes, at: int, *, then: Answer, tag: str | None = None) -> Answer:
    """Hangs up after `at` bytes, the first time."""
    left = [True]

    def answer(handler: Handler) -> None:
        if left.pop() if left else False:
            handler.head(200, Content_Length=len(data), ETag=tag)
            handler.wfile.write(data[:at])
        else:
            then(handler)

    return answer


def trickling(data: bytes, pieces: int, seconds: float) -> Answer:
    """All of it, slowly."""

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(data))
        step = -(-len(data) // pieces)
        for start in range(0, len(data), step):
            handler.wfile.write(data[start : start + step])
            handler.over.wait(seconds)

    return answer


def silent(data: bytes, length: int) -> Answer:
    """These bytes, then nothing, and the line stays open."""

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=length)
        handler.wfile.write(data)
        handler.wfile.flush()
        handler.over.wait()

    return answer


def moved(address: str) -> Answer:
    """Somewhere else."""
    return lambda handler: handler.head(302, Location=address)
