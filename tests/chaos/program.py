"""The rounds of `make chaos` and `make chaos-long`: how often each fault happens is issue 5's table."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from tests.chaos.clients import Prepared
from tests.chaos.faults import storage
from tests.chaos.faults.api import KillApi
from tests.chaos.faults.bells import RingBells
from tests.chaos.faults.children import KillChildren
from tests.chaos.faults.index import DeleteKeys, FillMemory, FlushAll, FlushScripts
from tests.chaos.faults.poison import GREEDY_MEGABYTES, poisons
from tests.chaos.faults.valkey import KillValkey
from tests.chaos.faults.workers import KillWorkers, RestartWorkers, SleepWorkers
from tests.chaos.ledger import Asked
from tests.chaos.proxy import FaultyProxy
from tests.chaos.rounds import Chain, Round
from tests.chaos.valkey import Persistence

#: Items of a job of poison.
_POISONS = 50

#: Pauses of faults that happen beside others of their kind, seconds.
_SPREAD = (2.0, 7.0)


def rounds(*, long: bool, share: float = 1.0) -> list[Round]:
    """Returns the rounds; `share` of the counts."""
    proxy = FaultyProxy(0)

    def times(short: int, extended: int) -> int:
        return max(1, math.ceil(share * (extended if long else short)))

    return [
        Round(
            name="workers and API",
            chains=[[(KillWorkers(), times(60, 1000))], [(KillApi(), times(40, 500))]],
            clients=32,
            items=(1, 2),
            pause=(2, 6),
            hosts=3,
            apis=2,
        ),
        Round(
            name="sleep, restarts and bells",
            chains=[
                [(SleepWorkers(), times(15, 200))],
                [(RestartWorkers(), times(20, 500))],
            ],
            throughout=[RingBells()],
            clients=16,
            items=(10, 80),
            least_items=times(5_000, 200_000),
            hosts=3,
        ),
        Round(
            name="Valkey killed",
            # What was canceled since the last snapshot must not come back.
            cancels=0.3,
            chains=[
                [
                    (KillValkey(persistence=Persistence.NONE), times(7, 67)),
                    (KillValkey(persistence=Persistence.RDB), times(7, 67)),
                    (KillValkey(persistence=Persistence.AOF), times(6, 66)),
                ]
            ],
        ),
        Round(
            name="index damaged",
            chains=[
                [(FlushAll(pause=_SPREAD), times(10, 100))],
                [(FlushScripts(pause=_SPREAD), times(10, 100))],
                [(DeleteKeys(pause=_SPREAD), times(10, 100))],
                [(FillMemory(pause=_SPREAD), times(10, 100))],
            ],
        ),
        Round(
            name="storage",
            chains=storage.chains(proxy, times(25, 300)),
            items=(1, 6),
            pause=(2, 6),
            proxy=proxy,
        ),
        Round(
            name="poison",
            chains=[[(KillChildren(), times(40, 400))]],
            clients=4,
            items=(1, 10),
            settings={"SANDBOX_MEGABYTES": str(GREEDY_MEGABYTES)},
            prepared=lambda seed: _poisons(seed, times(1_000, 10_000)),
        ),
    ]


def only(plans: list[Round], word: str) -> list[Round]:
    """Returns the rounds whose name, or a fault's name, has `word`; of the latter only the chains that have it."""
    chosen = []
    for plan in plans:
        if word.lower() in plan.name.lower():
            chosen.append(plan)
            continue
        chains = [chain for chain in map(_named(word), plan.chains) if chain]
        throughout = [fault for fault in plan.throughout if word.lower() in fault.name.lower()]
        if chains or throughout:
            chosen.append(replace(plan, chains=chains, throughout=throughout))
    return chosen


def _poisons(seed: int, count: int) -> Iterator[Prepared]:
    """Yields jobs of poison, `_POISONS` items each."""
    items = poisons(seed, count=count)
    while job := [
        (
            Asked(sha256=hashlib.sha256(item.data).hexdigest(), succeeds=item.may_succeed, codes=tuple(item.codes)),
            item.data,
        )
        for item in islice(items, _POISONS)
    ]:
        yield job


def _named(word: str) -> Callable[[Chain], Chain]:
    return lambda chain: [(fault, times) for fault, times in chain if word.lower() in fault.name.lower()]
