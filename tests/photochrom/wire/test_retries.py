"""Calling again what waiting can mend."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from photochrom.client import Client
from photochrom.errors import ClientError, ProblemError, ServerUnreachable
from photochrom.wire.retries import Again, Patience, decide

AWAY = ServerUnreachable("http://127.0.0.1:8080 does not answer: Connection refused")
BUSY = ProblemError(status=503, code="x", detail="x", extra={}, retry_after=7)
WRONG = ProblemError(status=422, code="x", detail="x", extra={}, retry_after=None)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Passes time."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the module under test."""
    clock = Clock()
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


class Server:
    """Answers or raises, one after the other, the last one for ever."""

    def __init__(self, *answers: ClientError | str) -> None:
        self.answers = list(answers)

    def __call__(self) -> str:
        """Answers a call."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            return answer
        raise answer


def test_retries_are_a_decision() -> None:
    """What waiting can mend is tried again, as the server asks or with growing pauses, until patience is over."""

    def after(error: ClientError, attempt: int, elapsed: float = 0) -> Again | None:
        return decide(error, attempt=attempt, elapsed=elapsed, patience=60, jitter=0)

    assert [after(AWAY, n) for n in (1, 2, 3, 9)] == [Again(after=s) for s in (0.5, 1.0, 2.0, 15.0)]
    assert after(BUSY, 1) == Again(after=7)
    assert after(WRONG, 1) is None
    assert after(AWAY, 1, elapsed=60) is None


def test_a_server_that_never_answered_is_given_up_soon(clock: Clock) -> None:
    """A wrong address is told of within seconds; nobody waits two minutes for a typing error."""
    heard: list[str] = []
    with pytest.raises(ServerUnreachable):
        Patience(120, heard.append).call(Server(AWAY))
    assert clock.now <= 3
    assert heard == []


def test_a_server_that_falls_silent_is_waited_for(clock: Clock) -> None:
    """Silence is told of once, and so is its end; what a refusal says is no silence."""
    heard: list[str] = []
    patience = Patience(120, heard.append)
    assert patience.call(Server("first")) == "first"
    assert patience.call(Server(AWAY, AWAY, AWAY, AWAY, AWAY, BUSY, "back")) == "back"
    assert patience.call(Server(BUSY, "on")) == "on"
    assert heard == [f"{AWAY}. Trying again for up to 2 minutes; nothing is lost.", "The server answers again."]
    assert 10 < clock.now < 60


def test_a_download_that_breaks_off_is_made_again(tmp_path: Path) -> None:
    """Half a picture is never kept: the server is asked once more."""
    picture, asked = b"0123456789", []

    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture[:5] if len(asked) == 1 else picture)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}")
        sha256 = hashlib.sha256(picture).hexdigest()
        assert client.download("job", 0, tmp_path / "color.jpg", sha256=sha256) == sha256
        server.shutdown()
    assert asked == ["/v1/jobs/job/items/0/result"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["color.jpg"]


def test_patience_ends(clock: Clock) -> None:
    """What stays silent for good is raised in the end, and what waiting cannot mend at once."""
    patience = Patience(60, lambda _: None)
    patience.call(Server("first"))
    with pytest.raises(ProblemError):
        patience.call(Server(WRONG))
    assert clock.now == 0
    with pytest.raises(ServerUnreachable):
        patience.call(Server(AWAY))
    assert 30 < clock.now <= 60
