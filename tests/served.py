"""A house that listens on loopback, and knows what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import request
from werkzeug.serving import make_server

from api.app import create_app
from tests.house import House


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that was answered."""

    method: str
    path: str
    #: of the answer
    status: int


class Counted:
    """A WSGI application around another, which notes each call when its answer is complete."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.calls: list[Call] = []
        #: ends of paths that an older server would not know
        self.missing: list[str] = []
        #: is called after each call with how many there were; any thread
        self.heard: Callable[[int], None] = lambda _: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers."""
        status = [0]

        def start(line: str, *rest: Any) -> Any:
            status[0] = int(line.split(maxsplit=1)[0])
            return start_response(line, *rest)

        if environ["PATH_INFO"].endswith(tuple(self.missing)):
            environ["PATH_INFO"] = "/unknown" + environ["PATH_INFO"]
        answer = self._app(environ, start)
        try:
            yield from answer
        finally:
            if hasattr(answer, "close"):
                answer.close()
            path = environ["PATH_INFO"].removeprefix("/unknown")
            self.calls.append(Call(method=environ["REQUEST_METHOD"], path=path, status=status[0]))
            self.heard(len(self.calls))

    def count(self, method: str, prefix: str, status: int | None = None) -> int:
        """How many calls there were, all or those with a status."""
        return sum(
            call.method == method and call.path.startswith(prefix) and status in (None, call.status)
            for call in list(self.calls)
        )


@dataclass
class Served:
    """The API over loopback, with a worker that hears every bell."""

    house: House
    url: str
    counted: Counted
    #: methods whose next answer is lost on the way, each with the status that comes instead
    faults: list[tuple[str, int]] = field(default_factory=list)
    #: the worker does nothing while it is set
    resting: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, prefix: str) -> int:
        """How many calls there were."""
        return self.counted.count(method, prefix)


@contextmanager
def serve(house: House) -> Iterator[Served]:
    """Listens, and works, until the context ends."""
    house.announce()
    app = create_app(house.services)
    counted = Counted(app)
    server = make_server("127.0.0.1", 0, counted, threaded=True)
    served = Served(house=house, url=f"http://127.0.0.1:{server.port}", counted=counted)

    @app.after_request
    def _lose(response: Any) -> Any:
        for fault in list(served.faults):
            if fault[0] == request.method:
                served.faults.remove(fault)
                response.status_code = fault[1]
                response.headers["Retry-After"] = "0"
                response.data = b"lost"
        return response

    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            if not served.resting.is_set():
                house.work()

    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    try:
        yield served
    finally:
        stop.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()
