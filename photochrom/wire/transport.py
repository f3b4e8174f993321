"""Calls over HTTP: connections, the key, and errors in the client's own words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from photochrom.errors import ProblemError, ServerUnreachable
from photochrom.wire.retries import Patience, asked_pause

Outcome = TypeVar("Outcome")

#: Seconds for a connection, and between two packets of an answer.
_CONNECT = 5.0
_SILENCE = 60.0


class Transport:
    """Calls one server. May be used by several threads; each has a connection of its own."""

    def __init__(self, server: str, api_key: str | None, patience: Patience) -> None:
        """Connects with the first call; raises ValueError for what is no address, or no key that a header can say."""
        if not server.startswith(("http://", "https://")):
            raise ValueError(
                f"{server!r} is no address such as http://127.0.0.1:8080: it begins with http:// or https://."
            )
        self.server = server.rstrip("/")
        self._api_key = clean_key(api_key)
        self._patience = patience
        self._local = threading.local()

    def patiently(self, act: Callable[[], Outcome]) -> Outcome:
        """Does something again and again while waiting can mend what is wrong with it."""
        return self._patience.call(act)

    def json(self, method: str, path: str, read: Callable[[Any], Outcome], **kwargs: Any) -> Outcome:
        """Makes a call as `call` does and returns what `understood` makes of the answer."""
        with self.call(method, path, **kwargs) as answer:
            return understood(answer, read)

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Makes a call as `once` does, again and again while waiting can mend what is wrong with it."""
        return self.patiently(lambda: self.once(method, path, **kwargs))

    def once(
        self, method: str, path: str, *, file: Path | None = None, silence: float = _SILENCE, **kwargs: Any
    ) -> requests.Response:
        """Makes a call, with a file's bytes as its body if one is given, and returns an answer below 400.

        `silence` is how many seconds the server may say nothing. A `path` with a scheme is a signed link, perhaps to
        another server, which must not see the key. Raises ProblemError, ServerUnreachable, and ValueError for what JSON
        cannot say.
        """
        address = path if path.startswith("http") else f"{self.server}{path}"
        if address is path:
            kwargs["headers"] = {**kwargs.get("headers", {}), "Authorization": None}
        kwargs["timeout"] = (_CONNECT, silence)
        try:
            if file is None:
                answer = self._session().request(method, address, **kwargs)
            else:
                with file.open("rb") as body:
                    answer = self._session().request(method, address, data=body, **kwargs)
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"This cannot be said in JSON: {reason(error)}") from error
        except requests.RequestException as error:
            raise ServerUnreachable(f"{self.server} does not answer: {reason(error)}") from error
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


def understood(answer: requests.Response, read: Callable[[Any], Outcome]) -> Outcome:
    """Returns what `read` makes of the JSON that came; raises ServerUnreachable where that is not Photochrom's."""
    try:
        return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _stranger(answer) from error


def clean_key(text: str | None) -> str | None:
    """Returns an API key without the space around it, None for nothing; raises ValueError for what no key has."""
    key = (text or "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError("This is no API key: it has a space, or a letter that no key has. Copy it once more.")
    return key or None


def reason(error: BaseException) -> str:
    """Returns the innermost words of a chain of exceptions: what the operating system said."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _problem(answer: requests.Response) -> ProblemError | ServerUnreachable:
    try:
        body = dict(answer.json())
        code, detail = body.pop("code"), body.pop("detail")
    except (ValueError, KeyError, TypeError):
        return _stranger(answer)
    return ProblemError(
        status=answer.status_code,
        code=code,
        detail=detail,
        extra=body,
        retry_after=asked_pause(answer.headers.get("Retry-After"), time.time()),
    )


def _stranger(answer: requests.Response) -> ServerUnreachable:
    return ServerUnreachable(
        f"{answer.url} answers {answer.status_code}, but not as Photochrom does, or not as a version that is known here"
    )
