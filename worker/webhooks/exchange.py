"""An exchange: one HTTP/1.1 request to one address, and the status of its answer.

By hand, and small: no redirects, no proxies, no second look-up of the name, and one limit on the time of everything
together, which libraries give an operation and not an exchange.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from dataclasses import dataclass

from shared.webhooks import Target

#: Bytes of an answer that are read.
MAX_ANSWER = 64 << 10

#: How long the end of an answer is waited for once its status is known, seconds.
_PARTING_SECONDS = 1.0

_CHUNK = 16 << 10
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?:[ \r\n]|$)")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})[ \t]*\r?$")


class AnswerUnfit(Exception):
    """The answer is none of HTTP/1.1, in words."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, seconds."""

    moment: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Returns the moment in so many seconds."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Returns the seconds until then; raises TimeoutError where there are none."""
        left = self.moment - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def connect(address: str, port: int, *, seconds: float) -> socket.socket:
    """Opens a connection to an address; no name is looked up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def exchange(
    sock: socket.socket, target: Target, request: bytes, *, context: ssl.SSLContext, deadline: Deadline
) -> int:
    """Sends a request over a connection, which is closed at the end, and returns the status of the answer.

    The certificate is checked against the target's name. Raises OSError (TimeoutError and SSLError among them) and
    AnswerUnfit.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(sock)
        if target.secure:
            sock.settimeout(deadline.left())
            sock = stack.enter_context(context.wrap_socket(sock, server_hostname=target.host))
        sock.settimeout(deadline.left())
        sock.sendall(request)
        return _read_status(sock, deadline)


def _read_status(sock: socket.socket, deadline: Deadline) -> int:
    """Reads up to the end of the final answer's head, then waits a little for the rest, as is polite."""
    text, read = b"", 0
    while True:
        while not (end := _HEAD_END.search(text)):
            if read >= MAX_ANSWER:
                raise AnswerUnfit(f"The head of the answer does not end within {MAX_ANSWER:,} bytes.")
            chunk = _receive(sock, deadline, MAX_ANSWER - read)
            if not chunk:
                raise AnswerUnfit("The connection was closed before the answer was complete.")
            text += chunk
            read += len(chunk)
        found = _STATUS.match(text)
        if not found:
            raise AnswerUnfit("The answer is not HTTP/1.1.")
        head, text = text[: end.end()], text[end.end() :]
        status = int(found[1])
        if status >= 200:
            _part(sock, deadline, head, len(text), MAX_ANSWER - read)
            return status


def _part(sock: socket.socket, deadline: Deadline, head: bytes, here: int, most: int) -> None:
    """Lets a receiver finish what it says; that it does not is no failure."""
    length = _LENGTH.search(head)
    left = min(most, int(length[1]) - here) if length else most
    patience = Deadline(min(deadline.moment, time.monotonic() + _PARTING_SECONDS))
    with contextlib.suppress(OSError):
        while left > 0 and (chunk := _receive(sock, patience, left)):
            left -= len(chunk)


def _receive(sock: socket.socket, deadline: Deadline, most: int) -> bytes:
    sock.settimeout(deadline.left())
    return sock.recv(min(_CHUNK, most))
