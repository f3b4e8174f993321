"""Stores that do something at the n-th call: break, let somebody else go first, or wait for their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from shared.storage import ObjectInfo, ObjectStore, Source
from shared.storage.direct import NotOffered


class Watched:
    """An ObjectStore that calls `before` ahead of every operation on the store behind it."""

    def __init__(self, store: ObjectStore, before: Callable[[], None]) -> None:
        self.behind = store
        self._before = before

    @property
    def breadth(self) -> int:
        return self.behind.breadth

    def put_if_absent(self, key: str, source: Source, **how: str) -> bool:
        self._before()
        return self.behind.put_if_absent(key, source, **how)

    def put(self, key: str, source: Source, **how: str) -> None:
        self._before()
        self.behind.put(key, source, **how)

    def get(self, key: str, **span: int) -> AbstractContextManager[BinaryIO]:
        self._before()
        return self.behind.get(key, **span)

    def head(self, key: str) -> ObjectInfo | None:
        self._before()
        return self.behind.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._before()
        return iter(list(self.behind.list(prefix)))

    def children(self, prefix: str) -> Iterator[str]:
        self._before()
        return iter(list(self.behind.children(prefix)))

    def delete(self, key: str) -> None:
        self._before()
        self.behind.delete(key)

    def presign_get(self, key: str, **how: object) -> str | None:
        return None

    def direct(self) -> NotOffered:
        return NotOffered()

    def probe(self) -> None:
        """Needs no proof."""


class Interrupted(BaseException):
    """The process died."""


def dies_at(number: int) -> Callable[[], None]:
    """Returns what dies ahead of the operation of that number, from 0, and of every later one."""
    left = [number]

    def before() -> None:
        if left[0] <= 0:
            raise Interrupted
        left[0] -= 1

    return before


def does_at(number: int, act: Callable[[], None]) -> Callable[[], None]:
    """Returns what does something once, ahead of the operation of that number, from 0."""
    left = [number]

    def before() -> None:
        left[0] -= 1
        if left[0] == -1:
            act()

    return before
