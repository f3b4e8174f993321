"""Stores of every kind, empty, for the contract suite; S3 is moto's server on a loopback port."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from shared.storage import ObjectStore
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from shared.storage.s3 import S3Store
from shared.storage.s3_opening import s3_store

#: S3 takes no smaller piece, except for the last.
PIECE = 5 << 20


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """A store in a bucket of its own, with pieces of 5 MiB."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    opened = s3_store(
        bucket=f"test-{secrets.token_hex(8)}",
        endpoint_url=s3_address,
        region="us-east-1",
        path_style=True,
        public_url="http://files.example.org",
    )
    opened.client.create_bucket(Bucket=opened.bucket)
    return S3Store(
        opened.client,
        opened.bucket,
        public_client=opened.public_client,
        multipart_bytes=PIECE,
        piece_bytes=PIECE,
    )


@pytest.fixture(params=["memory", "directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "s3":
        found: S3Store = request.getfixturevalue("s3")
        return found
    return MemoryStore() if request.param == "memory" else DirectoryStore(tmp_path / "objects", fsync=False)
