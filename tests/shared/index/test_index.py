"""The index over a real Valkey."""

from __future__ import annotations

import redis

from shared.ids import new_id
from shared.index import MAX_ATTEMPTS, Index
from shared.index.claims import Audit, Begin, Claim, Closure, Standing, bitmap
from shared.index.hosts import Host
from shared.items import ItemState
from shared.jobs import Counts, Job, JobState
from shared.recipes import resolve
from worker.slices import STRETCH

LEASE = 45.0


def make_job(total: int = 3, *, tenant: str = "default", created: float = 1.7e9) -> Job:
    """A job of the default recipe."""
    return Job(id=new_id(), tenant=tenant, created=created, model="lite", recipe=resolve({}), total=total)


def claim(index: Index, job: Job, *, owner: str = "host/1/1", lease: float = LEASE, most: int = 1) -> tuple[Claim, ...]:
    """Claims for the job's model."""
    model, pipeline = job.recipe.model, job.recipe.pipeline
    return index.claim(model, pipeline=pipeline, owner=owner, host="host", lease=lease, most=most)


def hasten(client: redis.Redis, job: Job) -> None:
    """Lets a claim take many items of the job, as if many had ended without being begun."""
    client.hset(f"pc:job:{job.id}", "pace", 64)


def end(index: Index, job: Job, number: int, state: ItemState = ItemState.SUCCEEDED) -> Closure:
    """Completes an item."""
    return index.complete(job.id, {number: state})


def make_due(client: redis.Redis, job: Job) -> None:
    """Lets every lease and wait of the job run out now."""
    for member in client.zrange(f"pc:job:{job.id}:due", 0, -1):
        client.zadd(f"pc:job:{job.id}:due", {member: 0})
    if client.zscore("pc:waiting", job.id) is not None:
        client.zadd("pc:waiting", {job.id: 0})


def test_register_is_idempotent(index: Index) -> None:
    """A job that is registered again stays as it is."""
    job = make_job()
    assert index.register(job)
    claim(index, job)
    assert not index.register(job)
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.job == job
    assert progress.counts == Counts(queued=2, running=1)


def test_claim_hands_out_each_item_once(index: Index) -> None:
    """Claims go through the items in order and then find nothing."""
    job = make_job(3)
    index.register(job)
    assert [c.item for _ in range(3) for c in claim(index, job)] == [0, 1, 2]
    assert claim(index, job) == ()


def test_claim_of_many_takes_from_one_job(index: Index, client: redis.Redis) -> None:
    """A claim of many items takes them from a single job."""
    first, second = make_job(3), make_job(3)
    index.register(first)
    index.register(second)
    hasten(client, first)
    hasten(client, second)
    taken = claim(index, first, most=10)
    assert {c.job for c in taken} == {first.id}
    assert [c.item for c in taken] == [0, 1, 2]


def test_complete_counts_once(index: Index) -> None:
    """A duplicate cannot move a count."""
    job = make_job(2)
    index.register(job)
    claim(index, job)
    assert end(index, job, 0) == Closure()
    assert end(index, job, 0, ItemState.FAILED) == Closure()
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts == Counts(queued=1, succeeded=1)


def test_the_last_item_ends_part_and_job(index: Index) -> None:
    """Whoever completes the last open item is told that part and job have ended."""
    job = make_job(1001)
    index.register(job)
    replies = [end(index, job, n) for n in range(1001)]
    assert {n: reply.parts for n, reply in enumerate(replies) if reply.parts} == {999: (0,), 1000: (1,)}
    assert [n for n, reply in enumerate(replies) if reply.job] == [1000]
    assert index.unreported_parts(job.id) == [0, 1]


def test_begin_counts_attempts_and_is_idempotent(index: Index) -> None:
    """A begin whose answer was lost may be repeated by the same owner without a second attempt."""
    job = make_job(1)
    index.register(job)
    (held,) = claim(index, job)
    assert index.begin(held, lease=LEASE) == (Begin.BEGUN, 1, Closure())
    assert index.begin(held, lease=LEASE) == (Begin.BEGUN, 1, Closure())


def test_an_unbegun_item_is_free_when_its_lease_ends(index: Index, client: redis.Redis) -> None:
    """An item that was only claimed is claimed again at once and charged with nothing."""
    job = make_job(1)
    index.register(job)
    (first,) = claim(index, job)
    make_due(client, job)
    (second,) = claim(index, job, owner="host/2/1")
    assert second.attempts == 0
    assert index.begin(first, lease=LEASE)[0] is Begin.LOST
    assert index.renew([first, second], lease=LEASE) == (first,)


def test_a_begun_item_waits_and_is_tried_alone(index: Index, client: redis.Redis) -> None:
    """An item whose worker died waits before it is claimed again, and the claim says that it is to be tried alone."""
    job = make_job(1)
    index.register(job)
    (held,) = claim(index, job)
    index.begin(held, lease=LEASE)
    make_due(client, job)
    assert claim(index, job) == ()
    ((_, due),) = client.zrange(f"pc:job:{job.id}:due", 0, -1, withscores=True)
    seconds, micros = client.time()
    assert 0.9 < due / 1000 - (seconds + micros / 1e6) < 2.1
    make_due(client, job)
    (again,) = claim(index, job)
    assert again.alone
    assert again.attempts == 1


def test_an_item_is_begun_at_most_five_times(index: Index, client: redis.Redis) -> None:
    """After five begins without an end the sixth is refused."""
    job = make_job(1)
    index.register(job)
    for attempt in range(MAX_ATTEMPTS):
        (held,) = claim(index, job, owner=f"host/{attempt}/1")
        assert index.begin(held, lease=LEASE)[:2] == (Begin.BEGUN, attempt + 1)
        make_due(client, job)
        assert claim(index, job) == ()
        make_due(client, job)
    (held,) = claim(index, job)
    assert index.begin(held, lease=LEASE)[0] is Begin.EXHAUSTED


def test_release_gives_an_item_back(index: Index) -> None:
    """A released item is claimable at once; its attempt is charged where that is asked for, begun or not."""
    job = make_job(1)
    index.register(job)
    (held,) = claim(index, job)
    index.begin(held, lease=LEASE)
    index.release(held)
    (again,) = claim(index, job)
    assert again.attempts == 0
    index.begin(again, lease=LEASE)
    index.release(again, charge=True)
    (third,) = claim(index, job)
    assert third.attempts == 1
    index.release(third, charge=True)
    assert claim(index, job)[0].attempts == 2


def test_release_with_a_wait_keeps_the_item_back(index: Index) -> None:
    """An item that is released with a wait is not claimable before it is over."""
    job = make_job(1)
    index.register(job)
    (held,) = claim(index, job)
    index.release(held, wait=60)
    assert claim(index, job) == ()


def test_cancel_stops_what_has_not_begun(index: Index) -> None:
    """A canceled job refuses begins, hands out nothing and can be closed when nobody holds an item."""
    job = make_job(3)
    index.register(job)
    (begun,) = claim(index, job)
    index.begin(begun, lease=LEASE)
    (waiting,) = claim(index, job)
    assert index.cancel(job.id) == (JobState.CANCELING, Closure())
    assert claim(index, job) == ()
    assert index.begin(waiting, lease=LEASE) == (Begin.CANCELED, 0, Closure())
    assert end(index, job, begun.item) == Closure(job=True)
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts == Counts(succeeded=1, canceled=2)


def test_finish_takes_the_job_off_the_live_ones(index: Index, client: redis.Redis) -> None:
    """A finished job keeps its state for an hour and is worked on no more."""
    job = make_job(1)
    index.register(job)
    end(index, job, 0)
    assert index.finish(job.id, JobState.COMPLETED)
    assert not index.finish(job.id, JobState.COMPLETED)
    assert index.live_jobs() == []
    assert 3500 < client.ttl(f"pc:job:{job.id}") <= 3600
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.state is JobState.COMPLETED


def test_an_ended_job_counts_nothing_more(index: Index, client: redis.Redis) -> None:
    """Whoever comes after the end moves no count, not even where the bits are lost."""
    job = make_job(1)
    index.register(job)
    end(index, job, 0)
    index.finish(job.id, JobState.COMPLETED)
    client.delete(f"pc:job:{job.id}:done")
    assert end(index, job, 0) == Closure()
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts == Counts(succeeded=1)


def test_register_from_storage_hands_out_the_rest(index: Index, client: redis.Redis) -> None:
    """A job registered with a standing hands out only what is not done, and its counts are those of the bits."""
    job = make_job(20)
    standing = Standing(done=bitmap([0, 1, 2, 9, 19], 20), failed=bitmap([9], 20), succeeded=4)
    index.register(job, standing)
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts == Counts(queued=15, succeeded=4, failed=1)
    hasten(client, job)
    assert [c.item for c in claim(index, job, most=20)] == [3, 4, 5, 6, 7, 8, *range(10, 19)]
    assert index.audit(job.id) == (Audit.SOUND, Closure())


def test_audit_drops_a_job_that_does_not_add_up(index: Index, client: redis.Redis) -> None:
    """A job whose bits and counts contradict each other is dropped, so that storage can give it back."""
    job = make_job(5)
    index.register(job)
    claim(index, job)
    assert index.audit(job.id)[0] is Audit.SOUND
    client.delete(f"pc:job:{job.id}:due")
    assert index.audit(job.id)[0] is Audit.DROPPED
    assert index.progress(job.id) is None
    assert index.audit(job.id)[0] is Audit.UNKNOWN
    assert index.register(job)


def test_books_that_do_not_balance_end_no_job(index: Index, client: redis.Redis) -> None:
    """A job whose done bits were lost cannot be closed on its counts, however they add up."""
    job = make_job(2)
    index.register(job)
    end(index, job, 0)
    client.delete(f"pc:job:{job.id}:done")
    assert end(index, job, 0) == Closure()
    assert index.audit(job.id)[0] is Audit.DROPPED


def test_small_jobs_go_first_but_bulk_gets_every_eighth_claim(index: Index) -> None:
    """Within a tenant small jobs go first, and large ones cannot starve."""
    large = make_job(1000)
    index.register(large)
    smalls = [make_job(10) for _ in range(3)]
    for job in smalls:
        index.register(job)
    order = [claim(index, large)[0].job == large.id for _ in range(16)]
    assert [n for n, bulk in enumerate(order, start=1) if bulk] == [8, 16]


def test_tenants_take_turns(index: Index) -> None:
    """Two tenants get every second claim each, however many jobs one of them has."""
    mine = [make_job(100, tenant="a") for _ in range(5)]
    other = make_job(100, tenant="b")
    for job in [*mine, other]:
        index.register(job)
    tenants = [claim(index, other)[0].tenant for _ in range(10)]
    assert tenants.count("a") == tenants.count("b") == 5


def test_a_newer_pipeline_is_left_to_newer_workers(index: Index) -> None:
    """A worker claims jobs of its own or an older pipeline version."""
    job = make_job()
    index.register(job)
    model, pipeline = job.recipe.model, job.recipe.pipeline
    assert index.claim(model, pipeline=pipeline - 1, owner="host/1", host="host", lease=LEASE) == ()
    assert index.claim(model, pipeline=pipeline + 1, owner="host/1", host="host", lease=LEASE)


def test_a_draining_host_claims_nothing(index: Index, client: redis.Redis) -> None:
    """The drain mark of a host stops its claims and nobody else's, for longer than the longest slice may last."""
    job = make_job()
    index.register(job)
    index.hosts.drain("host")
    assert claim(index, job) == ()
    assert int(str(client.ttl("pc:drain:host"))) > STRETCH * 60
    index.hosts.undrain("host")
    assert claim(index, job)


def test_hosts_are_live_for_a_minute(index: Index, client: redis.Redis) -> None:
    """A host counts while its announcement holds, and its slots with it."""
    host = Host(name="a", slots=2, models={"lite": "f" * 64}, engine="cv2", pipeline=1)
    index.hosts.announce(host)
    assert index.hosts.live() == (host,)
    assert index.hosts.slots("f" * 64) == 2
    assert index.hosts.slots("0" * 64) == 0
    client.delete("pc:host:a")
    assert index.hosts.live() == ()


def test_wanted_models_have_work_now(index: Index, client: redis.Redis) -> None:
    """A model is wanted while a job of it can be claimed from, and again when a wait is over."""
    job = make_job(1)
    assert index.wanted_models() == []
    index.register(job)
    assert index.wanted_models() == [job.recipe.model]
    claim(index, job)
    assert index.wanted_models() == []
    make_due(client, job)
    assert index.wanted_models() == [job.recipe.model]


def test_newest_pages_through_a_tenants_jobs(index: Index) -> None:
    """Jobs are listed newest first, from a cursor on, a tenant at a time."""
    jobs = [make_job(created=1.7e9 + n) for n in range(5)]
    for job in jobs:
        index.register(job)
    index.register(make_job(tenant="b"))
    ids = [job.id for job in reversed(jobs)]
    assert index.newest("default", before=None, limit=3) == ids[:3]
    assert index.newest("default", before=ids[2], limit=3) == ids[3:]
    assert index.newest("default", before="nobody", limit=3) == []


def test_only_one_sweeper_leads(index: Index) -> None:
    """The lock has one owner, who can keep it."""
    assert index.lead("a", 10)
    assert not index.lead("b", 10)
    assert index.lead("a", 10)


def test_a_revision_grows_with_every_change_and_over_a_rebuild(index: Index, client: redis.Redis) -> None:
    """A rebuilt job does not fall back behind a revision that a client has seen."""
    job = make_job(3)

    def revision() -> int:
        progress = index.progress(job.id)
        assert progress is not None
        return progress.revision

    index.register(job)
    seen = [revision()]
    (held,) = claim(index, job)
    seen.append(revision())
    index.begin(held, lease=LEASE)
    seen.append(revision())
    end(index, job, 0)
    seen.append(revision())
    client.flushall()
    index.register(job, Standing(done=bitmap([0], 3), succeeded=1))
    seen.append(revision())
    assert seen == sorted(set(seen))
