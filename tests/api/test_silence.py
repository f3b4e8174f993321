"""Logs and refusals hold no key, no signature and no bytes of a picture: a real server is asked in every wrong way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
import redis
import requests

from api.keys import Scope, create_key, list_keys, revoke_key
from shared.clock import SystemClock
from shared.storage import ObjectInfo
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from tests.house import make_house

#: A picture by its first bytes, with content that is easy to find.
CONTENT = "BYTES-OF-A-PICTURE"
PICTURE = b"\x89PNG\r\n\x1a\n" + CONTENT.encode() * 50


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running `photochrom api`."""

    port: int
    #: a key of each kind: good, revoked, never made
    keys: dict[str, str]
    #: where it logs to
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, data: bytes) -> bytes:
        """Sends bytes as they are and returns what comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            answer = b""
            while more := link.recv(65536):
                answer += more
            return answer


@pytest.fixture
def server(tmp_path: Path, redis_url: str) -> Iterator[Server]:
    """A server that logs everything, as JSON."""
    store, clock = DirectoryStore(tmp_path / "objects"), SystemClock()
    keys = {name: create_key(store, clock, tenant="a", name=name, scopes=Scope) for name in ("good", "revoked")}
    revoke_key(store, clock, next(record for record in list_keys(store) if record.name == "revoked"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    settings = {
        "PHOTOCHROM_STORAGE_URL": str(tmp_path / "objects"),
        "PHOTOCHROM_REDIS_URL": redis_url,
        "PHOTOCHROM_LOG_FORMAT": "json",
        "PHOTOCHROM_LOG_LEVEL": "debug",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "photochrom", "api", "--port", str(port)],
            env=os.environ | settings,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(port)
        yield Server(port=port, keys=keys | {"never made": "pc_" + "x" * 43}, log=log)
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server never listened")


def test_nothing_secret_is_said_or_logged(server: Server) -> None:
    """Good and wrong keys, broken requests and bad bodies leave no secret in an answer or in the log."""
    said = []
    for key in server.keys.values():
        header = {"Authorization": f"Bearer {key}"}
        calls = [
            ("GET", "/v1/jobs", {}),
            ("GET", f"/v1/jobs?key={key}", {}),
            ("GET", f"/{key}", {}),
            ("PUT", "/v1/uploads/" + "0" * 64, {"data": PICTURE}),
            ("POST", "/v1/jobs", {"data": PICTURE, "headers": {"Content-Type": "application/json"}}),
            ("POST", "/v1/jobs", {"json": {"items": [CONTENT]}}),
            ("POST", "/v1/jobs", {"files": {"other": (key, PICTURE)}}),
            ("POST", "/v1/jobs", {"files": {"image": ("a.png", PICTURE)}, "data": {"recipe": "{"}}),
            ("POST", "/v1/jobs", {"data": PICTURE, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        ]
        for method, path, how in calls:
            headers = header | how.pop("headers", {})  # type: ignore[arg-type]
            with requests.request(method, server.url + path, headers=headers, timeout=10, **how) as response:  # type: ignore[arg-type]
                assert response.status_code < 500
                said.append(response.text)
        bearer = f"Authorization: Bearer {key}\r\n".encode()
        start = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n" + bearer
        server.say(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer " + key.encode() + b"\r\n\r\n")
        server.say(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n" + bearer + b" folded\r\n\r\n")
        server.say(start + b"Content-Length: 1\r\nContent-Type: application/json\r\n\r\n{" + PICTURE + b"\r\n\r\n")
        chunked = start + b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
        for body in (CONTENT.encode() + b"\r\n", b"400\r\n" + PICTURE[:100], b"3\r\nabcd\r\n0\r\n\r\n"):
            answer = server.say(chunked + body)
            assert b" 401 " in answer.splitlines()[0] or b'"code": "invalid_request"' in answer, answer
        server.say(start + b"Content-Length: 999999\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n" + PICTURE)
        server.say(PICTURE)
    lines = server.log.read_text(errors="backslashreplace")
    for secret in (*(key[3:] for key in server.keys.values()), CONTENT):
        assert secret not in lines
        assert not [text for text in said if secret in text]
    for line in lines.splitlines():
        assert isinstance(json.loads(line), dict)


def test_a_bug_tells_the_client_nothing(client: redis.Redis) -> None:
    """What an unforeseen error says goes to the log alone."""
    link = "https://files.example.org/x?X-Amz-Signature=0123456789abcdef"

    class Odd(MemoryStore):
        def head(self, key: str) -> ObjectInfo | None:
            raise RuntimeError(f"{link} {PICTURE!r}")

        def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:  # type: ignore[override]
            raise RuntimeError(link)

    answer = make_house(client, store=Odd()).http().put("/v1/uploads/" + "0" * 64, data=PICTURE)
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "0123456789abcdef" not in answer.text
    assert CONTENT not in answer.text
