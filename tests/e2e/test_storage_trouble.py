"""Storage that is full, read-only, locked or out of time: it is said, it is waited out, and nothing is lost."""

from __future__ import annotations

import errno
import hashlib
import io
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import redis
from click.testing import CliRunner

from cli import doctor
from cli.api import check_exposure
from shared import layout
from shared.errors import StorageUnavailable, StorageUnfit
from shared.settings import Settings, load
from shared.storage import ObjectStore
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from shared.storage.s3_opening import s3_store
from tests.house import House, make_house, picture
from worker.host import prove_storage

MEGABYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own; mounting needs root."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)], check=False)
    if mount.returncode:
        pytest.skip("this user may not mount")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def fill(disk: Path) -> Callable[[], None]:
    """Leaves no block free; returns what heals that."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast.unlink


def lock(disk: Path) -> Callable[[], None]:
    """Mounts it read-only; returns what heals that."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    return lambda: subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True) and None


def submit(house: House, **options: Any) -> Any:
    """Posts one photo."""
    return house.http().post("/v1/jobs", data={"image": (io.BytesIO(picture(**options)), "a.png")})


def diagnosis(settings: Settings) -> str:
    """What `photochrom doctor` says of the storage; its other checks take seconds each."""
    command = click.Command("doctor", callback=lambda: doctor._report("storage", lambda: doctor._storage(settings)))
    return CliRunner().invoke(command, []).output


@pytest.mark.parametrize(("break_", "words"), [(fill, "disk is full"), (lock, "read-only")])
def test_a_disk_that_takes_nothing_loses_nothing(
    break_: Callable[[Path], Callable[[], None]], words: str, disk: Path, client: redis.Redis
) -> None:
    """Submissions are refused as trouble that waiting ends, accepted items go back uncharged, and all goes on after."""
    house = make_house(client, store=DirectoryStore(disk / "objects"))
    accepted = submit(house)
    assert accepted.status_code == 202
    heal = break_(disk)
    refused = submit(house, seed=1)
    assert (refused.status_code, refused.json["code"]) == (503, "storage_unavailable")
    assert words in refused.json["detail"]
    assert "Retry-After" in refused.headers
    ready = house.http().get("/readyz")
    assert ready.status_code == 503
    assert words in ready.json["checks"]["storage"]["detail"]
    assert "Retry-After" in ready.headers
    said = diagnosis(load({}, storage_url=str(disk / "objects")))
    assert words in said
    assert "[storage_unavailable]" in said
    heal()
    assert submit(house, seed=1).status_code == 202
    while house.work():
        pass
    job = house.http().get(accepted.headers["Location"]).json
    assert job["counts"]["succeeded"] == 1


def test_no_room_for_an_upload_is_no_bug(house: House, monkeypatch: pytest.MonkeyPatch, disk: Path) -> None:
    """Where temporary files have no room a client is asked to come again, and nothing is kept."""
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    heal = fill(disk)
    data = picture() + bytes(MEGABYTE)
    digest = hashlib.sha256(data).hexdigest()
    refused = house.http().put(f"/v1/uploads/{digest}", data=data)
    assert (refused.status_code, refused.json["code"]) == (503, "storage_unavailable")
    assert "disk is full" in refused.json["detail"]
    assert not list(house.store.list(layout.tenant("default")))
    heal()
    assert house.http().put(f"/v1/uploads/{digest}", data=data).status_code == 201


def test_no_room_for_a_picture_is_not_charged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker host without room for temporary files gives items back, however often, and makes them when it has."""
    accepted = submit(house)
    monkeypatch.setattr("worker.retries._PAUSES", ())
    monkeypatch.setattr("worker.guard._OUTAGE_WAIT", 0.0)
    refusals = iter([OSError(errno.ENOSPC, "No space left on device")] * 7)

    def refuse() -> Any:
        if error := next(refusals, None):
            raise error
        return tempfile.TemporaryFile()

    room = SimpleNamespace(TemporaryFile=refuse, gettempdir=tempfile.gettempdir)
    monkeypatch.setattr("worker.attempts.tempfile", room)
    for _ in range(20):
        house.work()
    item = house.http().get(f"{accepted.headers['Location']}/items/0").json
    assert (item["state"], item["code"]) == ("succeeded", None)
    assert next(refusals, None) is None


def test_storage_that_does_not_fit_is_not_charged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator has to change gives items back, however often: no picture is at fault."""
    accepted = submit(house)
    monkeypatch.setattr("worker.guard._OUTAGE_WAIT", 0.0)
    put, refusals = house.store.put_if_absent, iter([StorageUnfit("The bucket is in another region.")] * 7)

    def refuse(key: str, *arguments: Any, **how: Any) -> bool:
        if "/derivatives/" in key and (error := next(refusals, None)):
            raise error
        return put(key, *arguments, **how)

    monkeypatch.setattr(house.store, "put_if_absent", refuse)
    for _ in range(20):
        house.work()
    item = house.http().get(f"{accepted.headers['Location']}/items/0").json
    assert (item["state"], item["code"]) == ("succeeded", None)
    assert next(refusals, None) is None


class _Refusing(BaseHTTPRequestHandler):
    """An S3 server that refuses everything with one code."""

    code = ""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"<Error><Code>{self.code}</Code><Message>No.</Message></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _refuse  # noqa: N815 - the names that the class looks for


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """What starts such a server and returns its address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    servers: list[ThreadingHTTPServer] = []

    def start(code: str) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Refusing", (_Refusing,), {"code": code}))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        ("AccessDenied", "may not do that"),
        ("RequestTimeTooSkewed", "clock"),
    ],
)
def test_a_server_that_refuses_us_is_named(
    code: str, words: str, refusing: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, client: redis.Redis
) -> None:
    """Wrong credentials and a wrong clock are told in `/readyz` and `doctor`, with what to do; the API starts."""
    address = refusing(code)
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", "s3://photos")
    monkeypatch.setenv("PHOTOCHROM_S3_ENDPOINT_URL", address)
    monkeypatch.setenv("PHOTOCHROM_S3_PATH_STYLE", "true")
    store = s3_store(bucket="photos", endpoint_url=address, region="us-east-1", path_style=True, public_url=None)
    ready = make_house(client, store=store).http().get("/readyz")
    assert ready.status_code == 503
    assert words in ready.json["checks"]["storage"]["detail"]
    assert words in diagnosis(load())
    check_exposure(load())


def test_a_worker_host_waits_for_its_storage(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose storage is away does not end: it looks again and again, and goes on when it is there."""
    tries: list[float] = []

    class Away(MemoryStore):
        def probe(self) -> None:
            tries.append(0)
            if len(tries) < 4:
                raise StorageUnavailable("The disk is full: free some space.")

    store: ObjectStore = Away()
    monkeypatch.setattr("worker.host._STORAGE_SECONDS", 0.001)
    prove_storage(make_house(house.client, store=store).shop)
    assert len(tries) == 4
