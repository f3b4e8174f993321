"""Uploads: bytes become masters only under their own digest."""

from __future__ import annotations

import hashlib
import io
import resource
from collections.abc import Iterator

import pytest
import redis

from api.bodies import require_length
from api.spool import take_upload
from shared import layout
from shared.errors import ChecksumMismatch, LengthRequired
from shared.storage import ObjectInfo
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from tests.house import House, make_house, picture

DATA = picture()
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_a_file_is_asked_about_sent_and_there(house: House) -> None:
    """The answer to a question says how to send a file; sent, it is present, and a second sending changes nothing."""
    ask = {"files": [{"sha256": DIGEST, "size": len(DATA)}]}
    (answer,) = house.http().post("/v1/uploads", json=ask).json["files"]
    assert not answer["present"]
    how = answer["upload"]
    sent = house.http().open(how["url"], method=how["method"], data=DATA, headers=how["headers"])
    assert (sent.status_code, sent.json) == (201, {"sha256": DIGEST, "size": len(DATA), "format": "png"})
    assert house.http().put(how["url"], data=DATA).status_code == 200
    (answer,) = house.http().post("/v1/uploads", json=ask).json["files"]
    assert answer == {"sha256": DIGEST, "present": True, "upload": None}


@pytest.mark.parametrize(
    ("digest", "data", "status", "code"),
    [
        pytest.param("0" * 64, DATA, 422, "checksum_mismatch", id="other bytes"),
        pytest.param(hashlib.sha256(b"text").hexdigest(), b"text", 415, "unsupported_media", id="no picture"),
        pytest.param("xyz", DATA, 422, "invalid_request", id="no digest"),
    ],
)
def test_a_bad_upload_keeps_nothing(house: House, digest: str, data: bytes, status: int, code: str) -> None:
    """Bytes that are not what was promised are refused, and nothing is kept."""
    answer = house.http().put(f"/v1/uploads/{digest}", data=data)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert list(house.store.list(layout.tenant("default"))) == []


def test_a_file_is_looked_for_once(client: redis.Redis) -> None:
    """A PUT asks the storage once whether it has the file; a second PUT that came in between changes nothing."""
    looked: list[str] = []

    class Counting(MemoryStore):
        def head(self, key: str) -> ObjectInfo | None:
            looked.append(key)
            return super().head(key)

    data = picture()
    digest = hashlib.sha256(data).hexdigest()
    key = layout.master("default", digest)
    house = make_house(client, store=Counting())
    assert house.http().put(f"/v1/uploads/{digest}", data=data).status_code == 201
    assert looked == [key]
    spool, _ = take_upload(house.store, "default", digest, io.BytesIO(data), limit=1 << 20)
    assert spool.size == len(data)
    assert [info.key for info in house.store.list(layout.masters("default"))] == [key]


def test_a_large_file_is_refused_before_it_is_sent(client: redis.Redis) -> None:
    """The question already tells that a file is too large; sent all the same it is refused."""
    house = make_house(client, max_bytes=100)
    ask = {"files": [{"sha256": DIGEST, "size": len(DATA)}]}
    (answer,) = house.http().post("/v1/uploads", json=ask).json["files"]
    assert answer["problem"]["code"] == "too_large"
    assert answer["problem"]["limit"] == 100
    assert house.http().put(f"/v1/uploads/{DIGEST}", data=DATA).json["code"] == "too_large"


def test_a_body_without_an_end_is_refused(house: House) -> None:
    """A request that does not say where its body ends is refused; a chunked one may go on."""
    with house.http().application.test_request_context(method="PUT") as context:
        context.request.environ.pop("CONTENT_LENGTH", None)
        with pytest.raises(LengthRequired):
            require_length()
    with house.http().application.test_request_context(method="PUT", headers={"Transfer-Encoding": "chunked"}):
        require_length()


class Stream:
    """A body that is made as it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int = -1) -> bytes:
        """Returns the next chunk."""
        return next(self._chunks, b"")


def test_memory_does_not_grow_with_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file of 300 MB passes through without the process growing by a tenth of it."""
    chunk = b"\xff\xd8\xff" + bytes(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store = DirectoryStore(tmp_path_factory.mktemp("large"), fsync=False)
    with pytest.raises(ChecksumMismatch):
        take_upload(store, "default", "0" * 64, Stream(iter([chunk] * 300)), limit=1 << 30)  # type: ignore[arg-type]
    digest = hashlib.sha256()
    for _ in range(300):
        digest.update(chunk)
    take_upload(store, "default", digest.hexdigest(), Stream(iter([chunk] * 300)), limit=1 << 30)  # type: ignore[arg-type]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 30_000, f"{grown} KiB"
