"""The crash table as a state machine: the real Lua scripts on a real Valkey, the real ledger on storage in memory.

Submissions, deletions, sweeps and prunes are the real ones; they may die at any operation on storage, and others may go
on in the middle of them. Workers claim, begin, store, record, count and close in separate steps, and may die or fall
asleep between any two. After each run everything still open is worked off; then storage must hold exactly one end for
every item of every job that was accepted and not deleted, and a picture for every success.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from api.controls import control
from api.jobs import remove
from api.submission import Submission, submit
from shared import layout, reports
from shared.errors import Conflict, JobRecovering, MastersCondemned, NotFound, Refused, Unavailable
from shared.index import Index
from shared.index.connection import connect
from shared.items import Item, ItemState
from shared.jobs import Job, JobState, Priority
from tests.stores import Interrupted, Watched, dies_at, does_at
from tests.worker.lives import MASTERS, RECIPE, World

WORKERS = st.integers(1, 4)

#: The operation on storage at which something dies, or at which somebody else goes first; None: nothing happens.
STEPS = st.none() | st.integers(0, 12)

#: `pytest --hypothesis-profile=long` looks longer.
LONG = settings.get_current_profile_name() == "long"


class LifeOfItems(RuleBasedStateMachine):
    """Jobs, workers that die, two sweepers, deletions and prunes."""

    url: str

    @initialize()
    def open(self) -> None:
        """Starts with an empty index and empty storage."""
        client = redis.Redis.from_url(self.url)
        client.flushall()
        self.world = World(client=client)
        self.tampered = False

    # The API.

    @precondition(lambda self: len(self.world.living()) < 4)
    @rule(
        total=st.sampled_from([1, 2, 3, 5, 11, 11, 2, 1001]),
        key=st.sampled_from([None, None, "a", "b"]),
        priority=st.sampled_from(Priority),
        cut=STEPS,
        deaf=st.booleans(),
    )
    def submit(self, total: int, key: str | None, priority: Priority, cut: int | None, deaf: bool) -> None:
        """Submits a job; the API may die at any step, or the index be away. Whatever has a `job.json` is a job."""
        total = {"a": 2, "b": 3}.get(key or "", total)
        if total > 1000:
            self._submit_many(total)
            return
        items = [Item(number=n, master=MASTERS[n // 2 % 3], filename=f"{n}.jpg") for n in range(total)]
        for item in items:
            self.world.store.put_if_absent(layout.master("default", str(item.master)), b"")
        priority = Priority.NORMAL if key else priority
        asked = Submission(tenant="default", model="lite", recipe=RECIPE, items=items, key=key, priority=priority)
        store = Watched(self.world.store, dies_at(10**6 if cut is None else cut))
        index = Index(connect("redis://127.0.0.1:1/0")) if deaf else None
        try:
            job = submit(self.world.through(store, index=index), asked)
        except (Interrupted, MastersCondemned):  # it died, or a prune that died stands in its way
            self._find_jobs()
        else:
            assert self.world.shop.ledger.read_job("default", job.id) == job, "202 is sent for a job that exists"
            assert job.id not in self.world.doomed
            self.world.jobs.setdefault(job.id, job)

    @precondition(lambda self: self.world.living())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancels a job that has not ended, rather one that somebody works on."""
        self._cancel(self._draw(data))

    @precondition(lambda self: self.world.living())
    @rule(data=st.data(), paused=st.booleans(), priority=st.sampled_from(Priority), cut=STEPS)
    def control(self, data: st.DataObject, paused: bool, priority: Priority, cut: int | None) -> None:
        """Pauses or resumes a job, rather one that somebody works on; the API may die at any step."""
        self._control(self._draw(data), cut, paused=paused, priority=priority)

    @precondition(lambda self: self.world.living())
    @rule(data=st.data(), cut=STEPS)
    def delete(self, data: st.DataObject, cut: int | None) -> None:
        """Deletes a job, rather one that has ended; the API may die at any step."""
        jobs = self.world.living()
        over = [job for job in jobs if self.world.shop.ledger.read_ending(job)]
        self._delete(data.draw(st.sampled_from(over or jobs)), cut)

    # Workers: each does one step after the other, and any of them may be its last for a while, or for ever.

    @rule(worker=WORKERS, steps=st.integers(1, 12), good=st.booleans(), doubled=st.booleans())
    def work(self, worker: int, steps: int, good: bool, doubled: bool) -> None:
        """A worker takes some steps."""
        for _ in range(steps):
            self.world.step(worker, good=good, doubled=doubled)

    @rule(worker=WORKERS, steps=st.integers(1, 4))
    def work_a_little(self, worker: int, steps: int) -> None:
        """A worker takes few steps, so that many items are in hand at once."""
        self.work(worker, steps, good=True, doubled=False)

    @rule(worker=WORKERS, most=st.sampled_from([2, 3, 64]), cut=st.integers(0, 3))
    def work_in_batches(self, worker: int, most: int, cut: int) -> None:
        """A worker takes many items at once and ends those that are already made; it may die at any step."""
        if worker not in self.world.held:
            self.world.claim(worker, most=most, cut=cut)

    @rule(worker=WORKERS, charge=st.booleans())
    def release(self, worker: int, charge: bool) -> None:
        """A worker gives its item back."""
        held = self.world.held.get(worker)
        if held and not held.recorded and held.closure is None:
            del self.world.held[worker]
            self.world.close(held.claim, self.world.shop.index.release(held.claim, charge=charge))

    @rule(worker=WORKERS)
    def kill(self, worker: int) -> None:
        """A worker dies with whatever it holds."""
        self.world.held.pop(worker, None)

    # Faults, sweepers and prunes.

    @rule()
    def expire(self) -> None:
        """Time passes: leases, waits and the records of prunes that died run out, while whoever has them sleeps."""
        client, store = self.world.client, self.world.store
        for info in list(store.list(layout.condemned("default"))):
            store.delete(info.key)
        for job_id in self.world.jobs:
            for member in client.zrange(f"pc:job:{job_id}:due", 0, -1):
                client.zadd(f"pc:job:{job_id}:due", {member: 0})
            if client.zscore("pc:waiting", job_id) is not None:
                client.zadd("pc:waiting", {job_id: 0})

    @rule()
    def flush(self) -> None:
        """The index is wiped."""
        self.world.client.flushall()

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data(), what=st.sampled_from([":due", ":tries", ":done", ""]))
    def tamper(self, data: st.DataObject, what: str) -> None:
        """One key of the index is lost."""
        job_id = data.draw(st.sampled_from(sorted(self.world.jobs)))
        self.tampered |= bool(self.world.client.delete(f"pc:job:{job_id}{what}"))

    @rule(which=st.integers(0, 1))
    def sweep(self, which: int) -> None:
        """A sweeper sweeps, and looks through open/ each time."""
        self.world.sweep(which)
        self._find_jobs()
        self.tampered = False

    @rule(
        step=st.integers(0, 16),
        act=st.sampled_from(["sweep", "flush", "work", "delete", "cancel", "pause", "resume", "die"]),
        wiped=st.booleans(),
    )
    def sweep_in_the_middle_of(self, step: int, act: str, wiped: bool) -> None:
        """In the middle of a sweep somebody else does something, or the sweeper dies; the index may be empty before."""
        if wiped:
            self.flush()
        acts: dict[str, Callable[[], None]] = {
            "sweep": lambda: self.world.sweep(1),
            "flush": self.flush,
            "work": lambda: self.work(1, 12, good=True, doubled=False),
            "delete": self._delete_any,
            "cancel": lambda: [self._cancel(job) for job in self.world.living()],
            "pause": lambda: [self._control(job, None, paused=True) for job in self.world.living()],
            "resume": lambda: [self._control(job, None, paused=False) for job in self.world.living()],
        }
        before = dies_at(step) if act == "die" else does_at(step, acts[act])
        try:
            self.world.sweep(0, Watched(self.world.store, before))
        except Interrupted:
            pass
        except KeyError:
            assert act in ("delete", "sweep", "work"), "what is read is there, unless it was deleted"
            assert self.world.doomed
        self.tampered = self.tampered or act == "die"
        self._find_jobs()

    @rule(step=STEPS, die=st.booleans())
    def prune(self, step: int | None, die: bool) -> None:
        """A prune removes what no job names; it may die, or a submission come in its middle."""
        if step is None:
            self.world.prune()
            return
        act = dies_at(step) if die else does_at(step, self._submit_if_room)
        with suppress(Interrupted):
            self.world.prune(Watched(self.world.store, act))

    @invariant()
    def counts_never_run_ahead_of_records(self) -> None:
        """The index counts nothing that storage does not hold, and its books balance."""
        for job in self.world.living() if not self.tampered else ():
            progress = self.world.shop.index.progress(job.id)
            if progress is None:
                continue
            states = Counter(o.state for (owner, _), o in self.world.ends.items() if owner == job.id)
            assert progress.counts.succeeded <= states[ItemState.SUCCEEDED]
            assert progress.counts.failed <= states[ItemState.FAILED]
            assert sum(getattr(progress.counts, state) for state in ItemState) == job.total

    @invariant()
    def what_is_paused_stays_paused(self) -> None:
        """A job that is open is paused in the index if, and only if, the last call that was answered paused it."""
        world = self.world
        for job in world.living() if not self.tampered else ():
            progress = world.shop.index.progress(job.id)
            if progress and job.id not in world.canceled | world.unsure and not progress.state.ended:
                assert (progress.state is JobState.PAUSED) == (job.id in world.paused)

    @invariant()
    def what_is_deleted_stays_deleted(self) -> None:
        """A job that is gone does not come back."""
        world = self.world
        found = {job_id for job_id in world.doomed if world.store.head(layout.job("default", job_id))}
        assert found.isdisjoint(world.gone)
        world.gone |= world.doomed - found

    def teardown(self) -> None:
        """Works off what is open, then compares storage with itself and with what was seen."""
        if not hasattr(self, "world"):
            return
        world = self.world
        asleep, world.held = world.held, {}
        # Without a wiped index the calls may find it in the middle of a recovery.
        world.sweep(0)
        self._find_jobs()
        for job in world.living():
            self._control(job, None, paused=False)
        for turn in range(80):
            self.expire()
            world.sweep(turn % 2)
            self._find_jobs()
            if all(world.shop.ledger.read_ending(job) for job in world.living()) and not world.shop.index.live_jobs():
                break
            world.claim(1)
            while world.held:
                world.step(1, good=True)
                if not world.held:
                    world.claim(1)
        # Whoever slept through all of it wakes now, and cannot give an item a second end.
        world.held = {worker: held for worker, held in asleep.items() if held.begun or held.outcome}
        for worker in list(world.held):
            for _ in range(6):
                if worker in world.held:
                    world.step(worker, good=True, doubled=True)
        for turn in range(8):
            world.sweep(turn % 2)
        world.prune()
        for job in world.living():
            self._check(job)
        left = [info.key for info in world.store.list("")]
        for job_id in world.doomed:
            assert not [key for key in left if job_id in key], "a deleted job leaves nothing"
            assert world.shop.index.progress(job_id) is None
        assert world.shop.index.live_jobs() == []
        assert {job for _, job, _ in world.shop.ledger.open_jobs()}.isdisjoint(world.jobs)
        world.client.close()

    def _check(self, job: Job) -> None:
        world = self.world
        ledger = world.shop.ledger
        ending = ledger.read_ending(job)
        assert ending is not None, "a job with a 202 ends"
        rows = list(reports.rows(ledger, job))
        assert [row.number for row in rows] == list(range(job.total)), "the report has each item once"
        states = Counter(row.state for row in rows)
        assert ending.counts.succeeded == states[ItemState.SUCCEEDED]
        assert ending.counts.failed == states[ItemState.FAILED]
        assert ending.counts.canceled == states[ItemState.CANCELED]
        if job.id not in world.canceled:
            assert ending.state is JobState.COMPLETED
            assert states[ItemState.CANCELED] == 0
        for row in rows:
            record = ledger.read_outcome(job, row.number)
            assert record is None or record == row, "the row is the record"
            assert record or row.state is ItemState.CANCELED
            seen = world.ends.get((job.id, row.number))
            assert seen is None or seen == record, "a record never changes"
            assert world.store.head(layout.master("default", str(row.master))), "no prune took a master away"
            world.check_picture(row)
        unsure = sorted(
            (row for row in rows if row.uncertainty), key=lambda row: (-(row.uncertainty or {})["mean"], row.number)
        )
        assert list(reports.read_review(ledger, job)) == unsure[:1000], "the review is the report's head, sorted"

    def _submit_many(self, total: int) -> None:
        """Makes a job of which all but six items have ended: it costs no more steps than a small one."""
        world = self.world
        for master in MASTERS:
            world.store.put_if_absent(layout.master("default", master), b"")
        items = [Item(number=n, master=MASTERS[n % 3], filename=f"{n}.jpg") for n in range(total)]
        away = world.through(world.store, index=Index(connect("redis://127.0.0.1:1/0")))
        job = submit(away, Submission(tenant="default", model="lite", recipe=RECIPE, items=items))
        world.jobs[job.id] = job
        world.make_all()
        for item in items[3 : total - 3]:
            outcome = world.made(item)
            assert outcome
            world.end(job.id, outcome)

    def _draw(self, data: st.DataObject) -> Job:
        in_hand = {held.claim.job for held in self.world.held.values()}
        jobs = self.world.living()
        return data.draw(st.sampled_from([job for job in jobs if job.id in in_hand] or jobs))

    def _cancel(self, job: Job) -> None:
        world = self.world
        if world.shop.ledger.read_ending(job) is None:
            world.shop.ledger.cancel(job)
            world.shop.index.cancel(job.id)
            world.canceled.add(job.id)

    def _control(self, job: Job, cut: int | None, **change: object) -> None:
        world = self.world
        store = Watched(world.store, dies_at(10**6 if cut is None else cut))
        try:
            control(world.through(store), "default", job.id, **change)
        except Interrupted:
            world.unsure.add(job.id)
            world.paused.discard(job.id)
        except (Conflict, JobRecovering, NotFound):
            return
        else:
            world.unsure.discard(job.id)
            (world.paused.add if change["paused"] else world.paused.discard)(job.id)

    def _find_jobs(self) -> None:
        """Takes in the jobs that exist without an answer, and the ends that sweepers gave."""
        world = self.world
        for job_id in world.store.children(layout.jobs("default")):
            if job_id not in world.jobs and (job := world.shop.ledger.read_job("default", job_id)):
                world.jobs[job_id] = job
        for job in world.living():
            world.note_sealed(job)

    def _delete(self, job: Job, cut: int | None) -> None:
        world = self.world
        store = Watched(world.store, dies_at(10**6 if cut is None else cut))
        try:
            remove(world.through(store), "default", job.id)
        except Interrupted:
            pass
        except (Conflict, JobRecovering, NotFound):
            return
        if world.store.head(layout.deleting("default", job.id)) or not world.store.head(layout.job("default", job.id)):
            world.doomed.add(job.id)

    def _delete_any(self) -> None:
        for job in self.world.living():
            self._delete(job, None)

    def _submit_if_room(self) -> None:
        if len(self.world.living()) < 4:
            try:
                self.submit(total=3, key=None, priority=Priority.NORMAL, cut=None, deaf=False)
            except (Refused, Unavailable):
                self._find_jobs()


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 900)
@pytest.mark.no_cover
def test_every_item_ends_exactly_once(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever dies, sleeps, is wiped, deleted or pruned, each item of a job reaches exactly one terminal state."""
    # Side by side, operations on storage would come in another order each time, and an example could not be repeated.
    for where in ("shared.deletion._THREADS", "worker.pruning._THREADS", "api.submission._CHECKS"):
        monkeypatch.setattr(where, 1)
    LifeOfItems.url = redis_url
    LifeOfItems.TestCase.settings = settings(
        max_examples=5_000 if LONG else 200,
        stateful_step_count=100 if LONG else 50,
        deadline=None,
        # CI judges a change by the same examples as the change before; everybody else explores.
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    LifeOfItems.TestCase("runTest").runTest()
