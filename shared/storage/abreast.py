"""Operations abreast: as many at once as the storage makes worth it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.storage import ObjectStore

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def abreast(store: ObjectStore, act: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """Returns what `act`, which uses `store`, makes of each thing, in their order; raises what the first raises."""
    breadth = min(store.breadth, len(things))
    if breadth < 2:
        return [act(thing) for thing in things]
    with ThreadPoolExecutor(breadth) as pool:
        return list(pool.map(act, things))
