"""Records: JSON in storage, read so that what a disk or a hand has damaged is told from what is not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from shared.errors import PhotochromError, RecordDamaged, StorageUnavailable
from shared.items import PART_ITEMS
from shared.storage import ObjectStore

Thing = TypeVar("Thing")

#: How what JSON says is made a value, as a class's `from_json` does.
Make = Callable[[Any], Thing]

#: What a storage says that is there and cannot give the bytes of one object: a bad sector, another checksum.
_UNREADABLE = ("EIO", "ChecksumError", "FlexibleChecksumError")

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def text(data: Any) -> bytes:
    """Returns the bytes of a record."""
    return _ENCODER.encode(data).encode()


def lines(rows: Iterable[Any]) -> bytes:
    """Returns the bytes of an object that has a record a line."""
    return b"".join(text(row) + b"\n" for row in rows)


def whole(store: ObjectStore, key: str) -> bytes:
    """Returns an object's bytes; raises KeyError where there is none."""
    with store.get(key) as stream:
        return stream.read()


def found(store: ObjectStore, key: str) -> bytes | None:
    """Returns an object's bytes, or None where there is none."""
    try:
        return whole(store, key)
    except KeyError:
        return None


def parse(key: str, data: bytes, make: Make[Thing]) -> Thing:
    """Returns what the record under `key` says; raises RecordDamaged where that cannot be understood."""
    try:
        return make(json.loads(data))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RecordDamaged(
            f"The record {key} cannot be read: put it back from a backup of the storage.", key=key
        ) from error


def read(store: ObjectStore, key: str, make: Make[Thing]) -> Thing | None:
    """Returns what a record says, or None where there is none; raises RecordDamaged."""
    data = found(store, key)
    return None if data is None else parse(key, data, make)


def rows(store: ObjectStore, key: str, make: Make[Thing], numbers: Sequence[int] | None = None) -> list[Thing]:
    """Returns all rows of an object, or of one that has a row an item of a part those of `numbers`, in order.

    Raises KeyError where there is no such object, RecordDamaged.
    """
    with store.get(key) as stream:
        if numbers is None:
            return [parse(key, line, make) for line in stream]
        places = {number % PART_ITEMS for number in numbers}
        lines = enumerate(islice(stream, max(places) + 1))
        return [parse(key, line, make) for place, line in lines if place in places]


def sound_rows(store: ObjectStore, key: str, make: Make[Thing]) -> Iterator[Thing]:
    """Yields the rows of an object that can be understood, whatever stands between them."""
    with store.get(key) as stream:
        for line in stream:
            with suppress(RecordDamaged):
                yield parse(key, line, make)


def is_unreadable(error: StorageUnavailable) -> bool:
    """Tells whether the storage could not give the bytes of one object. Whether it is well else that does not say."""
    return error.extra.get("reason") in _UNREADABLE


def concerns_one(error: PhotochromError) -> bool:
    """Tells whether a record is damaged or cannot be read, and what has nothing to do with it can go on."""
    return isinstance(error, RecordDamaged) or (isinstance(error, StorageUnavailable) and is_unreadable(error))
