"""Sending masters straight to storage: to whom, in which pieces, after which trouble, and what is told of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import request
from werkzeug.serving import make_server

from api.app import create_app
from photochrom import Client, ProblemError
from photochrom.errors import StorageRefused
from shared import layout
from shared.storage.direct import NotOffered
from tests.house import House, make_house, picture
from tests.strict_s3 import PIECE, Signed, StrictS3, strict_s3

#: of three pieces
LARGE = picture(seed=1) + bytes(2 * PIECE)


@dataclass
class Site:
    """An API and a storage that listen on loopback."""

    house: House
    s3: StrictS3
    url: str
    #: method and path of calls of the API
    calls: list[tuple[str, str]] = field(default_factory=list)

    def client(self, **options: Any) -> Client:
        """A client that knows the server already, so that it is patient."""
        client = Client(self.url, **options)
        client.models()
        return client

    def key(self, data: bytes) -> str:
        """Where a file's pieces go."""
        return layout.upload("default", hashlib.sha256(data).hexdigest())

    def master(self, data: bytes) -> str:
        """Where a file's master lies."""
        return layout.master("default", hashlib.sha256(data).hexdigest())

    def has(self, data: bytes) -> bool:
        """Whether a file is a master, byte for byte."""
        with self.house.store.get(self.master(data)) as stream:
            return stream.read() == data


@pytest.fixture(scope="module")
def server() -> Iterator[StrictS3]:
    """A storage that takes signatures seriously."""
    with strict_s3() as running:
        yield running


@pytest.fixture
def site(server: StrictS3, client: redis.Redis) -> Iterator[Site]:
    """A running API over a bucket of its own."""
    house = make_house(client, store=server.open())
    assert house.store.direct()
    app = create_app(house.services)
    running = make_server("127.0.0.1", 0, app, threaded=True)
    found = Site(house=house, s3=server, url=f"http://127.0.0.1:{running.server_port}")
    app.after_request(lambda response: found.calls.append((request.method, request.path)) or response)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    server.seen.clear()
    yield found
    server.before = lambda _: None
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the client wait for nothing."""
    monkeypatch.setattr("photochrom.wire.retries.time.sleep", lambda _: None)


def written(tmp_path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path = tmp_path / f"{hashlib.sha256(data).hexdigest()[:8]}.png"
    path.write_bytes(data)
    return path


def fails(server: StrictS3, number: int | None, status: int, *, times: int = 1) -> None:
    """Makes the storage answer the next PUTs of a piece, or of a whole file, with a status."""
    left = [times]

    def before(signed: Signed) -> int | None:
        if signed.number != number or not left[0]:
            return None
        left[0] -= 1
        return status

    server.before = before


def test_bytes_do_not_pass_the_api(site: Site, tmp_path: Path) -> None:
    """A small file goes by one PUT, a large one in pieces, each once, and no byte of them is sent to the API."""
    small = picture(seed=2)
    for data in (small, LARGE):
        digest = site.client().upload(written(tmp_path, data))
        assert digest == hashlib.sha256(data).hexdigest()
        assert site.has(data)
    assert site.s3.taken(site.master(small)) == [None]
    assert sorted(number or 0 for number in site.s3.taken(site.key(LARGE))) == [1, 2, 3]
    assert not [path for method, path in site.calls if method == "PUT"]
    calls = len(site.s3.seen)
    site.client().upload(written(tmp_path, LARGE))
    assert len(site.s3.seen) == calls


def test_progress_adds_up(site: Site, tmp_path: Path, no_pauses: None) -> None:
    """What is told of bytes is the file's size in the end, whatever had to go out again."""
    told: list[int] = []
    fails(site.s3, 2, 503)
    path = written(tmp_path, LARGE)
    (answer,) = site.client().missing([{"sha256": hashlib.sha256(LARGE).hexdigest(), "size": len(LARGE)}])
    site.client().send(path, answer, told.append)
    assert sum(told) == len(LARGE)
    assert min(told) < 0
    assert site.has(LARGE)


@pytest.mark.parametrize("status", [500, 503, 429, 409])
def test_trouble_of_the_storage_is_waited_out(site: Site, tmp_path: Path, no_pauses: None, status: int) -> None:
    """A piece, or a file, that the storage does not take now is sent again."""
    small = picture(seed=status)
    for data, number in ((small, None), (LARGE, 3)):
        fails(site.s3, number, status)
        site.client().upload(written(tmp_path, data))
        assert site.has(data)


def test_links_that_are_too_old_are_renewed(site: Site, tmp_path: Path) -> None:
    """A link that the storage refuses is asked for anew; a storage that refuses each is not asked without end."""
    for data, number in ((picture(seed=3), None), (LARGE, 1)):
        fails(site.s3, number, 403)
        site.client().upload(written(tmp_path, data))
        assert site.has(data)
    fails(site.s3, None, 403, times=1_000)
    with pytest.raises(StorageRefused, match="refuses what it signed: 403"):
        site.client().upload(written(tmp_path, picture(seed=4)))


def test_the_server_takes_what_gets_no_link_any_more(
    site: Site, tmp_path: Path, no_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server, asked anew, gives no link, as beyond a quota, the file goes to it; progress is told as well."""
    data, told = picture(seed=9), list[int]()
    (answer,) = site.client().missing([{"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}])
    fails(site.s3, None, 503)
    monkeypatch.setattr(site.house.store, "direct", NotOffered)
    site.client().send(written(tmp_path, data), answer, told.append)
    assert [path for method, path in site.calls if method == "PUT"] == [f"/v1/uploads/{answer['sha256']}"]
    assert site.has(data)
    assert sum(told) == len(data)


def test_what_somebody_else_stored_meanwhile_is_sent(site: Site, tmp_path: Path) -> None:
    """A master that another client creates between question and PUT is no error."""
    small = picture(seed=5)
    (answer,) = site.client().missing([{"sha256": hashlib.sha256(small).hexdigest(), "size": len(small)}])
    site.house.store.put_if_absent(site.master(small), small)
    site.client().send(written(tmp_path, small), answer)
    assert site.s3.seen[-1].status == 412


@pytest.mark.parametrize("size", ["same", "other"])
@pytest.mark.parametrize("data", [picture(seed=6), LARGE], ids=["whole", "pieces"])
def test_a_file_that_changed_is_told(site: Site, tmp_path: Path, data: bytes, size: str) -> None:
    """A file that is another one than was asked about is not sent for it, and its name is told."""
    (answer,) = site.client().missing([{"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}])
    path = written(tmp_path, data)
    path.write_bytes(data[:-1] + b"x" + (b"more" if size == "other" else b""))
    with pytest.raises(ProblemError, match=f"{path.name} has changed") as caught:
        site.client().send(path, answer)
    assert caught.value.code == "checksum_mismatch"
    assert site.house.store.head(site.master(data)) is None


def test_the_storage_sees_neither_key_nor_password(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the storage go the signed link and what is signed: no API key, and nothing from the user's netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[Any] = []
    monkeypatch.setattr(site.s3, "look", seen.append)
    path = written(tmp_path, picture(seed=8))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (answer,) = site.client(api_key="pc_key").missing([{"sha256": digest, "size": path.stat().st_size}])
    site.client(api_key="pc_key").send(path, answer)
    assert len(seen) == 1
    assert "HTTP_AUTHORIZATION" not in seen[0]


_SEND = """
import sys
from pathlib import Path
from photochrom import Client
Client(sys.argv[1]).upload(Path(sys.argv[2]))
"""


def test_after_a_kill_only_the_rest_is_sent(site: Site, tmp_path: Path) -> None:
    """A client that is killed in the middle of an upload sends, started again, the pieces that are not there."""
    path = written(tmp_path, LARGE)
    third, killed = threading.Event(), threading.Event()

    def before(signed: Signed) -> int | None:
        if signed.number != 3 or killed.is_set():
            return None
        third.set()  # the client waits for an answer that it does not live to see
        assert killed.wait(60)
        return 503

    site.s3.before = before
    command = [sys.executable, "-c", _SEND, site.url, str(path)]
    process = subprocess.Popen(command, env=dict(os.environ))
    assert third.wait(60)
    while len(site.s3.taken(site.key(LARGE))) < 2:
        assert process.poll() is None
    process.kill()
    process.wait()
    killed.set()
    assert sorted(number or 0 for number in site.s3.taken(site.key(LARGE))) == [1, 2]
    site.s3.before = lambda _: None
    assert subprocess.run(command, timeout=120, check=False).returncode == 0
    assert sorted(number or 0 for number in site.s3.taken(site.key(LARGE))) == [1, 2, 3]
    assert site.has(LARGE)
