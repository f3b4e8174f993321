"""S3 storage: objects in a bucket of any server with atomic conditional creates."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from shared.clock import Clock, SystemClock
from shared.errors import PhotochromError, StorageUnavailable
from shared.storage import ObjectInfo, Source
from shared.storage.direct import NotOffered
from shared.storage.disposition import attachment
from shared.storage.keys import check_key, check_prefix
from shared.storage.link_probing import find_fault
from shared.storage.probing import race
from shared.storage.s3_direct import S3Direct
from shared.storage.s3_errors import s3_errors, status_of
from shared.storage.streams import check_digest, open_source, prove, window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Larger objects are sent in pieces, bytes.
MULTIPART_BYTES = 64 << 20
#: A piece, bytes; it is held in memory. S3 takes 5 MiB at least, except for the last.
PIECE_BYTES = 16 << 20
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MOST_PIECES = 10_000

_TRIES = 6
#: First pause after a 409, seconds; each next one is twice as long.
_PAUSE = 0.1


class S3Store:
    """An ObjectStore in a bucket. Safe for threads.

    `put_if_absent` is a conditional write (`If-None-Match: *`). At most one of the calls that race returns True; where
    the winner's answer is lost on the wire and the client repeats the call, none does, and the object is there.
    """

    breadth = 16

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        public_client: S3Client | None = None,
        verify: bool | str = True,
        multipart_bytes: int = MULTIPART_BYTES,
        piece_bytes: int = PIECE_BYTES,
        clock: Clock | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        """Takes the client; `public_client` signs links for the address at which clients reach the server.

        `verify` is how the server's certificate is judged where no client calls it: by a file of authorities, or not.
        """
        self.client = client
        self.bucket = bucket
        self.public_client = public_client
        self._multipart_bytes = multipart_bytes
        self._piece_bytes = piece_bytes
        self._clock = clock or SystemClock()
        self._jitter = jitter or random.Random()  # noqa: S311 - it spreads retries
        self._where = f"The bucket {bucket} at {client.meta.endpoint_url}"
        self._verify = verify
        self._offer: S3Direct | NotOffered | None = None if public_client else NotOffered()
        self._offering = Lock()

    def put_if_absent(
        self, key: str, source: Source, *, sha256: str | None = None, media_type: str = "application/octet-stream"
    ) -> bool:
        """Creates the object unless it exists; see ObjectStore."""
        check_key(key)
        size = _size(source)
        with open_source(source) as stream:
            if size > self._multipart_bytes:
                if self.head(key):  # saves the way; the conditional completion decides all the same
                    prove(stream, sha256)
                    return False
                return self.create(key, lambda **how: self._send_pieces(key, stream, size, sha256, media_type, **how))
            prove(stream, sha256)
            return self.create(key, lambda **how: self._send(key, stream, sha256, media_type, **how))

    def put(self, key: str, source: Source, *, media_type: str = "application/octet-stream") -> None:
        """Creates or replaces the object; see ObjectStore."""
        check_key(key)
        size = _size(source)
        with open_source(source) as stream, s3_errors(self._where, key):
            if size > self._multipart_bytes:
                self._send_pieces(key, stream, size, None, media_type)
            else:
                self._send(key, stream, None, media_type)

    @contextmanager
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """Opens the object or a range of it; see ObjectStore."""
        span = {}
        if start or length is not None:
            span["Range"] = f"bytes={start}-{'' if length is None else start + max(length, 1) - 1}"
        with s3_errors(self._where, check_key(key)):
            try:
                body = self.client.get_object(Bucket=self.bucket, Key=key, **span)["Body"]  # type: ignore[arg-type]
            except ClientError as error:
                if status_of(error) != 416:
                    raise
                body = None  # the range begins at the object's end or beyond
        if body is None:
            yield io.BytesIO()
            return
        with closing(body):
            yield window(body, length, lambda: s3_errors(self._where, key))

    def head(self, key: str) -> ObjectInfo | None:
        """Returns what is known of the object, or None."""
        try:
            with s3_errors(self._where, check_key(key)):
                found = self.client.head_object(Bucket=self.bucket, Key=key)
        except KeyError:
            return None
        return ObjectInfo(key=key, size=found["ContentLength"], modified=found["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the objects below `prefix`, a page of 1,000 at a time; see ObjectStore."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                yield ObjectInfo(key=entry["Key"], size=entry["Size"], modified=entry["LastModified"].timestamp())

    def children(self, prefix: str) -> Iterator[str]:
        """Yields the next segments below `prefix`; see ObjectStore."""
        names = set()
        for page in self._pages(prefix, Delimiter="/"):
            names |= {entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", ())}
            names |= {entry["Key"][len(prefix) :] for entry in page.get("Contents", ())}
        # The server orders `a-b` before `a/`.
        yield from sorted(names)

    def delete(self, key: str) -> None:
        """Removes the object; a missing one is no error."""
        with suppress(KeyError), s3_errors(self._where, check_key(key)):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
        """Returns a link at the public address that ends after `seconds`, or None where there is no such address."""
        if self.public_client is None:
            return None
        with s3_errors(self._where, check_key(key)):
            return self.public_client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self.bucket,
                    "Key": key,
                    "ResponseContentDisposition": attachment(filename),
                    "ResponseContentType": media_type,
                },
                ExpiresIn=seconds,
            )

    def direct(self) -> S3Direct | NotOffered:
        """Returns what is offered to clients; the server is proved once, by links for where this process reaches it."""
        with self._offering:
            if self._offer is None:
                fault = find_fault(self, self._direct(self.client), verify=self._verify)
                assert self.public_client is not None  # else there was nothing to find out  # noqa: S101
                self._offer = NotOffered(reason=f"the S3 server {fault}") if fault else self._direct(self.public_client)
            return self._offer

    def probe(self) -> None:
        """Proves that create-only holds for single puts and for pieces; see ObjectStore."""
        race(self, self.put_if_absent, where=self._where, way="conditional")
        race(self, self._create_in_pieces, where=self._where, way="conditional multipart")

    def _direct(self, signer: S3Client) -> S3Direct:
        return S3Direct(
            self.client,
            self.bucket,
            signer=signer,
            where=self._where,
            largest_put=self._multipart_bytes,
            piece_bytes=self._piece_bytes,
            create=self.create,
            put_file=lambda key, path, sha256, kind: self.put_if_absent(key, path, sha256=sha256, media_type=kind),
        )

    def _create_in_pieces(self, key: str, data: bytes) -> bool:
        stream = io.BytesIO(data)
        return self.create(key, lambda **how: self._send_pieces(key, stream, len(data), None, _BYTES, **how))

    def create(self, key: str, send: Callable[..., None]) -> bool:
        """Sends under the condition that the key is free; a collision in flight (409) is tried again."""
        for attempt in range(_TRIES):
            with s3_errors(self._where, key):
                try:
                    send(IfNoneMatch="*")
                except ClientError as error:
                    if status_of(error) == 412:
                        return False
                    if status_of(error) != 409:
                        raise
                else:
                    return True
            self._clock.sleep(_PAUSE * 2**attempt * (1 + self._jitter.random()))
        raise StorageUnavailable(f"{self._where} answered {_TRIES} times that {key} is being written.", reason="409")

    def _send(self, key: str, stream: IO[bytes], sha256: str | None, media_type: str, **how: Any) -> None:
        stream.seek(0)
        if sha256 is not None:  # proved here already; the server proves what came over the wire
            how["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=stream, ContentType=media_type, **how)

    def _send_pieces(
        self, key: str, stream: IO[bytes], size: int, sha256: str | None, media_type: str, **how: Any
    ) -> None:
        """Sends in pieces; the key exists only if all the bytes have the promised digest."""
        stream.seek(0)
        length = max(self._piece_bytes, -(-size // _MOST_PIECES))
        begun = self.client.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=media_type)
        upload: dict[str, Any] = {"Bucket": self.bucket, "Key": key, "UploadId": begun["UploadId"]}
        try:
            digest = hashlib.sha256()
            parts: list[dict[str, Any]] = []
            while piece := stream.read(length):
                digest.update(piece)
                sent = self.client.upload_part(Body=piece, PartNumber=len(parts) + 1, **upload)
                parts.append({"ETag": sent["ETag"], "PartNumber": len(parts) + 1})
            if sha256 is not None:
                check_digest(digest.hexdigest(), sha256)
            self.client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload, **how)  # type: ignore[typeddict-item]
        except BaseException:
            # What cannot be aborted now is for the bucket's lifecycle rule; the first error is the one that counts.
            with suppress(PhotochromError, KeyError), s3_errors(self._where, key):
                self.client.abort_multipart_upload(**upload)
            raise

    def _pages(self, prefix: str, **how: str) -> Iterator[Any]:
        with s3_errors(self._where):
            pages = self.client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self.bucket, Prefix=check_prefix(prefix), **how)  # type: ignore[arg-type]


_BYTES = "application/octet-stream"


def _size(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size
