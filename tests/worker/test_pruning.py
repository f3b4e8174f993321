"""Pruning: what no job names goes, and no submission at the same moment loses anything by it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from api.submission import Submission, submit
from shared import layout
from shared.bells import MemoryBells
from shared.clock import ManualClock
from shared.condemned import ACT_SECONDS
from shared.errors import MastersCondemned, RecordDamaged, UnknownMasters
from shared.ids import new_id
from shared.index import Index
from shared.index.connection import connect
from shared.items import Item
from shared.jobs import Counts, Ending, Job, JobState
from shared.ledger import Ledger
from shared.recipes import Recipe, resolve
from shared.registry import shipped
from shared.services import Services
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.storage.directory import DirectoryStore
from shared.storage.memory import MemoryStore
from shared.storage.s3 import S3Store
from tests.stores import Interrupted, Watched, dies_at, does_at
from worker import pruning
from worker.marks import Marks
from worker.pruning import Kind, Pruned, Pruner

DAY = 86_400.0
RECIPE = resolve({})
OTHER = resolve({"temperature": 0.5})
THREE = resolve({"candidates": [0.2, 0.4]})
NAMED, UNNAMED = (hashlib.sha256(name).hexdigest() for name in (b"named", b"unnamed"))


def in_two_days() -> ManualClock:
    """A clock by which all that is stored now is old enough to go."""
    return ManualClock(time.time() + 2 * DAY)


def fill(store: ObjectStore, master: str, *recipes: Recipe) -> list[str]:
    """Stores a master and all that a worker makes of it; returns the keys."""
    keys = [layout.master("default", master), layout.master_preview("default", master)]
    for recipe in recipes:
        keys += [
            layout.derivative("default", master, recipe.digest, "png"),
            layout.sidecar("default", master, recipe.digest),
            layout.preview("default", master, recipe.digest),
        ]
    keys.append(layout.uncertainty("default", master, RECIPE.model, RECIPE.pipeline))
    for key in keys:
        store.put(key, b"12345")
    return keys


def commit(store: ObjectStore, *masters: str, recipe: Recipe = RECIPE, ended: float | None = None) -> Job:
    """Makes a job of masters, ended at a moment if one is given."""
    ledger = Ledger(store=store)
    job = Job(id=new_id(), tenant="default", created=0.0, model="lite", recipe=recipe, total=len(masters))
    ledger.open("default", job.id)
    items = [Item(number=number, master=master, filename="a") for number, master in enumerate(masters)]
    ledger.write_part("default", job.id, 0, items)
    ledger.commit(job)
    if ended is not None:
        ledger.finish(job, Ending(state=JobState.COMPLETED, counts=Counts(), finished=ended))
    return job


def prune(
    store: ObjectStore,
    *,
    dry_run: bool = False,
    ended_before: float | None = None,
    client: redis.Redis | None = None,
    clock: ManualClock | None = None,
) -> Pruned:
    """Prunes the default tenant two days later."""
    pruner = Pruner(ledger=Ledger(store=store), clock=clock or in_two_days(), tenant="default", dry_run=dry_run)
    return pruner.run(Index(client or redis.Redis()), ended_before=ended_before)


def counts(pruned: Pruned) -> dict[str, int]:
    """How many of each kind, where there are some."""
    return {kind.value: heap.count for kind, heap in pruned.heaps.items() if heap.count}


def keys_of(store: ObjectStore) -> set[str]:
    """All keys."""
    return {info.key for info in store.list("")}


@pytest.fixture(params=["memory", "directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "directory":
        yield DirectoryStore(tmp_path / "objects", fsync=False)
    else:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        with mock_aws():
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket="photochrom")
            yield S3Store(client, "photochrom")


@pytest.fixture
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets operations on storage come in one order: who comes in the middle holds all threads up."""
    monkeypatch.setattr("worker.pruning._THREADS", 1)
    monkeypatch.setattr("api.submission._CHECKS", 1)


def test_what_no_job_names_goes(store: ObjectStore) -> None:
    """The unnamed one of two masters goes with all that was made of it; a dry run counts the same, removes nothing."""
    kept = set(fill(store, NAMED, RECIPE))
    gone = set(fill(store, UNNAMED, RECIPE, OTHER))
    commit(store, NAMED, ended=0.0)
    before = keys_of(store)
    seen = prune(store, dry_run=True)
    assert keys_of(store) == before
    assert counts(seen) == {"masters": 1, "derivatives": 4, "previews": 4}
    assert seen.heaps[Kind.DERIVATIVES].size == 20
    assert counts(prune(store)) == counts(seen)
    assert keys_of(store) == before - gone
    assert kept <= before
    assert counts(prune(store)) == {}


def test_each_recipe_of_a_master_is_named_on_its_own() -> None:
    """A derivative stays if a job has its recipe, candidates included; others of the same master go."""
    store = MemoryStore()
    each = THREE.each()
    fill(store, NAMED, RECIPE, OTHER, *each)
    commit(store, NAMED, recipe=OTHER)
    commit(store, NAMED, recipe=THREE, ended=0.0)
    assert counts(prune(store)) == {"derivatives": 2, "previews": 1}
    left = keys_of(store)
    assert layout.sidecar("default", NAMED, RECIPE.digest) not in left
    for recipe in (OTHER, *each):
        assert layout.derivative("default", NAMED, recipe.digest, "png") in left
        assert layout.preview("default", NAMED, recipe.digest) in left
    assert layout.uncertainty("default", NAMED, RECIPE.model, RECIPE.pipeline) in left


def test_nothing_young_goes() -> None:
    """What is younger than 24 hours stays, and so does all else of the same master."""
    store = MemoryStore()
    fill(store, UNNAMED, RECIPE)
    before = keys_of(store)
    prune(store, clock=ManualClock(time.time() + DAY - 60))
    assert keys_of(store) == before
    time.sleep(0.01)
    young = time.time()
    store.put(layout.preview("default", UNNAMED, OTHER.digest), b"")
    prune(store, clock=ManualClock(young + DAY - 0.001))
    assert len(keys_of(store)) == len(before) + 1
    prune(store, clock=ManualClock(time.time() + DAY + 1))
    assert keys_of(store) == set()


def test_jobs_that_ended_long_ago_are_deleted_first(client: redis.Redis) -> None:
    """With an age the older jobs go, and with them what only they named; open and younger jobs stay."""
    store = MemoryStore()
    for master in (NAMED, UNNAMED, "c" * 64):
        fill(store, master, RECIPE)
    old = commit(store, UNNAMED, NAMED, ended=1000.0)
    young, unfinished = commit(store, NAMED, ended=3000.0), commit(store, "c" * 64)
    seen = prune(store, dry_run=True, ended_before=2000.0, client=client)
    assert counts(seen) == {"jobs": 1, "masters": 1, "derivatives": 2, "previews": 3}
    assert seen.heaps[Kind.JOBS].names == [old.id]
    assert Ledger(store=store).read_job("default", old.id)
    done = prune(store, ended_before=2000.0, client=client)
    assert counts(done) == counts(seen)
    assert done.heaps[Kind.JOBS].size == seen.heaps[Kind.JOBS].size > 0
    assert set(store.children(layout.jobs("default"))) == {young.id, unfinished.id}
    assert layout.master("default", UNNAMED) not in keys_of(store)


def test_a_submission_on_its_way_names_all_there_is_of_its_masters() -> None:
    """Before job.json nobody knows the recipe: masters and derivatives of its manifest stay."""
    store = MemoryStore()
    fill(store, NAMED, RECIPE, OTHER)
    job = commit(store, NAMED)
    store.delete(layout.job("default", job.id))
    assert counts(prune(store)) == {}


def test_a_job_that_is_being_deleted_names_nothing() -> None:
    """The records that a large deletion has left do not hold its pictures."""
    store = MemoryStore()
    fill(store, UNNAMED, RECIPE)
    job = commit(store, UNNAMED, ended=0.0)
    store.put(layout.deleting("default", job.id), b"{}")
    store.delete(layout.job("default", job.id))
    assert counts(prune(store))["masters"] == 1


@pytest.mark.parametrize("left", [None, 0, 1])
def test_a_manifest_that_lacks_lines_stops_a_prune(left: int | None) -> None:
    """What a lost part of a manifest named, or the lines that a cut one lacks, cannot be told: nothing is removed."""
    store = MemoryStore()
    fill(store, NAMED, RECIPE)
    fill(store, UNNAMED, RECIPE)
    job = commit(store, UNNAMED, NAMED)
    key = layout.manifest("default", job.id, 0)
    with store.get(key) as stream:
        lines = stream.readlines()
    store.delete(key) if left is None else store.put(key, b"".join(lines[:left]))
    before = keys_of(store)
    with pytest.raises(RecordDamaged, match=key):
        prune(store)
    assert keys_of(store) == before


def test_leftovers_go() -> None:
    """Records of no job, unproved uploads, expired answers and records of dead prunes go; those of the living stay."""
    store = MemoryStore()
    job, marked = commit(store, NAMED, ended=0.0), commit(store, NAMED)
    store.delete(layout.job("default", marked.id))
    woken = layout.done_record("default", new_id(), 0, 7)
    leftovers = {
        woken,
        f"{layout.uploads('default')}1",
        layout.idempotency("default", "ab" * 32),
        f"{layout.condemned('default')}1.json",
    }
    for key in leftovers:
        store.put(key, b"{}")
    before = keys_of(store)
    assert counts(prune(store, clock=ManualClock(time.time() + DAY + 60))) == {}, "a repeat may come in this hour"
    assert counts(prune(store)) == {"leftovers": 4}
    assert keys_of(store) == before - leftovers
    assert job.id in store.children(layout.jobs("default"))


@pytest.mark.usefixtures("_one_by_one")
def test_a_death_at_any_step_hurts_nobody() -> None:
    """A prune that dies leaves no sidecar without its picture, and the next prune does the rest."""
    for step in range(99):
        store = MemoryStore()
        kept = set(fill(store, NAMED, RECIPE))
        fill(store, UNNAMED, RECIPE)
        commit(store, NAMED)
        died = False
        try:
            prune(Watched(store, dies_at(step)))
        except Interrupted:
            died = True
        left = keys_of(store)
        assert kept <= left
        if layout.sidecar("default", UNNAMED, RECIPE.digest) in left:
            assert layout.derivative("default", UNNAMED, RECIPE.digest, "png") in left
            assert layout.preview("default", UNNAMED, RECIPE.digest) in left
        prune(store)
        assert UNNAMED not in "".join(keys_of(store))
        if not died:
            assert step > 10
            return


@pytest.mark.usefixtures("_one_by_one")
def test_a_prune_that_slept_removes_nothing_more() -> None:
    """After its time a batch is left, since submissions do not wait for it any more."""
    lefts = set()
    for step in range(20):
        store, clock = MemoryStore(), in_two_days()
        keys = set(fill(store, UNNAMED, RECIPE))
        pruned = prune(Watched(store, does_at(step, lambda: clock.sleep(ACT_SECONDS))), clock=clock)  # noqa: B023
        left = keys_of(store)
        assert sum(counts(pruned).values()) == len(keys - left), "what it says is what it did"
        assert left <= keys, "the record of what is condemned goes with the batch"
        assert not left or layout.master("default", UNNAMED) in left
        lefts.add(len(left))
        prune(store)
        assert keys_of(store) == set()
    assert lefts >= {0, 1, 2, 3, 4, 5}, "it slept before each of its removals"


# A prune and a submission at the same moment.


def services(store: ObjectStore, clock: ManualClock) -> Services:
    """An API over a store, whose index is down."""
    index = Index(connect("redis://127.0.0.1:1/0"))
    ledger = Ledger(store=store)
    return Services(
        settings=Settings(host="host"),
        registry=shipped(),
        store=store,
        ledger=ledger,
        index=index,
        bells=MemoryBells(),
        clock=clock,
    )


ITEMS = (Item(number=0, master=UNNAMED, filename="a"), Item(number=1, master=NAMED, filename="b"))


def try_to_submit(store: ObjectStore, clock: ManualClock) -> Job | None:
    """Submits both masters; returns the job where that was answered with 202."""
    try:
        return submit(services(store, clock), Submission(tenant="default", model="lite", recipe=RECIPE, items=ITEMS))
    except (UnknownMasters, MastersCondemned):
        return None


def check(store: MemoryStore, job: Job | None) -> None:
    """After a 202 nothing is lost; a sidecar that the job's worker would find has its picture."""
    left = keys_of(store)
    if job is None:
        assert not [key for key in left if key.startswith((layout.OPEN, layout.jobs("default")))], "nothing half-made"
        return
    for item in ITEMS:
        assert layout.master("default", str(item.master)) in left, "a master of an accepted job is there"
        if layout.sidecar("default", str(item.master), RECIPE.digest) in left:
            assert layout.derivative("default", str(item.master), RECIPE.digest, "png") in left
            assert layout.preview("default", str(item.master), RECIPE.digest) in left


def old_masters() -> MemoryStore:
    """Two masters that nobody named for two days, and what was made of them."""
    store = MemoryStore()
    fill(store, NAMED, RECIPE)
    fill(store, UNNAMED, RECIPE)
    return store


@pytest.mark.usefixtures("_one_by_one")
def test_a_submission_at_every_step_of_a_prune() -> None:
    """Whenever it comes, it is accepted and keeps its masters, or is refused as a whole; both are seen."""
    seen = set()
    for step in range(40):
        store, clock, jobs = old_masters(), in_two_days(), []
        prune(Watched(store, does_at(step, lambda: jobs.append(try_to_submit(store, clock)))), clock=clock)  # noqa: B023
        if not jobs:
            break
        check(store, jobs[0])
        seen.add(jobs[0] is not None)
    assert seen == {True, False}
    assert step > 15


@pytest.mark.usefixtures("_one_by_one")
def test_a_prune_at_every_step_of_a_submission() -> None:
    """Whenever it comes, the submission keeps its masters or is refused as a whole; both are seen."""
    seen = set()
    for step in range(40):
        store, clock, pruned = old_masters(), in_two_days(), []
        job = try_to_submit(Watched(store, does_at(step, lambda: pruned.append(prune(store, clock=clock)))), clock)  # noqa: B023
        if not pruned:
            break
        check(store, job)
        seen.add(job is not None)
    assert seen == {True, False}
    assert step >= 6


@dataclass
class Turns:
    """Lets two threads go on by turns, an operation on storage each, as a schedule says."""

    schedule: list[bool]
    done: dict[bool, bool] = field(default_factory=lambda: {True: False, False: False})
    turn: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, who: bool) -> None:
        """Waits until the schedule names `who`, or the other has ended."""
        with self.turn:
            while not self.done[not who] and self.schedule and self.schedule[0] is not who:
                if not self.turn.wait(30):
                    raise AssertionError("nobody goes on")
            if self.schedule:
                self.schedule.pop(0)
            self.turn.notify_all()

    def end(self, who: bool) -> None:
        """Says that `who` has ended."""
        with self.turn:
            self.done[who] = True
            self.turn.notify_all()


@settings(max_examples=150, deadline=None)
@given(schedule=st.lists(st.booleans(), min_size=10, max_size=50))
def test_any_interleaving_of_a_prune_and_a_submission(schedule: list[bool]) -> None:
    """In whatever order their operations on storage come, an accepted job has what it names."""
    store, clock, turns = old_masters(), in_two_days(), Turns(schedule)
    jobs: list[Job | None] = []

    def submits() -> None:
        jobs.append(try_to_submit(Watched(store, lambda: turns.wait(True)), clock))
        turns.end(True)

    thread = threading.Thread(target=submits)
    thread.start()
    prune(Watched(store, lambda: turns.wait(False)), clock=clock)
    turns.end(False)
    thread.join()
    check(store, jobs[0])


@pytest.mark.usefixtures("_one_by_one")
def test_the_interleavings_would_show_a_careless_prune(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prune that does not say what it is about to remove loses a master of an accepted job in these tests."""

    def careless(store: ObjectStore, *_: object) -> str:
        return "pruning/default/none.json"

    monkeypatch.setattr(pruning, "condemn", careless)
    with pytest.raises(AssertionError, match="a master of an accepted job is there"):
        test_a_submission_at_every_step_of_a_prune()


def test_marks_never_lack_a_name() -> None:
    """Every name that was added is found, also where the filter is crowded; of others few are."""
    marks = Marks(1 << 14)
    names = [str(number) for number in range(2000)]
    for name in names:
        marks.add(name)
    assert all(name in marks for name in names)
    strangers = sum(str(number) in marks for number in range(2000, 12_000))
    assert strangers < 1000, "(1 - e^(-4 * 2000 / 16384))^4 = 2 %"
