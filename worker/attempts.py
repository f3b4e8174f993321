"""One attempt at one item, in three stages that overlap with those of its neighbors: fetch, color, keep.

The order in storage is derivative, previews, sidecar, done record; then the index counts. The sidecar only says that
the derivative is already made; only the done record ends an item.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from shared import layout
from shared.clock import timestamp
from shared.errors import PictureError, WorkerLost
from shared.index import MAX_ATTEMPTS
from shared.index.claims import Begin, Claim
from shared.items import Item, part_of
from shared.jobs import Job
from shared.outcomes import Outcome, StoredDerivative, failure, refused, success
from worker import closings, masters
from worker.leases import Leases, deadline
from worker.orders import MEGAPIXEL, Derivative, Limits, Order, colorist_of
from worker.provenance import StoredFile, sidecar
from worker.workshop import Workshop

_CHUNK = 1 << 20


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
    #: how the item ends without being begun: refused at upload, already made, or its master is gone
    outcome: Outcome | None = None
    #: seconds by stage
    timings: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Colored:
    """An item whose picture is made, or that has failed."""

    #: what it was made of
    fetched: Fetched
    #: what was made; None where `outcome` is set
    derivative: Derivative | None = None
    #: its file
    file: IO[bytes] | None = None
    #: how the item ends without a picture
    outcome: Outcome | None = None
    #: how often the item was begun
    attempts: int


def fetch(shop: Workshop, claim: Claim, job: Job, item: Item) -> Fetched:
    """Looks whether the derivative is already made, else brings the master's bytes; counts no attempt."""
    begun = time.perf_counter()
    outcome: Outcome | None = None
    master: IO[bytes] | None = None
    if item.refusal or item.master is None:
        outcome = refused(item)
    elif made := _already_made(shop, job, item.master):
        outcome = success(item, **_made_facts(job, made), already_made=True)
    else:
        try:
            master = masters.fetch(shop.store, job.tenant, item.master)
        except PictureError as error:
            outcome = failure(item, error)
    timings = {"fetch": time.perf_counter() - begun}
    return Fetched(claim=claim, job=job, item=item, master=master, outcome=outcome, timings=timings)


def color(shop: Workshop, leases: Leases, fetched: Fetched) -> Colored | Begin:
    """Begins the item and makes its picture; returns the verdict of `begin` where that refuses."""
    if fetched.outcome or fetched.master is None:
        return Colored(fetched=fetched, outcome=fetched.outcome, attempts=fetched.claim.attempts)
    with fetched.master as source:
        verdict, attempts, closure = shop.index.begin(fetched.claim, lease=shop.settings.lease_seconds)
        if verdict is Begin.BEGUN:
            return _derive(shop, leases, fetched, source, attempts)
    if verdict is Begin.EXHAUSTED:
        error = WorkerLost(
            f"This item was begun {attempts} times and each time its worker died or was cut off; limit {MAX_ATTEMPTS}.",
            limit=MAX_ATTEMPTS,
            seen=attempts,
        )
        return Colored(fetched=fetched, outcome=failure(fetched.item, error), attempts=attempts)
    part = part_of(fetched.claim.item)
    closings.close(shop.ledger, shop.index, shop.clock, fetched.job, part=part, closure=closure)
    return verdict


def _derive(shop: Workshop, leases: Leases, fetched: Fetched, source: IO[bytes], attempts: int) -> Colored:
    """Makes the picture of an item that was begun; sets its deadline once its size is known."""
    if shop.deriver is None:
        raise ValueError("this workshop colors nothing")
    recipe = fetched.job.recipe
    net = shop.nets[recipe.model]
    order = Order(
        master=fetched.item.master or "",
        recipe=recipe,
        limits=Limits.of(shop.settings),
        net_side=net.input_size,
        previews=_wants_previews(shop, fetched.job),
        verify=shop.settings.verify_lossy,
    )
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `keep` closes it
    try:
        derivative = shop.deriver.derive(
            fetched.job.tenant,
            source,
            file,
            order,
            colorist=colorist_of(net, recipe),
            admitted=lambda pixels: leases.hold(
                fetched.claim, deadline(shop.clock.now(), megapixels=pixels / MEGAPIXEL)
            ),
        )
    except PictureError as error:
        file.close()
        return Colored(fetched=fetched, outcome=failure(fetched.item, error), attempts=attempts)
    except BaseException:
        file.close()
        raise
    return Colored(fetched=fetched, derivative=derivative, file=file, attempts=attempts)


def keep(shop: Workshop, colored: Colored) -> Outcome:
    """Stores the picture and what belongs to it, ends the item and counts it; returns the record that counts."""
    fetched, job = colored.fetched, colored.fetched.job
    begun = time.perf_counter()
    timings = dict(fetched.timings)
    outcome = colored.outcome
    if colored.derivative and colored.file:
        with colored.file as file:
            made = _store(shop, fetched, colored.derivative, file)
        timings |= {**colored.derivative.timings, "store": time.perf_counter() - begun}
        outcome = success(fetched.item, **_made_facts(job, made))
    if outcome is None:
        raise ValueError("an attempt that made nothing must have failed")
    outcome = replace(
        outcome,
        timings={stage: round(seconds, 4) for stage, seconds in timings.items()},
        attempts=colored.attempts,
        worker=shop.settings.host,
        finished_at=timestamp(shop.clock.now()),
    )
    outcome = shop.ledger.end_item(job, outcome)
    closure = shop.index.complete(job.id, outcome.number, outcome.state)
    closings.close(shop.ledger, shop.index, shop.clock, job, part=part_of(outcome.number), closure=closure)
    return outcome


def _wants_previews(shop: Workshop, job: Job) -> bool:
    return shop.settings.previews == "all" or (shop.settings.previews == "interactive" and job.interactive)


def _already_made(shop: Workshop, job: Job, master: str) -> dict[str, Any] | None:
    try:
        with shop.store.get(layout.sidecar(job.tenant, master, job.recipe.digest)) as stream:
            made: dict[str, Any] = json.load(stream)
            return made
    except KeyError:
        return None


def _made_facts(job: Job, made: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a success says of the derivative that a sidecar describes."""
    facts = made["derivative"]
    key = layout.derivative(job.tenant, made["master"], job.recipe.digest, facts["extension"])
    stored = {name: facts[name] for name in ("sha256", "size", "media_type", "width", "height")}
    return {
        "derivative": StoredDerivative(key=key, **stored),
        "delta_l": made["delta_l"],
        "encoded_delta_l": made["encoded_delta_l"],
        "tone": made["tone"],
        "warnings": tuple(made["warnings"]),
    }


def _store(shop: Workshop, fetched: Fetched, derivative: Derivative, file: IO[bytes]) -> dict[str, Any]:
    """Stores derivative, previews and sidecar; returns the sidecar that counts: the first."""
    job, master = fetched.job, fetched.item.master or ""
    recipe = job.recipe.digest
    file.seek(0)
    engine = shop.nets[job.recipe.model].engine
    made = sidecar(derivative, _measured(file), engine=engine, master=master, recipe=job.recipe)
    key = layout.derivative(job.tenant, master, recipe, derivative.format.extension)
    # The file has no name but this one, so that nothing is left of it where this process dies.
    path = Path(f"/proc/self/fd/{file.fileno()}")
    if not shop.store.put_if_absent(key, path, media_type=derivative.format.media_type):
        with shop.store.get(key) as stream:
            # Another attempt stored it: that one is described, not ours.
            made["derivative"] |= asdict(_measured(stream))
    for preview_key, data in (
        (layout.master_preview(job.tenant, master), derivative.master_preview),
        (layout.preview(job.tenant, master, recipe), derivative.preview),
    ):
        if data is not None:
            shop.store.put_if_absent(preview_key, data, media_type="image/jpeg")
    text = json.dumps(made, ensure_ascii=False, sort_keys=True, indent=1).encode()
    if shop.store.put_if_absent(layout.sidecar(job.tenant, master, recipe), text, media_type="application/json"):
        return made
    return _already_made(shop, job, master) or made


def _measured(stream: IO[bytes]) -> StoredFile:
    """Returns digest and size of what is left of a stream."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return StoredFile(sha256=digest.hexdigest(), size=size)
