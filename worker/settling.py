"""Settling: how items end. Those that need no coloring, already made or refused at upload, end many at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from shared import logs
from shared.clock import timestamp
from shared.errors import PhotochromError
from shared.index.claims import Claim
from shared.items import Item
from shared.jobs import Job
from shared.outcomes import Outcome, refused
from shared.storage.abreast import abreast
from worker import closings, derivatives, metrics, sources
from worker.derivatives import Sidecar
from worker.leases import DEADLINE_SECONDS, Leases
from worker.workshop import Workshop

_log = logs.logger(__name__)


def look(shop: Workshop, job: Job, item: Item) -> tuple[dict[str, Sidecar], Outcome | None]:
    """Returns what is already made of an item, by recipe digest, and how it ends if nothing is left."""
    if item.refusal:
        return {}, refused(item)
    item = sources.recalled(shop, job.tenant, item)
    if item.master is None:
        return {}, None
    recipes = job.recipe.each()
    found = ((each.digest, derivatives.find(shop.store, job.tenant, item.master, each)) for each in recipes)
    sidecars = {digest: sidecar for digest, sidecar in found if sidecar}
    if len(sidecars) < len(recipes):
        return sidecars, None
    return sidecars, derivatives.ended(item, job.tenant, job.recipe, sidecars, already_made=True)


def settle(
    shop: Workshop,
    job: Job,
    claims: Sequence[Claim],
    items: Sequence[Item],
    leases: Leases,
) -> list[Claim]:
    """Ends those of a job's claimed items that need no coloring; returns the claims of the others.

    Among those are items that cannot be looked at for an unforeseen reason: their own attempts say why. May be called
    again after an error.

    The claims have their time anew with each item that is looked at or has its record. Then the leases of those that
    have ended are dropped, and the others only wait for the reports.
    """

    def alive() -> None:
        leases.extend(claims, shop.clock.now() + DEADLINE_SECONDS)

    def timed(pair: tuple[Claim, Item]) -> Outcome | None:
        begun = time.perf_counter()
        try:
            _, outcome = look(shop, job, pair[1])
        except PhotochromError:
            raise
        except Exception:  # noqa: BLE001 - one bad sidecar must not hold up a batch
            return None
        alive()
        timings = {"fetch": time.perf_counter() - begun}
        return outcome and told(shop, outcome, attempts=pair[0].attempts, timings=timings)

    looked = abreast(shop.store, timed, list(zip(claims, items, strict=True)))
    left = [claim for claim, outcome in zip(claims, looked, strict=True) if outcome is None]

    def recorded() -> None:
        leases.drop(*(claim for claim in claims if claim not in left))
        leases.extend(left, math.inf)

    if outcomes := [outcome for outcome in looked if outcome]:
        end(shop, job, outcomes, alive=alive, recorded=recorded)
    return left


def told(shop: Workshop, outcome: Outcome, *, attempts: int, timings: Mapping[str, float]) -> Outcome:
    """Returns the outcome with who ended it, when, and what it took: begun how often, seconds by stage."""
    return replace(
        outcome,
        timings={stage: round(seconds, 4) for stage, seconds in timings.items()},
        attempts=attempts,
        worker=shop.settings.host,
        finished_at=timestamp(shop.clock.now()),
    )


def end(
    shop: Workshop,
    job: Job,
    outcomes: Sequence[Outcome],
    *,
    alive: Callable[[], None] = lambda: None,
    recorded: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Ends a job's items, counts them and closes what that has ended; returns the records that count.

    `alive` is called when one of them has its record, `recorded` when all have: from then on nobody can do harm who
    takes them over. May be called again after an error.
    """
    records = shop.ledger.end_items(job, outcomes, alive)
    recorded()
    closure = shop.index.complete(job.id, {record.number: record.state for record in records})
    closings.close(shop.ledger, shop.index, shop.clock, job, closure)
    for record in records:
        log = _log.info if record.code else _log.debug
        log("item_ended", job=job.id, item=record.number, state=record.state, code=record.code)
        metrics.item_ended(record)
    return records
