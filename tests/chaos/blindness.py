"""Does the harness see? The same faults over the strawman must show losses."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

from tests.chaos.clients import until
from tests.chaos.faults.index import FlushAll
from tests.chaos.faults.workers import KillWorkers
from tests.chaos.ledger import Asked, Ledger
from tests.chaos.strawman import Strawman
from tests.chaos.strikes import Fault, haunt
from tests.chaos.table import Row

#: It has drained when nothing was made for so long, seconds.
_STILL_SECONDS = 4.0

_FIRST_SECONDS = 60.0


def blind_test(fault: Fault, times: int, *, items: int, seed: int, folder: Path) -> Row:
    """Strikes the strawman while it works on `items`; returns the row, whose `lost` must not be 0."""
    dice = random.Random(f"{seed}/{fault.name}")
    with Strawman(folder) as strawman:
        ledger = Ledger(folder / "ledger.jsonl")
        for number in range(items):
            key = str(number)
            ledger.asked(key, [Asked(sha256=key)])
            strawman.submit(key)
            ledger.accepted(key, key)
        if not until(lambda: bool(strawman.made()), _FIRST_SECONDS):
            raise TimeoutError(f"the strawman does not work; its logs are in {folder}")
        strikes = haunt(strawman, fault, times, dice, threading.Event())
        _drain(strawman)
        jobs = ledger.jobs()
        lost, began = len(jobs.keys() - strawman.made()), strawman.begun()
    shutil.rmtree(folder)
    return Row(
        round="strawman",
        fault=fault.name,
        times=len(strikes),
        jobs=len(jobs),
        items=len(jobs),
        began=began,
        lost=lost,
        duplicates=0,
        worst=None,
    )


def blind_tests(seed: int, folder: Path) -> list[Row]:
    """Runs both faults that any queue must fear."""
    kills, flush = KillWorkers(pause=(0.3, 1.0)), FlushAll(pause=(0.1, 0.5))
    return [
        blind_test(kills, 6, items=1_000, seed=seed, folder=folder / "kills"),
        blind_test(flush, 1, items=1_000, seed=seed, folder=folder / "flush"),
    ]


def _drain(strawman: Strawman) -> None:
    made, since = strawman.made(), time.monotonic()
    while time.monotonic() - since < _STILL_SECONDS:
        time.sleep(0.2)
        if strawman.made() != made:
            made, since = strawman.made(), time.monotonic()
