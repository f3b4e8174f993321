"""What every storage promises."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from shared.errors import ChecksumMismatch
from shared.storage import ObjectStore

RACERS = 16


def read(store: ObjectStore, key: str, **span: int) -> bytes:
    """Returns an object's bytes."""
    with store.get(key, **span) as stream:
        return stream.read()


def digest(data: bytes) -> str:
    """Returns the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def large(tmp_path: Path, size: int) -> Path:
    """Returns a file of a little more than `size` bytes."""
    path = tmp_path / "large"
    block = bytes(range(256)) * 4096
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
        file.write(b"end")
    return path


@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_what_is_put_is_read(store: ObjectStore, tmp_path: Path, kind: str) -> None:
    """A created object has the bytes of its source, whether that is bytes or a file."""
    source: bytes | Path = b"a picture"
    if kind == "path":
        source = tmp_path / "source"
        source.write_bytes(b"a picture")
    assert store.put_if_absent("t/a/x", source, sha256=digest(b"a picture"), media_type="image/jpeg")
    assert read(store, "t/a/x") == b"a picture"


def test_a_file_that_changes_later_changes_no_object(store: ObjectStore, tmp_path: Path) -> None:
    """The object is a copy of the caller's file."""
    source = tmp_path / "source"
    source.write_bytes(b"first")
    store.put_if_absent("t/x", source)
    source.write_bytes(b"later")
    assert read(store, "t/x") == b"first"


def test_a_second_create_changes_nothing(store: ObjectStore) -> None:
    """Creating an object that exists returns False and keeps the first bytes."""
    assert store.put_if_absent("t/x", b"first")
    assert not store.put_if_absent("t/x", b"second")
    assert read(store, "t/x") == b"first"


def test_one_of_16_racing_creates_wins(store: ObjectStore) -> None:
    """Of creates that race for one key exactly one returns True, and its bytes are kept."""
    for number in range(5):
        key = f"t/race/{number}"
        start = Barrier(RACERS)

        def create(racer: int, key: str = key, start: Barrier = start) -> bool:
            start.wait()
            return store.put_if_absent(key, f"racer {racer}".encode())

        with ThreadPoolExecutor(RACERS) as racers:
            won = list(racers.map(create, range(RACERS)))
        assert won.count(True) == 1
        assert read(store, key) == f"racer {won.index(True)}".encode()


def test_wrong_bytes_are_refused_and_not_kept(store: ObjectStore, tmp_path: Path) -> None:
    """Bytes without the promised digest leave nothing behind, neither for bytes nor for a file."""
    source = tmp_path / "source"
    source.write_bytes(b"damaged")
    for wrong in (b"damaged", source):
        with pytest.raises(ChecksumMismatch) as caught:
            store.put_if_absent("t/x", wrong, sha256=digest(b"whole"))
        assert caught.value.extra == {"expected": digest(b"whole"), "seen": digest(b"damaged")}
    assert store.head("t/x") is None
    assert list(store.list("")) == []


def test_wrong_bytes_are_refused_where_the_object_exists(store: ObjectStore) -> None:
    """A promise that does not hold is refused even if there is nothing left to create."""
    store.put_if_absent("t/x", b"whole", sha256=digest(b"whole"))
    with pytest.raises(ChecksumMismatch):
        store.put_if_absent("t/x", b"damaged", sha256=digest(b"whole"))
    assert read(store, "t/x") == b"whole"


def test_put_replaces(store: ObjectStore) -> None:
    """The last write of a replaceable object wins."""
    store.put("t/x", b"the first, which is longer")
    store.put("t/x", b"the second")
    assert read(store, "t/x") == b"the second"


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    """An object may have no bytes."""
    assert store.put_if_absent("t/x", b"", sha256=digest(b""))
    assert read(store, "t/x") == b""
    info = store.head("t/x")
    assert info is not None
    assert info.size == 0


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (0, 4, b"0123"),
        (3, 4, b"3456"),
        (8, 100, b"89"),  # as much as there is
        (10, None, b""),  # at the end
        (99, 5, b""),  # beyond it
        (3, 0, b""),  # nothing asked for
    ],
)
def test_ranges(store: ObjectStore, start: int, length: int | None, expected: bytes) -> None:
    """A range yields the bytes it names, as far as they exist."""
    store.put_if_absent("t/x", b"0123456789")
    with store.get("t/x", start=start, length=length) as stream:
        assert stream.read() == expected


def test_reading_in_pieces(store: ObjectStore) -> None:
    """A reader gets what it asks for, line by line or in pieces, and an empty answer at the end."""
    store.put_if_absent("t/x", b"one\ntwo\nthree")
    with store.get("t/x") as stream:
        assert stream.read(2) == b"on"
        assert list(stream) == [b"e\n", b"two\n", b"three"]
        assert stream.read(1) == b""


@pytest.mark.parametrize("length", [None, 0, 5])
def test_a_missing_object_is_a_key_error(store: ObjectStore, length: int | None) -> None:
    """Reading what is not there raises KeyError; its head is None."""
    store.put_if_absent("t/a/x", b"")
    for key in ("t/b", "t/a", "t/a/x/y", "elsewhere/x"):
        with pytest.raises(KeyError), store.get(key, length=length):
            pass
        assert store.head(key) is None


def test_head_tells_size_and_age(store: ObjectStore) -> None:
    """The head of an object has its key, its size and when it was stored."""
    before = time.time()
    store.put_if_absent("t/x", b"12345")
    info = store.head("t/x")
    assert info is not None
    assert (info.key, info.size) == ("t/x", 5)
    assert before - 2 <= info.modified <= time.time() + 2  # S3 tells whole seconds


def test_a_list_is_in_the_order_of_keys(store: ObjectStore) -> None:
    """A list holds every object below the prefix, in the order of keys, where `a-b` and `a.b` come before `a/b`."""
    keys = ["t/a-b/x", "t/a/x", "t/a/y/z", "t/a.b", "t/ab", "t/a0", "t/a-b.c", "t2/x", "u"]
    for key in keys:
        store.put_if_absent(key, key.encode())
    assert [info.key for info in store.list("t/")] == sorted(key for key in keys if key.startswith("t/"))
    assert [info.key for info in store.list("t/a/")] == ["t/a/x", "t/a/y/z"]
    assert [info.key for info in store.list("")] == sorted(keys)
    assert {info.key: info.size for info in store.list("")} == {key: len(key) for key in keys}


def test_nothing_below_a_prefix(store: ObjectStore) -> None:
    """A prefix without objects has an empty list and no children."""
    store.put_if_absent("t/x", b"")
    for prefix in ("u/", "t/x/", "t/y/z/"):
        assert list(store.list(prefix)) == []
        assert list(store.children(prefix)) == []


def test_children_are_the_next_segments(store: ObjectStore) -> None:
    """Children are distinct and sorted, objects and folders alike."""
    for key in ("t/b/1", "t/b/2/3", "t/a-b/1", "t/a/1", "t/c", "u/d"):
        store.put_if_absent(key, b"")
    assert list(store.children("t/")) == ["a", "a-b", "b", "c"]
    assert list(store.children("t/b/")) == ["1", "2"]
    assert list(store.children("")) == ["t", "u"]


def test_delete(store: ObjectStore) -> None:
    """A deleted object is gone from everywhere, can be deleted again and created again."""
    store.put_if_absent("open/a/x", b"first")
    store.put_if_absent("open/b/x", b"other")
    store.delete("open/a/x")
    store.delete("open/a/x")
    store.delete("open/none")
    assert store.head("open/a/x") is None
    assert list(store.children("open/")) == ["b"]
    assert store.put_if_absent("open/a/x", b"second")
    assert read(store, "open/a/x") == b"second"


def test_a_large_object(store: ObjectStore, tmp_path: Path) -> None:
    """An object that is sent in pieces is create-only, proved and whole like any other."""
    source = large(tmp_path, (11 if "S3" in type(store).__name__ else 65) << 20)
    promised = digest(source.read_bytes())
    with pytest.raises(ChecksumMismatch):
        store.put_if_absent("t/x", source, sha256=digest(b""))
    assert store.head("t/x") is None
    assert store.put_if_absent("t/x", source, sha256=promised)
    assert not store.put_if_absent("t/x", source, sha256=promised)
    with pytest.raises(ChecksumMismatch):
        store.put_if_absent("t/x", source, sha256=digest(b""))
    store.put("t/y", source)
    for key in ("t/x", "t/y"):
        with store.get(key) as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == promised  # type: ignore[arg-type]
    assert read(store, "t/x", start=source.stat().st_size - 3) == b"end"


def test_a_link_or_none(store: ObjectStore) -> None:
    """A store has a link that anyone can read an object with, or says that the API has to stream it."""
    store.put_if_absent("t/x", b"bytes")
    link = store.presign_get("t/x", seconds=60, filename="x.jpg", media_type="image/jpeg")
    assert link is None or link.startswith("http")


def test_a_sound_store_passes_its_probe(store: ObjectStore) -> None:
    """The probe passes and leaves nothing behind."""
    store.probe()
    assert list(store.children("")) == []
