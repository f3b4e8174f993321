"""What is asked of a job: priority, pause, resume."""

from __future__ import annotations

from dataclasses import replace

from api.job_views import JobView
from shared.index import Index
from shared.index.claims import Audit, Begin, Closure, Standing, bitmap
from shared.jobs import Control, Counts, Job, JobState, Priority
from tests.shared.index.test_index import LEASE, claim, end, make_job


def control(index: Index, job: Job, *, paused: bool = False, priority: Priority = Priority.NORMAL) -> JobState | None:
    """Says what is asked of a job."""
    return index.control(job.id, Control(paused=paused, priority=priority))


def state_of(index: Index, job: Job) -> JobState:
    """What the index says a job is about."""
    progress = index.progress(job.id)
    assert progress is not None
    return progress.state


def test_priority_decides_within_a_tenant_and_a_class(index: Index) -> None:
    """High before normal before low, jobs of the same priority in turn; small jobs before large ones all the same."""
    jobs = {name: make_job(40) for name in ("low", "normal", "other", "high")}
    for name, job in jobs.items():
        index.register(replace(job, priority=Priority(name) if name != "other" else Priority.NORMAL))
    small = replace(make_job(1), priority=Priority.LOW)
    index.register(small)
    names = {job.id: name for name, job in jobs.items()} | {small.id: "small"}
    order = [names[claim(index, small)[0].job] for _ in range(1 + 40 + 4)]
    assert order == ["small", *["high"] * 40, *["normal", "other"] * 2]
    control(index, jobs["low"], priority=Priority.HIGH)
    assert [names[claim(index, small)[0].job] for _ in range(2)] == ["low", "low"]
    control(index, jobs["low"], priority=Priority.LOW)
    assert names[claim(index, small)[0].job] == "normal"
    progress = index.progress(jobs["low"].id)
    assert progress is not None
    assert progress.priority is Priority.LOW


def test_a_pause_is_no_work(index: Index) -> None:
    """The time left is told by the rate since the job was resumed, and not before there is one."""
    job = make_job(10)
    index.register(job)
    for _ in range(4):
        end(index, job, claim(index, job)[0].item)
    control(index, job, paused=True)
    assert control(index, job) is JobState.RUNNING
    resumed = index.progress(job.id)
    assert resumed is not None
    assert resumed.started is not None
    assert JobView(progress=resumed, waiting_for=None).eta_seconds(resumed.started + 10) is None
    end(index, job, claim(index, job)[0].item)
    later = index.progress(job.id)
    assert later is not None
    assert JobView(progress=later, waiting_for=None).eta_seconds(resumed.started + 10) == 50
    paused = replace(later, state=JobState.PAUSED)
    assert JobView(progress=paused, waiting_for=None).eta_seconds(resumed.started + 10) is None


def test_no_priority_starves_another_tenant(index: Index) -> None:
    """A tenant whose jobs are all of high priority gets every second claim beside one whose job is low."""
    for tenant, priority in (("a", Priority.HIGH), ("a", Priority.HIGH), ("b", Priority.LOW)):
        index.register(replace(make_job(100, tenant=tenant), priority=priority))
    job = make_job()
    assert [claim(index, job)[0].tenant for _ in range(6)].count("b") == 3


def test_pause_stops_what_has_not_begun(index: Index) -> None:
    """A paused job hands out nothing and refuses begins; what has begun ends; resume lets the rest go on."""
    job = make_job(3)
    index.register(job)
    (begun,), (claimed,) = claim(index, job), claim(index, job, owner="host/2/1")
    index.begin(begun, lease=LEASE)
    assert control(index, job, paused=True) is JobState.PAUSED
    assert claim(index, job) == ()
    assert index.wanted_models() == []
    assert index.begin(begun, lease=LEASE) == (Begin.BEGUN, 1, Closure()), "its first answer may have been lost"
    assert index.begin(claimed, lease=LEASE) == (Begin.PAUSED, 0, Closure())
    end(index, job, begun.item)
    progress = index.progress(job.id)
    assert progress is not None
    assert (progress.state, progress.counts) == (JobState.PAUSED, Counts(queued=2, succeeded=1))
    assert index.audit(job.id) == (Audit.SOUND, Closure())
    assert claim(index, job) == ()
    assert control(index, job) is JobState.RUNNING
    assert [claim(index, job)[0].item for _ in range(2)] == [claimed.item, 2]


def test_a_paused_job_may_end(index: Index) -> None:
    """A job that was paused while its last item was in hand is complete once that has ended."""
    job = make_job(1)
    index.register(job)
    (held,) = claim(index, job)
    index.begin(held, lease=LEASE)
    control(index, job, paused=True)
    assert end(index, job, 0) == Closure(parts=(0,), job=True)
    assert index.finish(job.id, JobState.COMPLETED)
    assert control(index, job) is JobState.COMPLETED


def test_a_paused_job_may_be_canceled(index: Index) -> None:
    """Cancel comes before pause, and nothing that is asked afterwards changes it."""
    job = make_job(2)
    index.register(job)
    control(index, job, paused=True)
    assert index.cancel(job.id) == (JobState.CANCELING, Closure(job=True))
    assert control(index, job, paused=True) is JobState.CANCELING
    assert control(index, job) is JobState.CANCELING
    assert claim(index, job) == ()


def test_resume_of_a_job_of_which_nothing_began(index: Index) -> None:
    """It is queued again; what nobody asked for changes no revision; a job that is not there is told of."""
    job = make_job(2)
    index.register(job)
    control(index, job, paused=True)
    assert control(index, job) is JobState.QUEUED
    before = index.progress(job.id)
    control(index, job)
    assert index.progress(job.id) == before
    assert control(index, make_job()) is None


def test_a_job_comes_back_as_it_was_steered(index: Index) -> None:
    """A job that is registered from storage is paused and has the priority that was asked for."""
    job = make_job(40)
    control_of = Control(paused=True, priority=Priority.HIGH)
    index.register(job, Standing(done=bitmap([0], 40), succeeded=1, control=control_of))
    assert claim(index, job) == ()
    assert state_of(index, job) is JobState.PAUSED
    other = make_job(40)
    index.register(other)
    control(index, job, priority=Priority.HIGH)
    assert state_of(index, job) is JobState.RUNNING
    assert {claim(index, job)[0].job for _ in range(3)} == {job.id}
