"""Which storage the settings open."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import InvalidSetting
from shared.settings import Settings
from shared.storage.directory import DirectoryStore
from shared.storage.opening import open_store
from shared.storage.s3 import S3Store


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("/srv/photos", "/srv/photos"),
        ("photochrom-data/objects", "photochrom-data/objects"),
        ("file:///srv/photos", "/srv/photos"),
        ("file://localhost/srv/old%20photos", "/srv/old photos"),
    ],
)
def test_folders(url: str, root: str) -> None:
    """A path or a file: address opens a folder, which is not made yet; a relative path is bound at once."""
    store = open_store(Settings(storage_url=url, fsync=False))
    assert isinstance(store, DirectoryStore)
    assert store.root == Path(root).absolute()


@pytest.mark.parametrize("public_url", ["", "https://files.example.org"])
def test_buckets(monkeypatch: pytest.MonkeyPatch, public_url: str) -> None:
    """An s3: address opens a bucket, with an address of its own for links if there is one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    store = open_store(
        Settings(
            storage_url="s3://photochrom",
            s3_endpoint_url="http://127.0.0.1:9000",
            s3_path_style=True,
            s3_public_url=public_url,
        )
    )
    assert isinstance(store, S3Store)
    assert store.bucket == "photochrom"
    assert store.client.meta.endpoint_url == "http://127.0.0.1:9000"
    link = store.presign_get("t/x", seconds=1, filename="x.jpg", media_type="image/jpeg")
    assert (link or "").startswith(f"{public_url}/photochrom/t/x?" if public_url else "")
    assert bool(link) == bool(public_url)


@pytest.mark.parametrize(
    "url",
    [
        "memory:",  # would lose everything with the process
        "s3://",
        "s3://photochrom/folder",  # a bucket is shared with no one
        "s3://Photo_Chrom",
        "file://elsewhere/srv",
        "https://files.example.org/photochrom",
    ],
)
def test_no_storage(url: str) -> None:
    """Anything else is refused by the name of the variable, with an example."""
    with pytest.raises(InvalidSetting, match=r"PHOTOCHROM_STORAGE_URL .* s3://photochrom; got"):
        open_store(Settings(storage_url=url))


def test_no_address() -> None:
    """An S3 server's address that is none is refused."""
    with pytest.raises(InvalidSetting, match="S3 server"):
        open_store(Settings(storage_url="s3://photochrom", s3_endpoint_url="files.example.org"))
