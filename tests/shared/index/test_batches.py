"""Many items in one call: claimed, renewed, counted and given back."""

from __future__ import annotations

import redis

from shared.index import Index
from shared.index.claims import Audit, Closure
from shared.items import ItemState
from shared.jobs import Counts
from tests.shared.index.test_index import LEASE, claim, hasten, make_job


def test_a_claim_takes_twice_as_many_each_time_that_items_end_unbegun(index: Index) -> None:
    """What ends without being begun costs next to nothing: 1, 2, 4 items and so on, 64 at most; then one again."""
    job = make_job(400)
    index.register(job)
    sizes = []
    for _ in range(8):
        taken = claim(index, job, most=100)
        sizes.append(len(taken))
        index.complete(job.id, {each.item: ItemState.SUCCEEDED for each in taken})
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 64]
    assert len(claim(index, job, most=5)) == 5
    held = claim(index, job, most=64)
    index.begin(held[0], lease=LEASE)
    assert len(claim(index, job, most=64)) == 1
    index.complete(job.id, {held[0].item: ItemState.SUCCEEDED})
    assert len(claim(index, job, most=64)) == 1


def test_what_comes_back_slows_a_job_down(index: Index, client: redis.Redis) -> None:
    """A worker that gives items back found that they are more work: the next claim takes one."""
    job = make_job(200)
    index.register(job)
    hasten(client, job)
    held = claim(index, job, most=64)
    assert len(held) == 64
    index.release(*held[1:])
    (one,) = claim(index, job, most=64)
    assert (one.item, one.attempts) == (1, 0)
    assert index.audit(job.id)[0] is Audit.SOUND


def test_many_are_counted_as_one_by_one(index: Index, client: redis.Redis) -> None:
    """A call for many items counts each once, in whatever state, and names every part that it ends."""
    job = make_job(2001)
    index.register(job)
    hasten(client, job)
    held = claim(index, job, most=64)
    index.begin(held[3], lease=LEASE)
    states = {n: ItemState.FAILED if n % 10 == 0 else ItemState.SUCCEEDED for n in range(2000)}
    assert index.complete(job.id, states) == Closure(parts=(0, 1))
    assert index.complete(job.id, states | {2001: ItemState.FAILED, 5000: ItemState.FAILED}) == Closure()
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts == Counts(queued=1, succeeded=1800, failed=200)
    assert index.audit(job.id) == (Audit.SOUND, Closure())
    assert index.unreported_parts(job.id) == [0, 1]
    assert index.complete(job.id, {2000: ItemState.SUCCEEDED}) == Closure(parts=(2,), job=True)


def test_leases_are_renewed_together(index: Index, client: redis.Redis) -> None:
    """One call extends leases of several jobs, and tells which are lost."""
    jobs = [make_job(2), make_job(2)]
    for job in jobs:
        index.register(job)
    held = [claim(index, jobs[0], owner=f"host/{n}", lease=1)[0] for n in range(4)]
    index.release(held[2])
    assert index.renew(held, lease=LEASE) == (held[2],)
    seconds = client.time()[0]
    for each in (held[0], held[1], held[3]):
        assert client.zscore(f"pc:job:{each.job}:due", str(each.item)) > (seconds + LEASE / 2) * 1000  # type: ignore[operator]
    assert index.renew([], lease=LEASE) == ()


def test_a_small_job_waits_for_one_claim_of_a_large_one(index: Index, client: redis.Redis) -> None:
    """A job of one item behind one of 100,000 is what the next claim gives, of another tenant the next but one."""
    large = make_job(100_000)
    index.register(large)
    hasten(client, large)
    for _ in range(20):
        taken = claim(index, large, most=64)
        index.complete(large.id, {each.item: ItemState.SUCCEEDED for each in taken})
    mine, others = make_job(1), make_job(1, tenant="b")
    index.register(mine)
    index.register(others)
    assert {claim(index, large, most=64)[0].job for _ in range(2)} == {mine.id, others.id}
