"""Bodies whose length nobody knows before they have come: counted, and refused in words where they do not hold."""

from __future__ import annotations

from typing import Any

from flask import g, request
from gunicorn.http.errors import ParseException

from shared.errors import InvalidRequest


class Chunks:
    """A chunked body."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        #: bytes that were read
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes; raises InvalidRequest where the chunks end too soon or are none."""
        try:
            data: bytes = self._stream.read(size)
        except (OSError, ParseException):  # gunicorn's quote what came: bytes of a picture
            raise InvalidRequest(
                "The body broke off, or is not in chunks as its Transfer-Encoding says.", field="body"
            ) from None
        self.size += len(data)
        return data


def watch() -> None:
    """Puts a chunked body of the request at hand under watch."""
    if "Transfer-Encoding" in request.headers:
        request.environ["wsgi.input"] = g.chunks = Chunks(request.environ["wsgi.input"])


def received() -> int:
    """Returns how many bytes of a chunked body have been read, 0 where the body is none."""
    chunks: Chunks | None = g.get("chunks")
    return chunks.size if chunks else 0
