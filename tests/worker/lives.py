"""The world of the state machine: storage, index, and workers that do one step after the other, or none any more."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field, replace

import redis

from shared import layout
from shared.bells import MemoryBells
from shared.clock import ManualClock
from shared.errors import Corrupt
from shared.index import MAX_ATTEMPTS, Index
from shared.index.claims import Begin, Claim, Closure
from shared.items import Item, ItemState
from shared.jobs import Job
from shared.ledger import Ledger
from shared.outcomes import Outcome, StoredDerivative, failure, success
from shared.recipes import resolve
from shared.registry import shipped
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.storage.memory import MemoryStore
from worker import closings
from worker.manifests import Manifests
from worker.pruning import Pruner
from worker.sweeper import Sweeper
from worker.workshop import Workshop

LEASE = 45.0
RECIPE = resolve({})
DIGEST = RECIPE.digest
MASTERS = [hashlib.sha256(name).hexdigest() for name in (b"a", b"b", b"c")]


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a worker holds, and how far it got with it."""

    claim: Claim
    item: Item
    begun: bool = False
    drawn: bool = False
    outcome: Outcome | None = None
    recorded: bool = False
    closure: Closure | None = None


def make_shop(client: redis.Redis, store: ObjectStore) -> Workshop:
    """A workshop without nets."""
    return Workshop(
        settings=Settings(host="host", recover_seconds=1),
        registry=shipped(),
        store=store,
        ledger=Ledger(store=store),
        index=Index(client),
        bells=MemoryBells(),
        clock=ManualClock(),
        nets={},
    )


@dataclass(kw_only=True)
class World:
    """All there is, and what was seen of it."""

    client: redis.Redis
    store: MemoryStore = field(default_factory=MemoryStore)
    jobs: dict[str, Job] = field(default_factory=dict)
    canceled: set[str] = field(default_factory=set)
    #: jobs that are paused, and those of which a call that died has left that open
    paused: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    #: jobs whose deletion has begun, and those that were seen to be gone
    doomed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    held: dict[int, Held] = field(default_factory=dict)
    #: the record that each item was first seen to have
    ends: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    strokes: int = 0

    def __post_init__(self) -> None:
        self.shop = make_shop(self.client, self.store)
        self.sweepers = [Sweeper(shop=self.shop, name=name) for name in ("one", "two")]

    def living(self) -> list[Job]:
        """The jobs that nobody has deleted."""
        return [job for job in self.jobs.values() if job.id not in self.doomed]

    def through(self, store: ObjectStore, *, index: Index | None = None) -> Workshop:
        """The workshop as one sees it that works through another store."""
        return replace(self.shop, store=store, ledger=Ledger(store=store), index=index or self.shop.index)

    def sweep(self, which: int, store: ObjectStore | None = None) -> None:
        """One sweeper sweeps, and takes the lead: the other's lock ran out."""
        sweeper = self.sweepers[which]
        sweeper.shop = self.through(store) if store else self.shop
        sweeper.looked = 0
        self.client.delete("pc:sweeper")
        sweeper.sweep()

    def prune(self, store: ObjectStore | None = None) -> None:
        """Removes what no job names, as if all of it were old enough; nobody sleeps for a day over a deleted job."""
        self.held = {worker: held for worker, held in self.held.items() if held.claim.job not in self.doomed}
        clock = ManualClock(time.time() + 2 * 86_400)
        ledger = Ledger(store=store or self.store)
        Pruner(ledger=ledger, clock=clock, tenant="default", dry_run=False).run(self.shop.index)

    # A worker's steps.

    def step(self, worker: int, *, good: bool, doubled: bool = False) -> None:
        """A worker does the next thing."""
        held = self.held.get(worker)
        if held is None:
            self.claim(worker)
        elif held.closure is not None:
            self._close(worker, held)
        elif held.recorded:
            self._count(worker, held, doubled=doubled)
        elif held.outcome:
            self.held[worker] = replace(held, outcome=self.end(held.claim.job, held.outcome), recorded=True)
        elif not held.begun:
            self._begin(worker, held)
        elif good:
            self._make(worker, held)
        else:
            self.held[worker] = replace(held, outcome=failure(held.item, Corrupt(), attempts=1))

    def claim(self, worker: int, *, most: int = 1, cut: int = 3) -> None:
        """Takes an item; of many those end at once that are already made, and all but one of the others go back.

        A worker that takes many dies before the step `cut` of recording, counting and closing.
        """
        claims = self.shop.index.claim(
            RECIPE.model,
            pipeline=RECIPE.pipeline,
            owner=self.shop.new_owner(),
            host=f"host{worker}",
            lease=LEASE,
            most=most,
        )
        if not claims:
            return
        try:
            items = [Manifests().find(self.shop, claim)[1] for claim in claims]
        except LookupError:
            assert claims[0].job in self.doomed, "every other job is in storage"
            self.shop.index.release(*claims)
            return
        outcomes = [self.made(item) for item in items]
        made = [outcome for outcome in outcomes if outcome]
        if len(claims) > 1 and made:
            self._settle(claims[0], made, cut)
            if cut < 3:
                return
        left = [
            Held(claim=claim, item=item, outcome=outcome)
            for claim, item, outcome in zip(claims, items, outcomes, strict=True)
            if not (len(claims) > 1 and outcome)
        ]
        if left:
            self.held[worker] = left[0]
        if len(left) > 1:
            self.close(left[0].claim, self.shop.index.release(*(held.claim for held in left[1:])))

    def _settle(self, claim: Claim, made: list[Outcome], cut: int) -> None:
        if cut < 1:
            return
        ends = {end.number: end.state for end in (self.end(claim.job, outcome) for outcome in made)}
        if cut < 2:
            return
        closure = self.shop.index.complete(claim.job, ends)
        again = self.shop.index.complete(claim.job, ends)
        assert again.parts == (), "a duplicate ends no part"
        if cut == 3:
            self.close(claim, Closure(parts=closure.parts, job=closure.job or again.job))

    def _begin(self, worker: int, held: Held) -> None:
        verdict, attempts, closure = self.shop.index.begin(held.claim, lease=LEASE)
        if verdict is Begin.BEGUN:
            assert attempts <= MAX_ATTEMPTS
            assert held.claim.job not in self.canceled, "cancel stops what has not begun"
            assert held.claim.job not in self.paused, "pause does, too"
            self.held[worker] = replace(held, begun=True)
        elif verdict is Begin.EXHAUSTED:
            self.held[worker] = replace(held, outcome=failure(held.item, Corrupt(), attempts=attempts))
        else:
            assert verdict is not Begin.CANCELED or held.claim.job in self.canceled
            assert verdict is not Begin.PAUSED or held.claim.job in self.paused | self.unsure
            self.held[worker] = replace(held, closure=closure)

    def _make(self, worker: int, held: Held) -> None:
        """Stores the derivative, then its sidecar; no two attempts give the same bytes here."""
        master = str(held.item.master)
        key = layout.derivative("default", master, DIGEST, "png")
        if not held.drawn:
            self.strokes += 1
            self.store.put_if_absent(key, f"{master} {self.strokes}".encode())
            self.held[worker] = replace(held, drawn=True)
            return
        with self.store.get(key) as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        self.store.put_if_absent(layout.sidecar("default", master, DIGEST), json.dumps(digest).encode())
        self.held[worker] = replace(held, outcome=self.made(held.item))

    def _count(self, worker: int, held: Held, *, doubled: bool) -> None:
        assert held.outcome is not None
        closure = self.shop.index.complete(held.claim.job, {held.claim.item: held.outcome.state})
        if doubled:
            again = self.shop.index.complete(held.claim.job, {held.claim.item: held.outcome.state})
            closure = Closure(parts=closure.parts, job=closure.job or again.job)
        self.held[worker] = replace(held, closure=closure)

    def _close(self, worker: int, held: Held) -> None:
        del self.held[worker]
        self.close(held.claim, held.closure or Closure())

    def close(self, claim: Claim, closure: Closure) -> None:
        """Does what an operation has brought to an end."""
        job = self.jobs[claim.job]
        try:
            closings.close(self.shop.ledger, self.shop.index, self.shop.clock, job, closure)
        except KeyError:
            assert job.id in self.doomed, "every other job has its records"
        self.note_sealed(job)

    # Records.

    def make_all(self) -> None:
        """Makes the derivative of every master."""
        for master in MASTERS:
            key = layout.derivative("default", master, DIGEST, "png")
            self.store.put_if_absent(key, master.encode())
            with self.store.get(key) as stream:
                digest = hashlib.sha256(stream.read()).hexdigest()
            self.store.put_if_absent(layout.sidecar("default", master, DIGEST), json.dumps(digest).encode())

    def end(self, job_id: str, outcome: Outcome) -> Outcome:
        """Ends an item; the record that was first counts, for ever."""
        counted = self.shop.ledger.end_item(self.jobs[job_id], outcome)
        first = self.ends.setdefault((job_id, outcome.number), counted)
        assert first == counted or job_id in self.doomed, "whoever creates the record decides"
        return counted

    def note_sealed(self, job: Job) -> None:
        """Remembers the ends that closing a canceled job gave."""
        if job.id in self.canceled and job.total <= 1000:
            for number in self.shop.ledger.done_numbers(job, 0):
                if (job.id, number) not in self.ends and (end := self.shop.ledger.read_outcome(job, number)):
                    self.ends[job.id, number] = end

    def made(self, item: Item) -> Outcome | None:
        """How an item ends whose derivative is already made; None where it is not."""
        master = str(item.master)
        try:
            with self.store.get(layout.sidecar("default", master, DIGEST)) as stream:
                digest = json.load(stream)
        except KeyError:
            return None
        key = layout.derivative("default", master, DIGEST, "png")
        stored = StoredDerivative(key=key, sha256=digest, size=1, media_type="image/png", width=1, height=1)
        unsure = {"mean": item.number * 37 % 100 / 100, "p95": 1.0}
        return success(item, attempts=1, uncertainty=unsure, derivative=stored)

    def check_picture(self, row: Outcome) -> None:
        """The derivative of a success is there, and is what its record says."""
        if row.state is not ItemState.SUCCEEDED:
            return
        assert row.derivative is not None
        with self.store.get(row.derivative.key) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == row.derivative.sha256
