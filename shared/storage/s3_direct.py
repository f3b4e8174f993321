"""Uploads straight to S3 storage: signed PUTs, pieces, and masters that are made from what came in pieces."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from shared.errors import PhotochromError, StorageUnavailable, StorageUnfit
from shared.storage.direct import SignedPut
from shared.storage.disk_errors import disk_errors
from shared.storage.keys import check_key
from shared.storage.s3_errors import code_of, s3_errors, status_of
from shared.storage.streams import CHUNK, check_digest, window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Pieces of one file, so that their links fit one answer; files beyond 16 GiB get larger pieces.
_MOST_PIECES = 1_000
_MIB = 1 << 20

#: A range that the server copies by itself, bytes, and how many of them side by side.
_COPY_BYTES = 256 * _MIB
_COPIES = 4
#: What a server says that copies nothing.
_COPIES_NOT = ("NotImplemented", "MethodNotAllowed")

#: `S3Store.create`: key, what sends under a condition -> whether this call created the object.
Create = Callable[[str, Callable[..., None]], bool]
#: Key, file, SHA-256, media type -> whether this call created the object.
PutFile = Callable[[str, Path, str, str], bool]


class S3Direct:
    """A DirectUploads of a bucket. Safe for threads."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        signer: S3Client,
        where: str,
        largest_put: int,
        piece_bytes: int,
        create: Create,
        put_file: PutFile,
    ) -> None:
        """Takes the client, and `signer`, whose address is the one in the links; `where` names the storage."""
        self._client = client
        self._bucket = bucket
        self._signer = signer
        self._where = where
        self.largest_put = largest_put
        self._piece_bytes = piece_bytes
        self._create = create
        self._put_file = put_file

    def presign_put(self, key: str, *, sha256: str, size: int, seconds: int, media_type: str) -> SignedPut:
        """Returns the PUT that creates the object; see DirectUploads."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        params = {"ContentLength": size, "ContentType": media_type, "ChecksumSHA256": checksum, "IfNoneMatch": "*"}
        headers = {
            "Content-Length": str(size),
            "Content-Type": media_type,
            "x-amz-checksum-sha256": checksum,
            "If-None-Match": "*",
        }
        return SignedPut(url=self._sign("put_object", key, seconds, params), headers=headers)

    def piece_bytes(self, size: int) -> int:
        """Returns the bytes of a piece; see DirectUploads."""
        return max(self._piece_bytes, -(-size // _MOST_PIECES // _MIB) * _MIB)

    def begin(self, key: str, *, media_type: str) -> str:
        """Begins an upload in pieces; see DirectUploads."""
        with s3_errors(self._where, check_key(key)):
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=media_type)
        return begun["UploadId"]

    def presign_piece(self, key: str, upload: str, number: int, *, size: int, seconds: int) -> SignedPut:
        """Returns the PUT of a piece; see DirectUploads."""
        params = {"UploadId": upload, "PartNumber": number, "ContentLength": size}
        return SignedPut(url=self._sign("upload_part", key, seconds, params), headers={"Content-Length": str(size)})

    def pieces(self, key: str, upload: str) -> dict[int, int] | None:
        """Returns the pieces that are there; see DirectUploads."""
        found = self._parts(key, upload)
        return None if found is None else {part["PartNumber"]: part["Size"] for part in found}

    def join(self, key: str, upload: str) -> bool:
        """Makes the pieces the object; see DirectUploads."""
        found = self._parts(key, upload)
        parts = [{"ETag": part["ETag"], "PartNumber": part["PartNumber"]} for part in found or ()]
        return bool(parts) and self._if_there(
            key,
            lambda: self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
            ),
        )

    def abort(self, key: str, upload: str) -> None:
        """Removes the pieces of an upload; see DirectUploads."""
        self._if_there(key, lambda: self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload))

    def adopt(self, source: str, key: str, *, sha256: str, media_type: str) -> bool:
        """Proves an object and creates `key` from it; see DirectUploads. The server copies, where it can."""
        with s3_errors(self._where, check_key(source)):
            found = self._client.get_object(Bucket=self._bucket, Key=source)
        with closing(found["Body"]) as body:
            stream: BinaryIO = window(body, None, lambda: s3_errors(self._where, source))
            check_digest(hashlib.file_digest(stream, "sha256").hexdigest(), sha256)  # type: ignore[arg-type]
        try:
            return self._create(key, lambda **how: self._copy(source, found, key, media_type, **how))
        except StorageUnfit as error:
            if error.extra.get("reason") not in _COPIES_NOT:
                raise
        return self._carry(source, key, sha256, media_type)

    def _copy(self, source: str, proved: Any, key: str, media_type: str, **how: Any) -> None:
        """Has the server copy the very bytes that were proved, under the condition of a create."""
        begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=media_type)
        target: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "UploadId": begun["UploadId"]}

        def copy(number: int) -> dict[str, Any]:
            first = (number - 1) * _COPY_BYTES
            last = min(first + _COPY_BYTES, proved["ContentLength"]) - 1
            try:
                copied = self._client.upload_part_copy(
                    PartNumber=number,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    CopySourceIfMatch=proved["ETag"],
                    CopySourceRange=f"bytes={first}-{last}",
                    **target,
                )
            except ClientError as error:
                if status_of(error) != 412:  # which the create would take for a key that exists
                    raise
                raise StorageUnavailable(f"{source} was replaced while it was proved.", reason="412") from error
            return {"ETag": copied["CopyPartResult"]["ETag"], "PartNumber": number}

        try:
            with ThreadPoolExecutor(_COPIES) as pool:
                parts = list(pool.map(copy, range(1, -(-proved["ContentLength"] // _COPY_BYTES) + 1)))
            self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **target, **how)  # type: ignore[typeddict-item]
        except BaseException:
            with suppress(PhotochromError, KeyError):  # the first error is the one that counts
                self.abort(key, target["UploadId"])
            raise

    def _carry(self, source: str, key: str, sha256: str, media_type: str) -> bool:
        """Creates `key` through a file of this machine: for a server that does not copy."""
        with tempfile.NamedTemporaryFile(prefix="photochrom-") as file:
            with (
                s3_errors(self._where, source),
                closing(self._client.get_object(Bucket=self._bucket, Key=source)["Body"]) as body,
            ):
                stream = window(body, None, lambda: s3_errors(self._where, source))
                with disk_errors(file.name):
                    copyfileobj(stream, file, CHUNK)
                    file.flush()
            return self._put_file(key, Path(file.name), sha256, media_type)

    def _sign(self, operation: str, key: str, seconds: int, params: dict[str, Any]) -> str:
        with s3_errors(self._where, check_key(key)):
            return self._signer.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, "Key": key, **params}, ExpiresIn=seconds
            )

    def _parts(self, key: str, upload: str) -> list[Any] | None:
        pages = self._client.get_paginator("list_parts")
        found: list[Any] = []

        def read() -> None:
            for page in pages.paginate(Bucket=self._bucket, Key=key, UploadId=upload):
                found.extend(page.get("Parts", ()))

        return found if self._if_there(key, read) else None

    def _if_there(self, key: str, act: Callable[[], object]) -> bool:
        """Does something with an upload; returns False where the server knows none of that id."""
        with s3_errors(self._where, check_key(key)):
            try:
                act()
            except ClientError as error:
                if code_of(error) != "NoSuchUpload":
                    raise
                return False
        return True
