"""A slice: from one bell to ended items, through whatever goes wrong."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import IO, Any

import numpy as np
import pytest
import tifffile

from shared import layout, reports
from shared.clock import ManualClock
from shared.errors import IndexUnavailable, StorageUnavailable
from shared.ids import new_id
from shared.index import MAX_ATTEMPTS, Index
from shared.index.claims import Claim
from shared.items import Item, ItemState, Refusal
from shared.jobs import Job
from shared.recipes import PIPELINE_VERSION, resolve
from shared.registry import Registry
from tests.house import LITE, House, picture
from worker import attempts, pipeline
from worker.deriving import InPlace
from worker.leases import DEADLINE_SECONDS, Leases
from worker.orders import Derivative, Order
from worker.slices import AHEAD, STRETCH, work


def submit(
    house: House, *pictures: bytes, recipe: dict[str, object] | None = None, registry: Registry | None = None
) -> Job:
    """Commits and registers a job of the given masters."""
    ledger, recipe = house.shop.ledger, recipe or {}
    job = Job(
        id=new_id(),
        tenant="default",
        created=0.0,
        model=str(recipe.get("model", "lite")),
        recipe=resolve(recipe, registry.digest_of if registry else None),
        total=len(pictures),
    )
    items = []
    for number, data in enumerate(pictures):
        digest = hashlib.sha256(data).hexdigest()
        house.store.put_if_absent(layout.master("default", digest), data)
        items.append(Item(number=number, master=digest, filename=f"{number}.png"))
    ledger.open("default", job.id)
    ledger.write_part("default", job.id, 0, items)
    ledger.commit(job)
    house.shop.index.register(job)
    return job


def states(house: House, job: Job) -> list[ItemState]:
    """The states of the job's rows."""
    return [row.state for row in reports.rows(house.shop.ledger, job)]


def test_a_bell_works_until_nothing_is_left(house: House) -> None:
    """One bell ends every item, writes the report and finished.json, and removes the marker."""
    job = submit(house, *(picture(seed=n) for n in range(5)))
    assert house.work() == 5
    assert states(house, job) == [ItemState.SUCCEEDED] * 5
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None
    assert ending.counts.succeeded == 5
    assert list(house.store.list(layout.OPEN)) == []
    assert house.shop.index.live_jobs() == []


def test_the_objects_of_an_item(house: House) -> None:
    """A derivative lies beside its sidecar and previews, under names that master and recipe give."""
    data = picture()
    job = submit(house, data)
    house.work()
    (row,) = reports.rows(house.shop.ledger, job)
    assert row.derivative is not None
    master, recipe = hashlib.sha256(data).hexdigest(), job.recipe.digest
    assert row.derivative.key == layout.derivative("default", master, recipe, "png")
    with house.store.get(row.derivative.key) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == row.derivative.sha256
    for key in (
        layout.sidecar("default", master, recipe),
        layout.preview("default", master, recipe),
        layout.master_preview("default", master),
    ):
        assert house.store.head(key) is not None, key


def test_what_is_made_is_not_made_again(house: House) -> None:
    """The same masters and recipe a second time begin nothing and store no derivative."""
    first = submit(house, picture(), picture(seed=1))
    house.work()
    before = [entry.key for entry in house.store.list("t/default/derivatives/")]
    second = submit(house, picture(), picture(seed=1))
    house.work()
    assert [entry.key for entry in house.store.list("t/default/derivatives/")] == before
    rows = list(reports.rows(house.shop.ledger, second))
    assert [(row.attempts, row.already_made) for row in rows] == [(0, True), (0, True)]
    assert [row.derivative for row in rows] == [row.derivative for row in reports.rows(house.shop.ledger, first)]


def test_bad_masters_fail_alone(house: House) -> None:
    """A damaged, a missing and a falsified master and a refused one fail with their codes; the good one succeeds."""
    gone, false = picture(seed=8), picture(seed=9)
    job = submit(house, picture(), picture()[:200], gone, false)
    for data in (gone, false):
        house.store.delete(layout.master("default", hashlib.sha256(data).hexdigest()))
    house.store.put_if_absent(layout.master("default", hashlib.sha256(false).hexdigest()), picture(seed=7))
    house.work()
    rows = list(reports.rows(house.shop.ledger, job))
    assert rows[0].state is ItemState.SUCCEEDED
    assert rows[1].code in ("truncated", "corrupt")
    assert [row.code for row in rows[2:]] == ["master_missing", "master_damaged"]


def test_a_refused_item_fails_with_its_refusal(house: House) -> None:
    """An item whose bytes the API did not keep fails with what the API said."""
    job = Job(id=new_id(), tenant="default", created=0.0, model="lite", recipe=resolve({}), total=1)
    refusal = Refusal(code="too_large", detail="The file has 9 bytes; this server accepts 8.")
    item = Item(number=0, master=None, filename="a.png", refusal=refusal)
    house.shop.ledger.write_part("default", job.id, 0, [item])
    house.shop.ledger.commit(job)
    house.shop.index.register(job)
    house.work()
    (row,) = reports.rows(house.shop.ledger, job)
    assert (row.code, row.detail, row.attempts) == (refusal.code, refusal.detail, 0)


def test_an_item_that_cost_five_workers_fails(house: House) -> None:
    """An item that was begun five times without an end is not begun again; it fails with worker_lost."""
    job = submit(house, picture())
    index = house.shop.index
    for _ in range(MAX_ATTEMPTS):
        (claim,) = index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner=house.shop.new_owner(), host="h", lease=9)
        index.begin(claim, lease=9)
        index.release(claim, charge=True)
    house.work()
    (row,) = reports.rows(house.shop.ledger, job)
    assert (row.code, row.attempts) == ("worker_lost", MAX_ATTEMPTS)


def test_an_item_that_cost_a_worker_is_tried_alone(house: House) -> None:
    """A claim with earlier attempts waits until nothing else is in flight, and then succeeds."""
    job = submit(house, *(picture(seed=n) for n in range(4)))
    index = house.shop.index
    (claim,) = index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    index.begin(claim, lease=9)
    index.release(claim, charge=True)
    assert house.work() == 4
    assert [row.attempts for row in reports.rows(house.shop.ledger, job)] == [2, 1, 1, 1]


def test_storage_trouble_is_waited_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short trouble is waited out; long trouble gives the item back, uncharged."""
    job = submit(house, picture())
    shop = replace(house.shop, clock=ManualClock())
    real, calls = attempts.masters.fetch, []

    def shaky(*args: object) -> object:
        calls.append(args)
        if len(calls) <= 2:
            raise StorageUnavailable()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(attempts.masters, "fetch", shaky)
    assert work(shop, LITE.digest) == 1
    assert [row.attempts for row in reports.rows(shop.ledger, job)] == [1]
    other = submit(house, picture(seed=1))
    calls.extend([()] * 0)
    monkeypatch.setattr(attempts.masters, "fetch", lambda *_: (_ for _ in ()).throw(StorageUnavailable()))
    assert work(shop, LITE.digest) == 0
    progress = shop.index.progress(other.id)
    assert progress is not None
    assert (progress.counts.queued, progress.counts.failed) == (1, 0)


def test_a_bug_is_charged_and_never_ends_the_slice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error costs its item an attempt and nothing to the others."""
    job = submit(house, picture(), picture(seed=1))
    real = pipeline.derive

    def buggy(source: IO[bytes], target: IO[bytes], order: Order, **kwargs: Any) -> Derivative:
        if order.master == hashlib.sha256(picture()).hexdigest():
            raise ZeroDivisionError
        return real(source, target, order, **kwargs)

    monkeypatch.setattr(pipeline, "derive", buggy)
    assert house.work() == 1
    assert [row.number for row in reports.rows(house.shop.ledger, job)] == [1]
    assert house.client.hget(f"pc:job:{job.id}:tries", "0") == b"1|0|"


def test_a_canceled_job_is_not_begun(house: House) -> None:
    """Items that were claimed when their job was canceled are let go, and the job is closed."""
    job = submit(house, picture(), picture(seed=1))
    (claim,) = house.shop.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    fetched = attempts.fetch(house.shop, claim, job, house.shop.ledger.read_item(job, 0))
    house.shop.ledger.cancel(job)
    house.shop.index.cancel(job.id)
    leases = Leases(house.shop.index, house.shop.clock, seconds=9, overdue=print)
    verdict = attempts.color(house.shop, leases, fetched)
    fetched.close()
    assert verdict == "canceled"
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None
    assert ending.counts.canceled == 2
    assert states(house, job) == [ItemState.CANCELED] * 2


def test_a_derivative_that_is_there_is_described(house: House) -> None:
    """Where another attempt has stored the derivative, its bytes are hashed and described, not ours."""
    data = picture()
    job = submit(house, data)
    master = hashlib.sha256(data).hexdigest()
    house.store.put_if_absent(layout.derivative("default", master, job.recipe.digest, "png"), b"another engine's")
    house.work()
    (row,) = reports.rows(house.shop.ledger, job)
    assert row.derivative is not None
    assert row.derivative.sha256 == hashlib.sha256(b"another engine's").hexdigest()
    assert row.derivative.size == 16


def test_an_item_that_waits_its_turn_is_not_overdue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched ahead may wait as long as the item before it takes; its own time begins with its color."""
    job = submit(house, picture(), picture(seed=1))
    clock, held, told = ManualClock(), [], []

    class Noted(Leases):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            held.append(self)

    class Slow:
        def derive(self, *args: Any, **kwargs: Any) -> Derivative:
            clock.sleep(DEADLINE_SECONDS - 10)
            held[0].renew()
            return InPlace().derive(*args, **kwargs)

    monkeypatch.setattr("worker.slices.Leases", Noted)
    monkeypatch.setattr("worker.slices._end_process", told.append)
    assert work(replace(house.shop, clock=clock, deriver=Slow()), LITE.digest) == 2
    assert told == []
    assert states(house, job) == [ItemState.SUCCEEDED] * 2


@pytest.mark.parametrize(
    ("nets", "wanted", "until"),
    [
        pytest.param([LITE.digest], ["other"], STRETCH * 30, id="one net is served"),
        pytest.param([LITE.digest, "other"], [LITE.digest], STRETCH * 30, id="nothing waits for the other"),
        pytest.param([LITE.digest, "other"], ["other"], 30, id="another net's items wait"),
        pytest.param([LITE.digest, "other"], ["third"], STRETCH * 30, id="they wait for other workers"),
    ],
)
def test_a_slice_is_over_sooner_where_another_net_is_wanted(
    house: House, monkeypatch: pytest.MonkeyPatch, nets: list[str], wanted: list[str], until: int
) -> None:
    """It claims until then, ends what it has in hand, and leaves the rest."""
    clock, each = ManualClock(), 10
    submit(house, *(picture(width=16, height=16, seed=n) for n in range(STRETCH * 30 // each + 5)))

    class Slow:
        def derive(self, *args: Any, **kwargs: Any) -> Derivative:
            clock.sleep(each)
            return InPlace().derive(*args, **kwargs)

    monkeypatch.setattr(Index, "wanted_models", lambda _: wanted)
    shop = replace(house.shop, clock=clock, deriver=Slow(), nets=dict.fromkeys(nets, house.shop.nets[LITE.digest]))
    assert until // each <= work(shop, LITE.digest) <= until // each + AHEAD


def test_each_page_has_its_own_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A book of many small pages takes as long as the net needs for them: the deadline moves with each."""
    moved, hold = [], Leases.hold

    def spy(leases: Leases, claim: Claim, until: float) -> None:
        moved.append(until)
        hold(leases, claim, until)

    monkeypatch.setattr(Leases, "hold", spy)
    counts = []
    for pages in (1, 5):
        book = io.BytesIO()
        with tifffile.TiffWriter(book) as writer:
            for page in range(pages):
                writer.write(np.full((8, 8), page * 50, np.uint8))
        submit(house, book.getvalue(), recipe={"pages": "all"})
        moved.clear()
        assert house.work() == 1
        counts.append(len(moved))
    assert counts[1] - counts[0] == 4


def test_leases_are_kept_and_end(house: House) -> None:
    """A held claim is renewed; past its deadline it is given up and told of; a lost one is dropped."""
    submit(house, picture(), picture(seed=1))
    clock, told = ManualClock(), []
    leases = Leases(house.shop.index, clock, seconds=45, overdue=told.append)
    first, second = (
        house.shop.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner=f"h/{n}", host="h", lease=9)[0]
        for n in range(2)
    )
    leases.hold(first, clock.now() + 100)
    leases.hold(second, clock.now() + 300)
    house.shop.index.release(second)
    leases.renew()
    assert house.client.zscore(f"pc:job:{first.job}:due", "0") > house.client.time()[0] * 1000 + 40_000  # type: ignore[operator]
    clock.sleep(101)
    leases.renew()
    assert told == [first]
    leases.renew()
    assert told == [first]


def test_leases_outlive_an_outage(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the index is away the renewing thread goes on."""
    submit(house, picture())
    (claim,) = house.shop.index.claim(LITE.digest, pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    calls: list[object] = []

    def away(*args: object, **_: object) -> tuple[Claim, ...]:
        calls.append(args)
        raise IndexUnavailable()

    monkeypatch.setattr(house.shop.index, "renew", away)
    with Leases(house.shop.index, house.shop.clock, seconds=0.03, overdue=print) as leases:
        leases.hold(claim, house.shop.clock.now() + 60)
        while len(calls) < 3:
            leases.hold(claim, house.shop.clock.now() + 60)
    assert len(calls) >= 3
