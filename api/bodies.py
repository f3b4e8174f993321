"""Bodies on their way in: counted, and refused in words where they end before their end."""

from __future__ import annotations

from typing import Any

from flask import g, request
from gunicorn.http.errors import ParseException

from shared.errors import InvalidRequest, LengthRequired


class Body:
    """A body. A server does not say that a connection broke off: what it gives just ends, as if that were all."""

    def __init__(self, stream: Any, length: int | None) -> None:
        """Takes what the server reads from, and the bytes that shall come; None where chunks tell their end."""
        self._stream = stream
        self.length = length
        #: bytes that were read
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes; raises InvalidRequest where the body ends too soon, or its chunks are none."""
        try:
            data: bytes = self._stream.read(size)
        except (OSError, ParseException):  # gunicorn's quote what came: bytes of a picture
            raise _broken() from None
        self.size += len(data)
        at_end = size < 0 or (size > 0 and not data)
        if at_end and self.length is not None and self.size < self.length:
            raise _broken()
        return data


def watch() -> None:
    """Puts the body of the request at hand under watch."""
    chunked = "Transfer-Encoding" in request.headers
    if chunked or request.content_length:
        length = None if chunked else request.content_length
        request.environ["wsgi.input"] = g.body = Body(request.environ["wsgi.input"], length)


def received() -> int:
    """Returns how many bytes have been read of a body that did not say its length, 0 of any other."""
    body: Body | None = g.get("body")
    return body.size if body and body.length is None else 0


def require_length() -> None:
    """Raises LengthRequired for a body whose end nobody can tell."""
    if request.content_length is None and request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise LengthRequired()


def _broken() -> InvalidRequest:
    return InvalidRequest(
        "The body broke off, came too slowly, or is not in chunks as its Transfer-Encoding says.", field="body"
    )
