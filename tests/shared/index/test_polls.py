"""What pollers ask the index."""

from __future__ import annotations

import pytest
import redis

from shared.errors import IndexUnavailable
from shared.ids import new_id
from shared.index import Index
from shared.index.connection import connect
from shared.index.polls import Work
from shared.items import ItemState
from shared.jobs import Control, Job, JobState
from shared.recipes import resolve

MODEL = "a" * 64


def registered(index: Index, total: int, model: str = MODEL) -> Job:
    """A job that the index has."""
    recipe = resolve({}, lambda _: model)
    job = Job(id=new_id(), tenant="a", created=1, model="lite", recipe=recipe, total=total)
    index.register(job)
    return job


@pytest.fixture
def index(client: redis.Redis) -> Index:
    """An index without jobs."""
    return Index(client)


def test_a_pulse_beats_with_each_change(index: Index) -> None:
    """State and revision are those of the job's progress; a job that is not there has none."""
    job = registered(index, 3)
    first = index.polls.pulse(job.id)
    assert first is not None
    index.cancel(job.id)
    second, progress = index.polls.pulse(job.id), index.progress(job.id)
    assert second is not None
    assert progress is not None
    assert (second.state, second.revision) == (JobState.CANCELING, progress.revision)
    assert second.revision > first.revision
    assert index.polls.pulse(new_id()) is None


def test_many_jobs_are_read_at_once(index: Index) -> None:
    """Each has its progress in the order of the question, a missing one None."""
    jobs = [registered(index, total) for total in (1, 2, 3)]
    found = index.polls.progresses([jobs[2].id, new_id(), jobs[0].id])
    assert [each.job.total if each else None for each in found] == [3, None, 1]
    assert index.polls.progresses([]) == []


def test_work_is_added_up_over_all_jobs(index: Index) -> None:
    """Small and large jobs, two models, running items and canceled jobs are added up as one by one, in any batch."""
    large = 600
    for _ in range(large):
        registered(index, 20)
    registered(index, 4)
    registered(index, 7, "b" * 64)
    canceled = registered(index, 5, "b" * 64)
    index.claim("b" * 64, pipeline=99, owner="host/1", host="host", lease=9)
    index.cancel(canceled.id)
    work = index.polls.work()
    mine, other = work[MODEL], work["b" * 64]
    assert (mine.large, mine.small, mine.running, mine.closing) == (20 * large, 4, 0, 0)
    assert (other.large, other.small, other.running, other.closing) == (0, 6, 1, 1)
    paused = registered(index, 9, "c" * 64)
    index.control(paused.id, Control(paused=True))
    assert index.polls.work()["c" * 64] == Work(job=paused.id)
    assert index.polls.model_name(other.job) == "lite"
    assert index.polls.model_name(new_id()) is None


def test_item_states_come_from_the_bitmaps(index: Index, client: redis.Redis) -> None:
    """Each item's state is read from the bits and the leases, at any offset."""
    job = registered(index, 30)
    client.hset(f"pc:job:{job.id}", "pace", 64)
    index.claim(MODEL, pipeline=job.recipe.pipeline, owner="h/1", host="h", lease=45, most=12)
    index.complete(job.id, {3: ItemState.SUCCEEDED, 10: ItemState.FAILED})
    states = index.polls.item_states(job.id, 0, 30)
    assert states[3] is ItemState.SUCCEEDED
    assert states[10] is ItemState.FAILED
    assert states[4] is ItemState.RUNNING
    assert states[12] is ItemState.QUEUED
    assert index.polls.item_states(job.id, 9, 4) == states[9:13]


def test_an_index_that_is_away_is_said_to_be(index: Index) -> None:
    """No question is answered with a guess."""
    away = Index(connect("redis://127.0.0.1:1/0")).polls
    asks = (
        away.work,
        lambda: away.pulse("x"),
        lambda: away.bitmaps("x"),
        lambda: away.item_states("x", 0, 1),
        lambda: away.progresses(["x"]),
    )
    for ask in asks:
        with pytest.raises(IndexUnavailable):
            ask()
    assert index.polls.bitmaps("x").held == frozenset()
