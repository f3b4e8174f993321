"""What every way to sources promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from shared.errors import SourceChanged, SourceMissing, StorageUnavailable
from shared.items import Source
from shared.sources import Sources
from shared.sources.memory import MemorySources
from shared.sources.s3 import S3Sources

KEY = "scans/box 1/ü%2F.tif"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket `archive` as its owner has it, and the way to it that is tested."""

    sources: Sources
    put: Callable[[str, bytes], Any]
    remove: Callable[[str], Any]


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of each kind."""
    if request.param == "memory":
        memory = MemorySources()
        yield Bucket(
            sources=memory,
            put=lambda key, data: memory.objects.update({("archive", key): data}),
            remove=lambda key: memory.objects.pop(("archive", key)),
        )
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="archive")
        yield Bucket(
            sources=S3Sources(client),
            put=lambda key, data: client.put_object(Bucket="archive", Key=key, Body=data),
            remove=lambda key: client.delete_object(Bucket="archive", Key=key),
        )


def find(bucket: Bucket, key: str = KEY) -> Source:
    """The object as it is now."""
    found = bucket.sources.head("archive", key)
    assert found is not None
    return found


def test_an_object_is_found_and_read(bucket: Bucket) -> None:
    """Size, an ETag without quotes, and the bytes, also where the key has blanks and escapes."""
    bucket.put(KEY, b"picture")
    found = find(bucket)
    assert (found.bucket, found.key, found.size) == ("archive", KEY, 7)
    assert found.etag
    assert '"' not in found.etag
    assert found.address == f"s3://archive/{KEY}"
    with bucket.sources.open(found) as stream:
        assert stream.read() == b"picture"


def test_what_is_not_there_is_told(bucket: Bucket) -> None:
    """A missing object is None, and SourceMissing once it is gone."""
    assert bucket.sources.head("archive", KEY) is None
    bucket.put(KEY, b"picture")
    found = find(bucket)
    bucket.remove(KEY)
    with pytest.raises(SourceMissing), bucket.sources.open(found):
        pass


def test_another_object_is_not_read(bucket: Bucket) -> None:
    """An object that was overwritten is SourceChanged; the same bytes written again are the same object."""
    bucket.put(KEY, b"picture")
    found = find(bucket)
    bucket.put(KEY, b"Picture")
    assert find(bucket).etag != found.etag
    with pytest.raises(SourceChanged), bucket.sources.open(found):
        pass
    bucket.put(KEY, b"picture")
    with bucket.sources.open(found) as stream:
        assert stream.read() == b"picture"


@pytest.mark.parametrize("way", ["head", "open"])
def test_a_server_that_is_away_is_waited_for(way: str) -> None:
    """Trouble with the server, or a refusal of our credentials, is no fault of the source."""

    class Away:
        meta = type("Meta", (), {"endpoint_url": "http://127.0.0.1:1"})

        def head_object(self, **_: str) -> None:
            raise OSError("no route")

        def get_object(self, **_: str) -> None:
            raise ClientError(
                {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject"
            )

    sources = S3Sources(Away())  # type: ignore[arg-type]
    gone = Source(bucket="archive", key=KEY, etag="e", size=1)
    with ExitStack() as stack, pytest.raises(StorageUnavailable, match="The bucket archive"):
        stack.enter_context(sources.open(gone)) if way == "open" else sources.head("archive", KEY)
