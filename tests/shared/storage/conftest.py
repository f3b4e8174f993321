"""Stores of every kind, empty, for the contract suite; S3 is moto's server on a loopback port."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
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
def open_s3() -> Iterator[Callable[[], S3Store]]:
    """What connects to an S3 server; its bucket does not exist."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()

    def connect() -> S3Store:
        return s3_store(
            bucket="missing",
            endpoint_url=f"http://{host}:{port}",
            region="us-east-1",
            path_style=True,
            public_url="http://files.example.org",
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        try:
            yield connect
        finally:
            server.stop()


@pytest.fixture(scope="session")
def s3_clients(open_s3: Callable[[], S3Store]) -> S3Store:
    """A store whose clients others share."""
    return open_s3()


@pytest.fixture
def s3(s3_clients: S3Store) -> S3Store:
    """A store in a bucket of its own, with pieces of 5 MiB."""
    bucket = f"test-{secrets.token_hex(8)}"
    s3_clients.client.create_bucket(Bucket=bucket)
    return S3Store(
        s3_clients.client,
        bucket,
        public_client=s3_clients.public_client,
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
