"""What only S3 storage promises: atomic conditions, links, repeated calls, and words for botocore's errors."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from shared.clock import ManualClock
from shared.errors import ChecksumMismatch, StorageUnavailable, StorageUnfit
from shared.storage.memory import MemoryStore
from shared.storage.s3 import S3Store
from shared.storage.s3_opening import s3_store

PIECE = 5 << 20


@pytest.fixture
def own(open_s3: Callable[[], S3Store]) -> S3Store:
    """A store with clients of its own, which a test may bend; its bucket exists."""
    store = open_s3()
    store.client.create_bucket(Bucket="own")
    store = S3Store(
        store.client,
        "own",
        public_client=store.public_client,
        multipart_bytes=PIECE,
        piece_bytes=PIECE,
        clock=ManualClock(),
    )
    for entry in list(store.list("")):
        store.delete(entry.key)
    return store


def answer(status: int, code: str) -> Callable[..., Any]:
    """Returns a server that answers every call with an error."""

    def call(**_: object) -> Any:
        raise ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")  # type: ignore[typeddict-item]

    return call


def in_turn(calls: list[Callable[..., Any]]) -> Callable[..., Any]:
    """Returns a call that is each of `calls` once."""

    def call(**how: Any) -> Any:
        return calls.pop(0)(**how)

    return call


def uploads(store: S3Store) -> list[Any]:
    """Returns the multipart uploads that were begun and not ended."""
    return list(store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", ()))


def ignore_condition(store: S3Store, operation: str) -> None:
    """Makes the server not see the condition of a call."""

    def strip(request: Any, **_: object) -> None:
        del request.headers["If-None-Match"]

    store.client.meta.events.register(f"before-sign.s3.{operation}", strip)


def test_a_server_that_ignores_the_condition_is_refused(own: S3Store) -> None:
    """A server on which all the racing creates win is named and refused by the probe."""
    ignore_condition(own, "PutObject")
    with pytest.raises(StorageUnfit, match="8 of 8 racing conditional creates") as caught:
        own.probe()
    assert "own" in caught.value.detail
    assert list(own.list("")) == []


def test_a_server_that_ignores_the_condition_of_pieces_is_refused(own: S3Store) -> None:
    """A server that honors the condition of single puts only is refused as well."""
    ignore_condition(own, "CompleteMultipartUpload")
    with pytest.raises(StorageUnfit, match="racing conditional multipart creates"):
        own.probe()


def test_a_store_that_keeps_the_losers_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One winner is not enough: the object has to have the winner's bytes."""
    store = MemoryStore()
    real = store.put_if_absent

    def last_wins(key: str, source: bytes) -> bool:
        won = real(key, source)
        store.put(key, b"the loser's")
        return won

    monkeypatch.setattr(store, "put_if_absent", last_wins)
    with pytest.raises(StorageUnfit, match="kept the bytes of another"):
        store.probe()


def test_a_missing_bucket_is_named(open_s3: Callable[[], S3Store]) -> None:
    """The probe of a bucket that does not exist says which setting to correct."""
    with pytest.raises(StorageUnavailable, match="PHOTOCHROM_STORAGE_URL"):
        open_s3().probe()


def test_a_collision_in_flight_is_tried_again(own: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 409 the create is sent again, whole, until it is decided."""
    real = own.client.put_object
    answers = [answer(409, "ConditionalRequestConflict"), answer(409, "OperationAborted"), real]
    monkeypatch.setattr(own.client, "put_object", in_turn(answers))
    assert own.put_if_absent("t/x", b"bytes", sha256=hashlib.sha256(b"bytes").hexdigest())
    with own.get("t/x") as stream:
        assert stream.read() == b"bytes"


def test_a_collision_without_end_is_given_up(own: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that never gets free is trouble of the storage, and no answer is made up."""
    monkeypatch.setattr(own.client, "put_object", answer(409, "ConditionalRequestConflict"))
    with pytest.raises(StorageUnavailable, match="6 times"):
        own.put_if_absent("t/x", b"bytes")


def test_a_collision_of_pieces_is_tried_again(own: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 409 at the end of a multipart upload all of it is sent again."""
    real = own.client.complete_multipart_upload
    answers = [answer(409, "ConditionalRequestConflict"), real]
    monkeypatch.setattr(own.client, "complete_multipart_upload", in_turn(answers))
    data = b"x" * (PIECE + 1)
    assert own.put_if_absent("t/x", data, sha256=hashlib.sha256(data).hexdigest())
    assert uploads(own) == []


def test_no_pieces_stay(own: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload whose bytes are wrong, or that loses its race, is aborted."""
    data = b"x" * (PIECE + 1)
    with pytest.raises(ChecksumMismatch):
        own.put_if_absent("t/x", data, sha256=hashlib.sha256(b"").hexdigest())
    assert own.put_if_absent("t/x", data)
    with monkeypatch.context() as patch:
        patch.setattr(own, "head", lambda key: None)  # as if the other came a moment later
        assert not own.put_if_absent("t/x", data)
    assert uploads(own) == []


def test_the_server_proves_what_came_over_the_wire(own: S3Store) -> None:
    """The digest is sent along, so that the server can refuse bytes that were damaged on the way."""
    sent = []
    own.client.meta.events.register("before-sign.s3.PutObject", lambda request, **_: sent.append(request.headers))
    own.put_if_absent("t/x", b"bytes", sha256=hashlib.sha256(b"bytes").hexdigest(), media_type="image/jpeg")
    assert sent[0]["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()
    assert sent[0]["If-None-Match"] == "*"
    assert own.client.head_object(Bucket="own", Key="t/x")["ContentType"] == "image/jpeg"


def test_lists_go_on_page_after_page(own: S3Store) -> None:
    """Lists and children do not end with the server's page."""

    def small_pages(params: dict[str, Any], **_: object) -> None:
        params["MaxKeys"] = 2

    own.client.meta.events.register("provide-client-params.s3.ListObjectsV2", small_pages)
    for number in range(7):
        own.put_if_absent(f"t/{number}", b"")
    assert [entry.key for entry in own.list("t/")] == [f"t/{number}" for number in range(7)]
    assert list(own.children("t/")) == [str(number) for number in range(7)]


def test_a_link_is_signed_for_the_public_address(own: S3Store) -> None:
    """A link leads to the public address, ends when it should, and brings the name and the media type along."""
    link = own.presign_get("t/x", seconds=60, filename='Küche "1900"_colorized.jpg', media_type="image/jpeg")
    assert link is not None
    parts, query = urlsplit(link), parse_qs(urlsplit(link).query)
    assert (parts.netloc, parts.path) == ("files.example.org", "/own/t/x")
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["response-content-type"] == ["image/jpeg"]
    assert query["response-content-disposition"] == [
        "attachment; filename=\"K_che _1900__colorized.jpg\"; filename*=UTF-8''K%C3%BCche%20%221900%22_colorized.jpg"
    ]


def test_a_signed_link_reads_the_object(own: S3Store) -> None:
    """Whoever has the link gets the object's bytes, named as asked."""
    own.put_if_absent("t/x", b"bytes")
    here = S3Store(own.client, "own", public_client=own.client)
    link = here.presign_get("t/x", seconds=60, filename="a.jpg", media_type="image/jpeg")
    assert link is not None
    with requests.get(link, timeout=10) as response:
        assert response.content == b"bytes"
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["Content-Disposition"].startswith('attachment; filename="a.jpg"')


def test_no_public_address_no_links(own: S3Store) -> None:
    """Without a public address the API streams."""
    private = S3Store(own.client, "own")
    assert private.presign_get("t/x", seconds=60, filename="x.jpg", media_type="image/jpeg") is None


def test_a_server_that_is_away(open_s3: Callable[[], S3Store]) -> None:
    """An address at which no one answers is trouble that waiting can end."""
    store = s3_store(
        bucket="away", endpoint_url="http://127.0.0.1:1", region="us-east-1", path_style=True, public_url=None
    )
    with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1"):
        store.head("t/x")


def test_a_body_that_ends_early(own: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks while an object is read is StorageUnavailable, never a short object."""
    own.put_if_absent("t/x", b"bytes")
    real = own.client.get_object

    def cut(**how: Any) -> Any:
        found = real(**how)
        body: Any = found["Body"]
        body._content_length = 99
        return found

    monkeypatch.setattr(own.client, "get_object", cut)
    with own.get("t/x") as stream, pytest.raises(StorageUnavailable, match="bytes"):
        stream.read()
