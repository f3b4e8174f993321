"""Uploads straight to storage: what is signed, what a server must refuse, and bytes that are proved before a name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from shared.errors import ChecksumMismatch, StorageUnavailable
from shared.storage.direct import NotOffered
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from shared.storage.s3 import S3Store
from shared.storage.s3_direct import S3Direct
from tests.strict_s3 import PIECE, StrictS3, strict_s3

DATA = b"a master"
DIGEST = hashlib.sha256(DATA).hexdigest()
LARGE = bytes(range(256)) * (11 << 12) + b"end"
LARGE_DIGEST = hashlib.sha256(LARGE).hexdigest()
_BYTES = "application/octet-stream"


@pytest.fixture(scope="module")
def server() -> Iterator[StrictS3]:
    """A server that takes signatures seriously."""
    with strict_s3() as running:
        yield running


@pytest.fixture
def store(server: StrictS3) -> Iterator[S3Store]:
    """A store in a bucket of its own."""
    yield server.open()
    server.blind.clear()


def offered(store: S3Store) -> S3Direct:
    """Returns what the store offers, which it must."""
    direct = store.direct()
    assert isinstance(direct, S3Direct)
    return direct


def signed_put(direct: S3Direct, key: str = "t/x", *, seconds: int = 60) -> Any:
    """Returns the PUT of DATA."""
    return direct.presign_put(key, sha256=DIGEST, size=len(DATA), seconds=seconds, media_type=_BYTES)


def put(link: Any, data: bytes = DATA, **changed: str) -> int:
    """Makes a signed PUT, with fields changed or (empty) left out, and returns the status."""
    headers = {name: value for name, value in {**link.headers, **changed}.items() if value}
    return requests.put(link.url, data=data, headers=headers, timeout=30).status_code


def send_pieces(direct: S3Direct, key: str, data: bytes) -> str:
    """Sends a file in pieces and returns the upload's id."""
    upload = direct.begin(key, media_type=_BYTES)
    for number, start in enumerate(range(0, len(data), PIECE), start=1):
        piece = data[start : start + PIECE]
        assert put(direct.presign_piece(key, upload, number, size=len(piece), seconds=60), piece) == 200
    return upload


def test_everything_that_counts_is_signed(store: S3Store) -> None:
    """Checksum, condition, length and media type are in the signature, beside the host."""
    link = signed_put(offered(store))
    names = parse_qs(urlsplit(link.url).query)["X-Amz-SignedHeaders"][0].split(";")
    assert names == ["content-length", "content-type", "host", "if-none-match", "x-amz-checksum-sha256"]
    assert {name.lower() for name in link.headers} == set(names) - {"host"}
    piece = offered(store).presign_piece("t/x", "id", 1, size=5, seconds=60)
    assert parse_qs(urlsplit(piece.url).query)["X-Amz-SignedHeaders"] == ["content-length;host"]


def test_a_signed_put_creates_once(store: S3Store) -> None:
    """The link creates its object; used again it changes nothing."""
    link = signed_put(offered(store))
    assert put(link) == 200
    assert put(link) == 412
    with store.get("t/x") as stream:
        assert stream.read() == DATA


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        pytest.param(b"b master", {}, id="other bytes"),
        pytest.param(b"more bytes than were signed", {}, id="more bytes"),
        pytest.param(DATA, {"x-amz-checksum-sha256": ""}, id="no checksum"),
        pytest.param(DATA, {"If-None-Match": ""}, id="no condition"),
        pytest.param(DATA, {"Content-Type": "text/html"}, id="another media type"),
        pytest.param(DATA, {"x-amz-acl": "public-read"}, id="open to the world"),
    ],
)
def test_a_signed_put_is_held_to_what_is_signed(store: S3Store, data: bytes, changed: dict[str, str]) -> None:
    """Whatever else is sent is refused, and nothing is kept."""
    assert put(signed_put(offered(store)), data, **changed) in (400, 403)
    assert store.head("t/x") is None


def test_a_signed_put_is_good_for_one_key(store: S3Store) -> None:
    """The link of one master, with its very bytes and checksum, creates nothing under the key of another."""
    link = signed_put(offered(store), "t/a/masters/x")
    for other in ("t/b/masters/x", "t/a/masters/y", "t/a/masters/x/../y"):
        assert put(replace(link, url=link.url.replace("t/a/masters/x", other))) == 403
    assert list(store.list("t/")) == []


@pytest.mark.parametrize(
    ("blind", "words"),
    [("checksum", "takes bytes that do not have the signed checksum"), ("signature", "without the checksum")],
)
def test_a_server_that_looks_away_gets_no_links(server: StrictS3, store: S3Store, blind: str, words: str) -> None:
    """A server that does not hold clients to what is signed is found out: it fits, but nobody is sent to it."""
    server.blind.add(blind)
    refused = store.direct()
    assert isinstance(refused, NotOffered)
    assert words in refused.reason
    store.probe()
    assert list(store.list("")) == []


def test_a_server_that_is_away_is_asked_again(server: StrictS3, store: S3Store) -> None:
    """Trouble that waiting ends is no verdict."""
    server.before = lambda _: 503
    try:
        with pytest.raises(StorageUnavailable):
            store.direct()
    finally:
        server.before = lambda _: None
    assert put(signed_put(offered(store))) == 200


def test_only_s3_with_a_public_address_takes_uploads(server: StrictS3, tmp_path: Any) -> None:
    """A folder, memory and a bucket that clients cannot reach offer nothing, and say nothing of it."""
    for other in (DirectoryStore(tmp_path), MemoryStore(), server.open(public=False)):
        assert other.direct() == NotOffered()


def test_a_large_file_comes_in_pieces(store: S3Store) -> None:
    """Pieces are known by number and size, a piece that is sent again replaces the first, and all are one object."""
    direct = offered(store)
    upload = direct.begin("t/u", media_type=_BYTES)
    assert direct.pieces("t/u", upload) == {}
    link = direct.presign_piece("t/u", upload, 2, size=4, seconds=60)
    assert [put(link, b"last"), put(link, b"LAST"), put(link, b"longer")] == [200, 200, 403]
    first = direct.presign_piece("t/u", upload, 1, size=PIECE, seconds=60)
    assert put(first, bytes(PIECE)) == 200
    assert direct.pieces("t/u", upload) == {1: PIECE, 2: 4}
    assert direct.join("t/u", upload)
    with store.get("t/u") as stream:
        assert stream.read() == bytes(PIECE) + b"LAST"


def test_an_upload_that_is_gone_is_told(store: S3Store) -> None:
    """Of one that was joined or aborted nothing is left, and neither is done twice."""
    direct = offered(store)
    joined = send_pieces(direct, "t/u", b"one")
    assert direct.join("t/u", joined)
    aborted = send_pieces(direct, "t/v", b"two")
    direct.abort("t/v", aborted)
    direct.abort("t/v", aborted)
    for key, upload in (("t/u", joined), ("t/v", aborted)):
        assert direct.pieces(key, upload) is None
        assert not direct.join(key, upload)


def test_an_object_is_adopted_once_it_is_proved(store: S3Store) -> None:
    """Bytes get their name only under their digest, and only once; what they came in stays until it is removed."""
    direct = offered(store)
    assert direct.join("t/u", send_pieces(direct, "t/u", LARGE))
    with pytest.raises(ChecksumMismatch):
        direct.adopt("t/u", "t/m", sha256=DIGEST, media_type=_BYTES)
    assert store.head("t/m") is None
    assert direct.adopt("t/u", "t/m", sha256=LARGE_DIGEST, media_type=_BYTES)
    assert not direct.adopt("t/u", "t/m", sha256=LARGE_DIGEST, media_type=_BYTES)
    with store.get("t/m") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == LARGE_DIGEST  # type: ignore[arg-type]
    assert store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", []) == []


def test_what_is_copied_is_what_was_proved(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are replaced between proof and copy are not adopted."""
    direct = offered(store)
    store.put("t/u", DATA)

    def refuse(**how: Any) -> Any:
        assert how["CopySourceIfMatch"] == store.client.head_object(Bucket=store.bucket, Key="t/u")["ETag"]
        raise ClientError({"Error": {"Code": "412"}, "ResponseMetadata": {"HTTPStatusCode": 412}}, "UploadPartCopy")  # type: ignore[typeddict-item]

    monkeypatch.setattr(store.client, "upload_part_copy", refuse)
    with pytest.raises(StorageUnavailable, match="replaced"):
        direct.adopt("t/u", "t/m", sha256=DIGEST, media_type=_BYTES)
    assert store.head("t/m") is None


def test_a_server_that_does_not_copy_is_helped(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server cannot copy, the bytes go through this machine, proved once more."""
    direct = offered(store)
    store.put("t/u", LARGE)

    def refuse(**_: Any) -> Any:
        raise ClientError(
            {"Error": {"Code": "NotImplemented"}, "ResponseMetadata": {"HTTPStatusCode": 501}},  # type: ignore[typeddict-item]
            "UploadPartCopy",
        )

    monkeypatch.setattr(store.client, "upload_part_copy", refuse)
    assert direct.adopt("t/u", "t/m", sha256=LARGE_DIGEST, media_type=_BYTES)
    with store.get("t/m") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == LARGE_DIGEST  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 1), (PIECE, 1), (PIECE + 1, 2), (2 << 30, 410), (1 << 40, 1_000)],
)
def test_the_pieces_of_a_file_fit_one_answer(store: S3Store, size: int, count: int) -> None:
    """Pieces are as many as it takes, and never more than 1,000: then they are larger."""
    piece = offered(store).piece_bytes(size)
    assert -(-size // piece) <= count
    assert piece <= 5 << 30
