"""The crash table as a state machine: the real Lua scripts on a real Valkey, the real ledger on storage in memory.

Workers claim, begin, record and count in separate steps, and may die or fall asleep between any two of them. After each
run everything still open is worked off; then storage must hold exactly one end for every item.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.bells import MemoryBells
from shared.clock import ManualClock
from shared.errors import Corrupt
from shared.ids import new_id
from shared.index import MAX_ATTEMPTS, Index
from shared.index.claims import Begin, Claim
from shared.items import Item, ItemState, part_count, part_numbers, part_of
from shared.jobs import Job, JobState
from shared.ledger import Ledger
from shared.outcomes import Outcome, failure, success
from shared.recipes import resolve
from shared.registry import shipped
from shared.settings import Settings
from shared.storage.memory import MemoryStore
from worker import closings
from worker.sweeper import Sweeper
from worker.workshop import Workshop

LEASE = 45.0
RECIPE = resolve({})
MASTER = "ab" * 32


WORKERS = st.integers(1, 4)


@dataclass(frozen=True)
class Held:
    """What a worker holds: a claim, and how far it got with it."""

    claim: Claim
    begun: bool = False
    outcome: Outcome | None = None
    recorded: bool = False


class LifeOfItems(RuleBasedStateMachine):
    """Jobs, workers that die, and a sweeper."""

    url: str

    @initialize()
    def open(self) -> None:
        """Starts with an empty index and empty storage."""
        self.client = redis.Redis.from_url(self.url)
        self.client.flushall()
        store = MemoryStore()
        self.clock = ManualClock()
        self.shop = Workshop(
            settings=Settings(host="host"),
            registry=shipped(),
            store=store,
            ledger=Ledger(store=store),
            index=Index(self.client),
            bells=MemoryBells(),
            clock=self.clock,
            nets={},
        )
        self.sweeper = Sweeper(shop=self.shop, name="sweeper")
        self.jobs: list[Job] = []
        self.canceled: set[str] = set()
        self.held: dict[int, Held] = {}
        self.begins = 0
        self.ends: dict[tuple[str, int], Outcome] = {}
        self.tampered = False

    # The API.

    @precondition(lambda self: len(self.jobs) < 4)
    @rule(
        total=st.sampled_from([1, 2, 3, 5, 11, 11, 2, 1001]),
        cut=st.sampled_from(["parts", "job", "registered", "rung"]),
    )
    def submit(self, total: int, cut: str) -> None:
        """Submits a job; the API may die after any step. Only one with a `job.json` was answered with 202."""
        job = Job(id=new_id(), tenant="default", created=self.clock.now(), model="lite", recipe=RECIPE, total=total)
        ledger = self.shop.ledger
        ledger.open(job.tenant, job.id)
        for part in range(part_count(total)):
            items = [Item(number=n, master=MASTER, filename=f"{n}.jpg") for n in part_numbers(part, total)]
            ledger.write_part(job.tenant, job.id, part, items)
        if cut == "parts":
            return
        ledger.commit(job)
        if total > 1000:
            # All but the last few had ended before: a large job costs no more steps than a small one.
            for number in range(3, total - 3):
                self.ends[job.id, number] = ledger.end_item(job, self._outcome(number, good=True))
        self.jobs.append(job)
        if cut != "job" and total <= 1000:
            self.shop.index.register(job)
        if cut == "rung":
            self.shop.bells.ring(RECIPE.model)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancels a job that has not ended, rather one that somebody works on."""
        in_hand = {held.claim.job for held in self.held.values()}
        job = data.draw(st.sampled_from([job for job in self.jobs if job.id in in_hand] or self.jobs))
        if self.shop.ledger.read_ending(job) is None:
            self.shop.ledger.cancel(job)
            self.shop.index.cancel(job.id)
            self.canceled.add(job.id)

    # Workers: each does one step after the other, and any of them may be its last for a while, or for ever.

    @rule(worker=WORKERS, steps=st.integers(1, 9), good=st.booleans(), doubled=st.booleans())
    def work(self, worker: int, steps: int, good: bool, doubled: bool) -> None:
        """A worker takes some steps: claim, begin, record, count, and so on."""
        for _ in range(steps):
            held = self.held.get(worker)
            if held is None:
                self._claim(worker)
            elif held.outcome is None and not held.begun:
                self._begin(worker, held)
            elif not held.recorded:
                self._record(worker, held, good=good)
            else:
                self._count(worker, held, doubled=doubled)

    @rule(worker=WORKERS, steps=st.integers(1, 3))
    def work_a_little(self, worker: int, steps: int) -> None:
        """A worker takes few steps, so that many items are in hand at once."""
        self.work(worker, steps, good=True, doubled=False)

    @rule(worker=WORKERS, refund=st.booleans())
    def release(self, worker: int, refund: bool) -> None:
        """A worker gives its item back."""
        held = self.held.get(worker)
        if held and not held.recorded:
            self.held.pop(worker)
            closure = self.shop.index.release(held.claim, refund=refund)
            self._close(held.claim, closure)

    @rule(worker=WORKERS)
    def kill(self, worker: int) -> None:
        """A worker dies with whatever it holds."""
        self.held.pop(worker, None)

    def _claim(self, worker: int) -> None:
        claims = self.shop.index.claim(
            RECIPE.model, pipeline=RECIPE.pipeline, owner=self.shop.new_owner(), host=f"host{worker}", lease=LEASE
        )
        if claims:
            self.held[worker] = Held(claims[0])

    def _begin(self, worker: int, held: Held) -> None:
        verdict, attempts, closure = self.shop.index.begin(held.claim, lease=LEASE)
        if verdict is Begin.BEGUN:
            assert attempts <= MAX_ATTEMPTS
            assert held.claim.job not in self.canceled, "cancel stops what has not begun"
            self.begins += 1
            self.held[worker] = replace(held, begun=True)
            return
        del self.held[worker]
        if verdict is Begin.EXHAUSTED:
            failed = self._outcome(held.claim.item, good=False)
            self.held[worker] = replace(held, outcome=failed)
        elif verdict is Begin.CANCELED:
            assert held.claim.job in self.canceled
        self._close(held.claim, closure)

    def _record(self, worker: int, held: Held, *, good: bool) -> None:
        mine = held.outcome or self._outcome(held.claim.item, good=good)
        self.held[worker] = replace(held, outcome=self._end(self._job(held.claim), mine), recorded=True)

    def _count(self, worker: int, held: Held, *, doubled: bool) -> None:
        assert held.outcome is not None
        for _ in range(1 + doubled):
            closure = self.shop.index.complete(held.claim.job, held.claim.item, held.outcome.state)
        del self.held[worker]
        self._close(held.claim, closure)

    # Faults, and the sweeper.

    @rule()
    def expire(self) -> None:
        """Time passes: every lease and every wait runs out, while their holders sleep."""
        for job in self.jobs:
            for member in self.client.zrange(f"pc:job:{job.id}:due", 0, -1):
                self.client.zadd(f"pc:job:{job.id}:due", {member: 0})
            if self.client.zscore("pc:waiting", job.id) is not None:
                self.client.zadd("pc:waiting", {job.id: 0})

    @rule()
    def flush(self) -> None:
        """The index is wiped."""
        self.client.flushall()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), what=st.sampled_from([":due", ":tries", ":done", ""]))
    def tamper(self, data: st.DataObject, what: str) -> None:
        """One key of the index is lost."""
        job = data.draw(st.sampled_from(self.jobs))
        self.tampered |= bool(self.client.delete(f"pc:job:{job.id}{what}"))

    @rule()
    def sweep(self) -> None:
        """The sweeper sweeps, and looks through open/ each time."""
        self.sweeper.looked = 0
        assert self.sweeper.sweep()
        self.tampered = False

    @invariant()
    def counts_never_run_ahead_of_records(self) -> None:
        """The index counts nothing that storage does not hold, and its books balance."""
        for job in self.jobs:
            progress = self.shop.index.progress(job.id) if not self.tampered else None
            if progress is None:
                continue
            states = Counter(o.state for (owner, _), o in self.ends.items() if owner == job.id)
            assert progress.counts.succeeded <= states[ItemState.SUCCEEDED]
            assert progress.counts.failed <= states[ItemState.FAILED]
            assert sum(getattr(progress.counts, state) for state in ItemState) == job.total

    def teardown(self) -> None:
        """Works off what is open, then compares storage with itself and with what was seen."""
        if not hasattr(self, "jobs"):
            return
        asleep, self.held = self.held, {}
        for _ in range(60):
            if all(self.shop.ledger.read_ending(job) for job in self.jobs):
                break
            self.expire()
            self.sweep()
            self._claim(1)
            while self.held:
                self.work(1, 1, good=True, doubled=False)
                if not self.held:
                    self._claim(1)
        # Whoever slept through all of it wakes now, and cannot give an item a second end.
        self.held = {worker: held for worker, held in asleep.items() if held.begun or held.outcome}
        for worker in list(self.held):
            self.work(worker, 2, good=True, doubled=True)
        for job in self.jobs:
            self._check(job)
        self.sweeper.looked = 0
        self.sweeper.sweep()
        left = {job for _, job, _ in self.shop.ledger.open_jobs()}
        assert left.isdisjoint(job.id for job in self.jobs)
        self.client.close()

    def _check(self, job: Job) -> None:
        ending = self.shop.ledger.read_ending(job)
        assert ending is not None, "a job with a 202 ends"
        rows = list(self.shop.ledger.rows(job))
        assert [row.number for row in rows] == list(range(job.total)), "the report has each item once"
        states = Counter(row.state for row in rows)
        assert ending.counts.succeeded == states[ItemState.SUCCEEDED]
        assert ending.counts.failed == states[ItemState.FAILED]
        assert ending.counts.canceled == states[ItemState.CANCELED]
        if job.id not in self.canceled:
            assert ending.state is JobState.COMPLETED
            assert states[ItemState.CANCELED] == 0
        for row in rows:
            record = self.shop.ledger.read_outcome(job, row.number)
            assert record is None or record == row, "the row is the record"
            assert record or row.state is ItemState.CANCELED
            seen = self.ends.get((job.id, row.number))
            assert seen is None or seen == record, "a record never changes"
        unsure = sorted(
            (row for row in rows if row.uncertainty), key=lambda row: (-(row.uncertainty or {})["mean"], row.number)
        )
        assert list(self.shop.ledger.read_review(job)) == unsure[:1000], "the review is the report's head, sorted"

    def _job(self, claim: Claim) -> Job:
        return next(job for job in self.jobs if job.id == claim.job)

    def _end(self, job: Job, outcome: Outcome) -> Outcome:
        counted = self.shop.ledger.end_item(job, outcome)
        first = self.ends.setdefault((job.id, outcome.number), counted)
        assert first == counted, "whoever creates the record decides"
        return counted

    def _close(self, claim: Claim, closure: closings.Closure) -> None:
        job, part = self._job(claim), part_of(claim.item)
        closings.close(self.shop.ledger, self.shop.index, self.clock, job, part=part, closure=closure)
        self._note_sealed(job)

    def _note_sealed(self, job: Job) -> None:
        """Remembers the ends that closing a canceled job gave."""
        if job.id in self.canceled and job.total <= 1000:
            for number in self.shop.ledger.done_numbers(job, 0):
                if (job.id, number) not in self.ends and (end := self.shop.ledger.read_outcome(job, number)):
                    self.ends[job.id, number] = end

    def _outcome(self, number: int, *, good: bool) -> Outcome:
        item = Item(number=number, master=MASTER, filename=f"{number}.jpg")
        if not good:
            return failure(item, Corrupt(), attempts=1)
        return success(item, attempts=1, uncertainty={"mean": number * 37 % 100 / 100, "p95": 1.0})


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.no_cover
def test_every_item_ends_exactly_once(redis_url: str) -> None:
    """Whatever dies, sleeps or is wiped, each item of an accepted job reaches exactly one terminal state."""
    LifeOfItems.url = redis_url
    LifeOfItems.TestCase.settings = settings(
        max_examples=200,
        stateful_step_count=50,
        deadline=None,
        # CI judges a change by the same examples as the change before; everybody else explores.
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    LifeOfItems.TestCase("runTest").runTest()
