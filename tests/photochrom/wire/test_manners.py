"""What the client does when it is refused, and to whom it shows its key."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from photochrom.client import Client
from photochrom.command import main
from photochrom.wire.retries import asked_pause

#: Thu, 19 Nov 2026 00:00:00 GMT
NOW = 1_795_046_400.0


@contextmanager
def server(answers: dict[str, tuple[int, dict[str, str], bytes]]) -> Iterator[tuple[str, list[str | None]]]:
    """A server that gives each path its answer; yields its address, and the Authorization of each request."""
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            shown.append(self.headers.get("Authorization"))
            status, headers, body = answers[self.path.partition("?")[0]]
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", shown
        running.shutdown()


def test_only_its_own_server_sees_the_key(tmp_path: Path) -> None:
    """A signed link to another server, as an answer or as a redirect, is followed without the key."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"bytes")
    with server({"/store": (200, {}, b""), "/file": (200, {}, b"color")}) as (storage, theirs):
        link = {"Location": storage.replace("127.0.0.1", "localhost") + "/file"}
        with server({"/v1/jobs/j/items/0/result": (302, link, b"")}) as (own, ours):
            client = Client(own, "pc_key")
            upload = {"method": "PUT", "url": f"{storage}/store?X-Amz-Signature=0", "headers": {}}
            client.send(file, {"sha256": "0" * 64, "present": False, "upload": upload})
            client.download("j", 0, tmp_path / "color.jpg", sha256=hashlib.sha256(b"color").hexdigest())
    assert ours == ["Bearer pc_key"]
    assert theirs == [None, None]


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("Thu, 19 Nov 2026 00:01:00 GMT", 60.0),
        ("Wed, 18 Nov 2026 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_pause_is_asked_for_in_seconds_or_by_a_date(text: str | None, pause: float | None) -> None:
    """Both forms of `Retry-After` are read; a date that is past asks for nothing, and nonsense is no wish."""
    assert asked_pause(text, NOW) == pause


@given(st.text())
def test_no_wish_is_an_error(text: str) -> None:
    """Whatever a proxy writes into `Retry-After`, the client reads it, and never a negative time."""
    pause = asked_pause(text, NOW)
    assert pause is None or pause >= 0


@pytest.mark.parametrize(
    ("status", "code", "after", "words"),
    [
        (401, "unauthorized", None, "PHOTOCHROM_API_KEY"),
        (403, "forbidden", None, "--scope"),
        (429, "quota_exceeded", "40000", "There is more in 12 hours"),
        (429, "quota_exceeded", "600", "There is more in 10 minutes"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, code: str, after: str | None, words: str) -> None:
    """The command ends with status 2, the server's words and what a person can do, and does not wait for hours."""
    problem = json.dumps({"code": code, "detail": "No.", "status": status}).encode()
    headers = {"Retry-After": after} if after else {}
    with server({"/v1/jobs": (status, headers, problem)}) as (url, asked):
        result = CliRunner().invoke(main, ["list", "--server", url])
    assert result.exit_code == 2
    assert f"No. [{code}]" in result.stderr
    assert words in result.stderr
    assert len(asked) == 1


def test_a_short_pause_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that came too soon is made again after the pause that the server asks for."""
    pauses: list[float] = []
    problem = json.dumps({"code": "rate_limited", "detail": "Too soon.", "status": 429}).encode()
    answers = {"/v1/models": (429, {"Retry-After": "2"}, problem)}

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        answers["/v1/models"] = (200, {}, b'{"models": []}')

    monkeypatch.setattr("photochrom.wire.retries.time.sleep", sleep)
    with server(answers) as (url, _):
        assert Client(url).models() == []
    assert pauses == [2.0]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>It works</html>", id="a page of something else"),
        pytest.param(b'{"hello": 1}', id="an answer of another shape"),
        pytest.param(b"[]", id="no object at all"),
    ],
)
def test_a_stranger_is_no_server(body: bytes) -> None:
    """Whatever answers otherwise than Photochrom is told as such, by every command, with exit status 3."""
    job = "01a20ab1-472a-77b3-875d-7f44aacf8c22"
    with server({path: (200, {}, body) for path in ("/v1/jobs", f"/v1/jobs/{job}")}) as (url, _):
        for command in (["list"], ["status", job]):
            ended = CliRunner().invoke(main, [*command, "--server", url])
            assert ended.exit_code == 3, ended.output
            assert "answers 200, but not as Photochrom does" in ended.output


@pytest.mark.parametrize("key", ["schlüssel 🔑", "two words", "line\nbreak"])
def test_what_cannot_be_a_key_is_refused_unshown(key: str) -> None:
    """A key that no header can carry is refused before any call, and not shown; space around a key is left out."""
    ended = CliRunner().invoke(main, ["list"], env={"PHOTOCHROM_API_KEY": key})
    assert ended.exit_code == 2
    assert "This is no API key" in ended.output
    assert key not in ended.output
    with pytest.raises(ValueError, match="no API key"):
        Client(api_key=key)
    with server({"/v1/jobs": (200, {}, b'{"jobs": []}')}) as (url, shown):
        Client(url, " secret\n").jobs()
        assert shown == ["Bearer secret"]
