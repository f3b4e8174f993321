"""One attempt at one item, in three stages that overlap with those of its neighbors: fetch, color, keep.

The order in storage is derivative, previews, sidecar, done record; then the index counts. The sidecar only says that
the derivative is already made; only the done record ends an item. Of several candidates only those that are missing are
made, and each but the last is stored before the next is made: no more than one file of an item waits.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

from models.windows import Windows
from shared.errors import MasterMissing, NetFailed, PictureError, WorkerLost
from shared.index import MAX_ATTEMPTS
from shared.index.claims import Begin, Claim
from shared.items import Item
from shared.jobs import Job
from shared.outcomes import Outcome, failure
from shared.recipes import Recipe
from shared.storage.disk_errors import disk_errors
from worker import closings, derivatives, masters, settling, sources
from worker.consultation import Consultation
from worker.derivatives import Made, Sidecar
from worker.leases import Leases, deadline
from worker.orders import MEGAPIXEL, Limits, Order
from worker.workshop import Workshop


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """An item that is ready to be colored, or that needs no coloring."""

    #: the right to work on it
    claim: Claim
    #: its job
    job: Job
    #: its line of the manifest
    item: Item
    #: the master's bytes; None where `outcome` is set
    master: IO[bytes] | None = None
    #: digest of the recipe -> sidecar, of each derivative that is already made
    sidecars: Mapping[str, Sidecar] = field(default_factory=dict)
    #: how the item ends without being begun: refused at upload, already made, or its master is gone
    outcome: Outcome | None = None
    #: seconds by stage
    timings: Mapping[str, float]

    def close(self) -> None:
        """Lets go of the master's bytes."""
        if self.master:
            self.master.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Colored:
    """An item whose pictures are made, or that has failed."""

    #: what it was made of
    fetched: Fetched
    #: the derivative that is to be stored; None where `outcome` is set
    made: Made | None = None
    #: digest of the recipe -> sidecar, of each other derivative
    sidecars: Mapping[str, Sidecar] = field(default_factory=dict)
    #: how the item ends without a picture
    outcome: Outcome | None = None
    #: how often the item was begun
    attempts: int
    #: seconds by stage
    timings: Mapping[str, float] = field(default_factory=dict)

    def close(self) -> None:
        """Lets go of the file."""
        if self.made:
            self.made.file.close()


def fetch(shop: Workshop, claim: Claim, job: Job, item: Item, *, alive: Callable[[], None] = lambda: None) -> Fetched:
    """Looks which derivatives are already made, and brings the master's bytes for the others; counts no attempt.

    `alive` is called now and then while a source is fetched, which may be large and far away.
    """
    begun = time.perf_counter()
    master: IO[bytes] | None = None
    item = sources.recalled(shop, job.tenant, item)
    sidecars, outcome = settling.look(shop, job, item)
    if outcome is None:
        try:
            known, (item, master) = item.master, _bring(shop, job.tenant, item, alive)
            if item.master != known:  # others may have made of these bytes what is wanted
                sidecars, outcome = _look(shop, job, item, master)
        except PictureError as error:
            outcome = failure(item, error)
    return Fetched(
        claim=claim,
        job=job,
        item=item,
        master=master,
        sidecars=sidecars,
        outcome=outcome,
        timings={"fetch": time.perf_counter() - begun},
    )


def used_up(claim: Claim, job: Job, item: Item) -> Fetched:
    """Returns an item that cannot even be looked at, and fails since it has no attempt left."""
    outcome = failure(item, _lost(claim.attempts))
    return Fetched(claim=claim, job=job, item=item, outcome=outcome, timings={})


def color(shop: Workshop, leases: Leases, fetched: Fetched) -> Colored | Begin:
    """Begins the item and makes its pictures; returns the verdict of `begin` where that refuses.

    May be called again after an error, which counts no other attempt. Raises NetSelfTestFailed where the net gave no
    answer and is broken.
    """
    if fetched.outcome or fetched.master is None:
        return Colored(fetched=fetched, outcome=fetched.outcome, attempts=fetched.claim.attempts)
    verdict, attempts, closure = shop.index.begin(fetched.claim, lease=shop.settings.lease_seconds)
    if verdict is Begin.BEGUN:
        try:
            return _derive_each(shop, leases, fetched, attempts)
        except PictureError as error:
            if isinstance(error, NetFailed):
                # It may be the net that is broken, or out of memory, and would fail every other picture, too.
                shop.proofs.now(fetched.job.recipe.model)
            return Colored(fetched=fetched, outcome=failure(fetched.item, error), attempts=attempts)
    if verdict is Begin.EXHAUSTED:
        return Colored(fetched=fetched, outcome=failure(fetched.item, _lost(attempts)), attempts=attempts)
    closings.close(shop.ledger, shop.index, shop.clock, fetched.job, closure)
    return verdict


def keep(shop: Workshop, colored: Colored, *, recorded: Callable[[], None] = lambda: None) -> Outcome:
    """Stores the picture and what belongs to it, ends the item and counts it; returns the record that counts.

    `recorded` is called when the item has its record. May be called again after an error.
    """
    fetched, job = colored.fetched, colored.fetched.job
    timings = {**fetched.timings, **colored.timings}
    outcome = colored.outcome
    if colored.made:
        sidecars = {**colored.sidecars, **_put(shop, fetched, colored.made, timings)}
        outcome = derivatives.ended(fetched.item, job.tenant, job.recipe, sidecars)
    if outcome is None:
        raise ValueError("an attempt that made nothing must have failed")
    outcome = settling.told(shop, outcome, attempts=colored.attempts, timings=timings)
    (outcome,) = settling.end(shop, job, [outcome], recorded=recorded)
    if colored.made and outcome.derivative:
        shop.index.quotas.charge(job.tenant, pixels=outcome.derivative.width * outcome.derivative.height)
    return outcome


def _bring(shop: Workshop, tenant: str, item: Item, alive: Callable[[], None]) -> tuple[Item, IO[bytes]]:
    """Returns the master's bytes, and the item with its digest, which a source may have only now."""
    if item.master:
        try:
            return item, masters.fetch(shop.store, tenant, item.master, shop.clock, alive)
        except MasterMissing:
            if not item.source:
                raise
    return sources.fetch(shop, tenant, item, alive)


def _look(shop: Workshop, job: Job, item: Item, master: IO[bytes]) -> tuple[dict[str, Sidecar], Outcome | None]:
    try:
        return settling.look(shop, job, item)
    except BaseException:
        master.close()
        raise


def _derive_each(shop: Workshop, leases: Leases, fetched: Fetched, attempts: int) -> Colored:
    """Makes the missing pictures of an item that was begun, from one look of the net at each page."""
    missing = [each for each in fetched.job.recipe.each() if each.digest not in fetched.sidecars]
    consultation = Consultation(shop.nets[fetched.job.recipe.model], missing)
    sidecars = dict(fetched.sidecars)
    timings: dict[str, float] = {}
    for recipe in missing[:-1]:
        made = _derive(shop, leases, fetched, recipe, consultation)
        with closing(made.file):
            _add(timings, made.derivative.timings)
            sidecars |= _put(shop, fetched, made, timings)
    made = _derive(shop, leases, fetched, missing[-1], consultation)
    _add(timings, made.derivative.timings)
    return Colored(fetched=fetched, made=made, sidecars=sidecars, attempts=attempts, timings=timings)


def _derive(shop: Workshop, leases: Leases, fetched: Fetched, recipe: Recipe, consultation: Consultation) -> Made:
    """Makes one picture. The item's time begins anew once its size is known, and with each page that the net sees."""
    if shop.deriver is None or fetched.master is None:
        raise ValueError("nothing to color with, or nothing to color")
    colorist, megapixels = consultation.colorist(recipe), 0.0

    def admitted(pixels: int) -> None:
        nonlocal megapixels
        megapixels = pixels / MEGAPIXEL
        leases.hold(fetched.claim, deadline(shop.clock.now(), megapixels=megapixels))

    def ask(lightness: NDArray[np.float32], where: Windows) -> NDArray[np.float32]:
        leases.hold(fetched.claim, deadline(shop.clock.now(), megapixels=megapixels))
        return colorist(lightness, where)

    previews = _wants_previews(shop, fetched.job)
    order = Order(
        master=fetched.item.master or "",
        recipe=recipe,
        model_name=shop.registry.name_of(recipe.model),
        limits=Limits.of(shop.settings),
        net_side=shop.nets[recipe.model].input_size,
        previews=previews,
        verify=shop.settings.verify_lossy,
    )
    fetched.master.seek(0)
    with disk_errors(tempfile.gettempdir()):
        file = tempfile.TemporaryFile()  # noqa: SIM115 - who keeps the picture closes it
    try:
        derivative = shop.deriver.derive(
            fetched.job.tenant,
            fetched.master,
            file,
            order,
            colorist=ask,
            admitted=admitted,
        )
        return Made(
            recipe=recipe,
            derivative=derivative,
            file=file,
            uncertainty=consultation.uncertainty(),
            map=consultation.map(derivative.width, derivative.height) if previews else None,
        )
    except BaseException:
        file.close()
        raise


def _put(shop: Workshop, fetched: Fetched, made: Made, timings: dict[str, float]) -> dict[str, Sidecar]:
    """Stores one picture and what belongs to it; returns its sidecar by the digest of its recipe."""
    begun = time.perf_counter()
    recipe = made.recipe
    sidecar = derivatives.put(
        shop.store,
        fetched.job.tenant,
        fetched.item.master or "",
        made,
        engine=shop.nets[recipe.model].engine,
        model=shop.registry.name_of(recipe.model),
    )
    _add(timings, {"store": time.perf_counter() - begun})
    return {recipe.digest: sidecar}


def _add(timings: dict[str, float], more: Mapping[str, float]) -> None:
    for stage, seconds in more.items():
        timings[stage] = timings.get(stage, 0.0) + seconds


def _lost(attempts: int) -> WorkerLost:
    words = "each time its worker died, was cut off or met something unforeseen"
    detail = f"This item was tried {attempts} times and {words}; limit {MAX_ATTEMPTS}. The worker's log may say more."
    return WorkerLost(detail, limit=MAX_ATTEMPTS, seen=attempts)


def _wants_previews(shop: Workshop, job: Job) -> bool:
    return shop.settings.previews == "all" or (shop.settings.previews == "interactive" and job.interactive)
