"""Sources in the buckets of an S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from shared.errors import SourceChanged, SourceMissing
from shared.items import Source
from shared.storage.s3_errors import s3_errors, status_of
from shared.storage.streams import window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Sources:
    """The port over one S3 endpoint. Safe for threads."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def head(self, bucket: str, key: str) -> Source | None:
        """Returns the object as it is now; see Sources."""
        try:
            with s3_errors(self._where(bucket), key):
                found = self._client.head_object(Bucket=bucket, Key=key)
        except KeyError:
            return None
        return Source(bucket=bucket, key=key, etag=found["ETag"].strip('"'), size=found["ContentLength"])

    @contextmanager
    def open(self, source: Source) -> Iterator[BinaryIO]:
        """Opens the object as it was; see Sources."""
        where = self._where(source.bucket)
        try:
            with s3_errors(where, source.key):
                try:
                    body = self._client.get_object(Bucket=source.bucket, Key=source.key, IfMatch=f'"{source.etag}"')[
                        "Body"
                    ]
                except ClientError as error:
                    if status_of(error) != 412:
                        raise
                    raise SourceChanged(
                        f"{source.address} is another object than when it was submitted.", seen=source.address
                    ) from error
        except KeyError as error:
            raise SourceMissing(f"{source.address} is gone.", seen=source.address) from error
        with closing(body):
            yield window(body, None, lambda: s3_errors(where, source.key))

    def _where(self, bucket: str) -> str:
        return f"The bucket {bucket} at {self._client.meta.endpoint_url}"
