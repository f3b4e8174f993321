"""Operations abreast: as many at once as the storage makes worth it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.storage import ObjectStore

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def abreast(
    store: ObjectStore,
    act: Callable[[Thing], Result],
    things: Sequence[Thing],
    *,
    alive: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Returns what `act`, which uses `store`, makes of each thing, in their order; raises what the first raises.

    `alive` is called after each; any thread.
    """

    def done(thing: Thing) -> Result:
        result = act(thing)
        alive()
        return result

    breadth = min(store.breadth, len(things))
    if breadth < 2:
        return [done(thing) for thing in things]
    with ThreadPoolExecutor(breadth) as pool:
        return list(pool.map(done, things))
