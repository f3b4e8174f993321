"""What may name an object, in every storage, and in which order keys are told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.storage import ObjectStore
from shared.storage.memory import MemoryStore


@pytest.mark.parametrize(
    "key", ["", "/", "a/", "/a", "a//b", ".", "a/..", "../a", "a/.b", "a b", "a\n", "ä", "a" * 256, "a/" * 512 + "a"]
)
def test_no_key(store: ObjectStore, key: str) -> None:
    """What is no key is a mistake of the program, for every call."""
    with pytest.raises(ValueError, match="not a key"):
        store.put_if_absent(key, b"")
    with pytest.raises(ValueError, match="not a key"):
        store.put(key, b"")
    with pytest.raises(ValueError, match="not a key"), store.get(key):
        pass
    with pytest.raises(ValueError, match="not a key"):
        store.head(key)
    with pytest.raises(ValueError, match="not a key"):
        store.delete(key)


@pytest.mark.parametrize("prefix", ["a", "/", "../", "a//"])
def test_no_prefix(store: ObjectStore, prefix: str) -> None:
    """A prefix is a folder's: it ends in a slash, and is a key without it."""
    with pytest.raises(ValueError, match="not a"):
        list(store.list(prefix))
    with pytest.raises(ValueError, match="not a"):
        list(store.children(prefix))


segments = st.text(alphabet="ab-.0/", min_size=1, max_size=8)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(segments, min_size=1, max_size=6))
def test_all_stores_agree(store: ObjectStore, names: list[str]) -> None:
    """After the same creates and deletes every store lists and names the same as the one in memory."""
    for entry in list(store.list("")):
        store.delete(entry.key)
    twin = MemoryStore()
    for name in names:
        key = "k" + name.replace("/", "/k").strip("/")
        # A key may not be a folder of another: a directory cannot hold both.
        taken = [entry.key for entry in twin.list("")]
        if any(old.startswith(f"{key}/") or key.startswith(f"{old}/") for old in taken):
            continue
        assert store.put_if_absent(key, b"") == twin.put_if_absent(key, b"")
    first = next(iter(twin.list(""))).key
    for each in (store, twin):
        each.delete(first)
    assert [entry.key for entry in store.list("")] == [entry.key for entry in twin.list("")]
    prefixes = {""} | {entry.key[: at + 1] for entry in twin.list("") for at, c in enumerate(entry.key) if c == "/"}
    for prefix in prefixes:
        assert list(store.children(prefix)) == list(twin.children(prefix))
        assert [entry.key for entry in store.list(prefix)] == [entry.key for entry in twin.list(prefix)]
