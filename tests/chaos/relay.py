"""One connection through the faulty proxy: requests are judged, and passed on, spoiled or left unanswered."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from enum import StrEnum
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler
from typing import Protocol

_CHUNK = 64 << 10


class Fault(StrEnum):
    """What may go wrong."""

    ERROR_500 = "error_500"  # InternalError, the request is read and not passed on
    ERROR_503 = "error_503"  # SlowDown, likewise
    TIMEOUT = "timeout"  # the request is taken and never answered; the connection ends with the window
    RESET_UPLOAD = "reset_upload"  # half of the request reaches the server, then both connections are reset
    RESET_DOWNLOAD = "reset_download"  # the server did what it was asked for; half of its answer comes, then a reset
    CONFLICT = "conflict"  # 409 ConditionalRequestConflict to creates under a condition; others pass
    OUTAGE = "outage"  # nobody listens, and who was connected is cut off


_ANSWERS = {
    Fault.ERROR_500: (500, "InternalError"),
    Fault.ERROR_503: (503, "SlowDown"),
    Fault.CONFLICT: (409, "ConditionalRequestConflict"),
}

#: Headers that are between two neighbors (RFC 9110, 7.6.1), and what this proxy has answered itself.
_OWN = frozenset({"connection", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"})


class Judge(Protocol):
    """What decides."""

    #: where the server listens on this machine
    upstream_port: int

    def judge(self, *, conditional: bool) -> Fault | None:
        """Decides what happens to a request, and counts it."""

    def passes(self, method: str, path: str, status: int) -> None:
        """Counts a request that the server answered with `status`; `path` has the query."""

    def hold(self) -> None:
        """Waits until no window of time-outs is open."""


class Relay(BaseHTTPRequestHandler):
    """One connection of a client, served to its end when it is made."""

    protocol_version = "HTTP/1.1"

    def __init__(self, connection: socket.socket, judge: Judge) -> None:
        self._judge = judge
        super().__init__(connection, ("127.0.0.1", 0), None)  # type: ignore[arg-type]  # it has no server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the class gives it
        """Says nothing."""

    def _pass(self) -> None:
        if "Transfer-Encoding" in self.headers:
            self._answer(411, "MissingContentLength")
            return
        fault = self._judge.judge(conditional="If-None-Match" in self.headers and self.command in ("PUT", "POST"))
        if fault is Fault.TIMEOUT:
            self._judge.hold()
            self._reset()
        elif fault in _ANSWERS:
            for _ in self._body():
                pass
            self._answer(*_ANSWERS[fault])
        else:
            self._forward(fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the names that the class looks for

    def _forward(self, fault: Fault | None) -> None:
        with closing(HTTPConnection("127.0.0.1", self._judge.upstream_port)) as server:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _OWN:
                    server.putheader(name, value)
            server.endheaders()
            left = self._length() // 2 if fault is Fault.RESET_UPLOAD else self._length()
            for chunk in self._body(left):
                server.send(chunk)
            if fault is Fault.RESET_UPLOAD:
                _linger_not(server.sock)
                self._reset()
                return
            answer = server.getresponse()
            if fault is None:
                self._judge.passes(self.command, self.path, answer.status)
            self._relay(answer, cut=fault is Fault.RESET_DOWNLOAD)

    def _relay(self, answer: HTTPResponse, *, cut: bool) -> None:
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        length = answer.getheader("Content-Length")
        whole = None if length is not None or bodiless else answer.read()
        size = 0 if bodiless else len(whole) if whole is not None else int(length or 0)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        if whole is not None:
            self.send_header("Content-Length", str(size))
        if cut and not size:
            # The status line alone: the client cannot know what became of its request.
            self.wfile.write(b"HTTP/1.1 ")
            self._reset()
            return
        self.end_headers()
        left = size // 2 if cut else size
        chunks = iter([whole]) if whole is not None else iter(lambda: answer.read(_CHUNK), b"")
        for chunk in chunks:
            self.wfile.write(chunk[:left])
            left -= min(left, len(chunk))
            if not left:
                break
        if cut:
            self._reset()

    def _answer(self, status: int, code: str) -> None:
        words = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
        body = b"" if self.command == "HEAD" else words.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    def _body(self, left: int | None = None) -> Iterator[bytes]:
        left = self._length() if left is None else left
        while left and (chunk := self.rfile.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk

    def _reset(self) -> None:
        """Ends the connection as a machine that crashed and came back does: by a reset."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
        _linger_not(self.connection)


def _linger_not(connection: socket.socket) -> None:
    """Has a connection end by a reset, and not in order, when it is closed (SO_LINGER of socket(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
