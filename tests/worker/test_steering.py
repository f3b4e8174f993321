"""What was asked of a job reaches the index, whatever it races with; and how a large job comes to its end in steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from api.controls import cancel, control
from shared import reports
from shared.index.claims import Audit
from shared.items import ItemState, Refusal
from shared.jobs import Control, Job, JobState, Priority
from shared.steering import steer
from tests.house import House, picture
from tests.worker.test_settling import many
from tests.worker.test_slices import states, submit
from worker import closings, recovery, settling
from worker.settling import look
from worker.sweeper import Sweeper


def state_of(house: House, job: Job) -> JobState:
    """What the index says a job is about."""
    progress = house.shop.index.progress(job.id)
    assert progress is not None
    return progress.state


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "after_registering"])
@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (lambda house, job: house.shop.ledger.cancel(job), JobState.CANCELING),
        (lambda house, job: house.shop.ledger.control(job, paused=True), JobState.PAUSED),
    ],
    ids=["cancel", "pause"],
)
def test_a_call_in_the_middle_of_a_recovery_counts(
    house: House, monkeypatch: pytest.MonkeyPatch, moment: str, act: Callable[[House, Job], None], wanted: JobState
) -> None:
    """A job that is canceled or paused while it is being registered again is so afterwards.

    The call's own word to the index comes before the job is there, and finds nothing.
    """
    job = submit(house, picture(), picture(seed=1))
    index, standing, register = house.shop.index, recovery.standing, house.shop.index.register
    house.client.flushall()

    def do() -> None:
        act(house, job)
        index.cancel(job.id) if wanted is JobState.CANCELING else index.control(job.id, Control(paused=True))

    def read(*args: object) -> object:
        if moment == "before_reading":
            do()
        found = standing(*args)  # type: ignore[arg-type]
        if moment == "after_reading":
            do()
        return found

    def registered(*args: object) -> bool:
        added = register(*args)  # type: ignore[arg-type]
        if moment == "after_registering":
            do()
        return added

    monkeypatch.setattr(recovery, "standing", read)
    monkeypatch.setattr(index, "register", registered)
    recovery.recover(house.shop.ledger, index, "default", job.id)
    assert state_of(house, job) is wanted
    assert house.work() == 0


def test_the_last_word_counts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a pause and a resume that race the index obeys the one that storage has last, whoever tells it last."""
    job = submit(house, picture())
    ledger, index = house.shop.ledger, house.shop.index
    obey, raced = index.control, []

    def late(job_id: str, said: Control) -> JobState | None:
        if not raced:  # the other writes and tells the index while we are about to tell what we have read
            raced.append(said)
            ledger.control(job, paused=False, priority=Priority.LOW)
            obey(job_id, Control(paused=False, priority=Priority.LOW))
        return obey(job_id, said)

    monkeypatch.setattr(index, "control", late)
    ledger.control(job, paused=True)
    steer(ledger, index, job)
    assert raced == [Control(paused=True)]
    assert state_of(house, job) is JobState.QUEUED
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.priority is Priority.LOW


def test_an_item_of_a_paused_job_goes_back_uncharged(house: House) -> None:
    """What was fetched when its job was paused is not begun; it is colored after the resume, at its first attempt."""
    job = submit(house, *(picture(seed=n) for n in range(4)))
    begin, begun = house.shop.index.begin, []

    def pause_first(*args: object, **how: object) -> object:
        if not begun:
            control(house.services, "default", job.id, paused=True)
        begun.append(args)
        return begin(*args, **how)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.shop.index, "begin", pause_first)
        assert house.work() == 0
    assert house.shop.index.audit(job.id)[0] is Audit.SOUND
    assert state_of(house, job) is JobState.PAUSED
    control(house.services, "default", job.id, paused=False)
    assert house.work() == 4
    assert [row.attempts for row in reports.rows(house.shop.ledger, job)] == [1] * 4


def test_a_large_canceled_job_ends_in_steps(house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweeper writes so many reports a sweep and no more, and then the end; each item has its row."""
    monkeypatch.setattr(closings, "_REPORTED_AT_ONCE", 2)
    job = many(house, masters, 5001)
    cancel(house.services, "default", job.id)
    sweeper = house.sweeper()
    written = []
    while house.shop.ledger.read_ending(job) is None:
        sweeper.sweep()
        written.append(len(reports.parts(house.shop.ledger, job)))
    assert written == [0, 2, 4, 6]
    assert states(house, job) == [ItemState.CANCELED] * 5001
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None
    assert (ending.state, ending.counts.canceled) == (JobState.CANCELED, 5001)


def test_a_job_that_was_rebuilt_is_sealed_in_steps(
    house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a canceled job that came back from storage every open item gets a record, so many a sweep."""
    monkeypatch.setattr(closings, "_SEALED_AT_ONCE", 900)
    job = many(house, masters, 2001)
    house.client.flushall()
    sweeper = house.sweeper()
    sweeper.sweep()
    cancel(house.services, "default", job.id)
    sealed = []
    while house.shop.ledger.read_ending(job) is None:
        sweeper.sweep()
        progress = house.shop.index.progress(job.id)
        assert progress is not None
        sealed.append(sum(len(house.shop.ledger.done_numbers(job, part)) for part in range(3)))
    assert sealed == [0, 900, 1800, 2001]
    assert states(house, job) == [ItemState.CANCELED] * 2001


def test_nobody_waits_for_the_next_step_of_an_end(
    house: House, masters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A canceled job that came back from storage takes many steps to its end, but no more sweeps than another."""
    monkeypatch.setattr(closings, "_SEALED_AT_ONCE", 100)
    job = many(house, masters, 2001)
    house.shop.ledger.cancel(job)
    house.client.flushall()
    sweeps: list[bool] = []

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            # Between two steps it only draws breath.
            return len(sweeps) >= 2 and (timeout or 0) > 1

    sweep = Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", lambda sweeper: sweeps.append(sweep(sweeper)))
    house.sweeper().run(Impatient())
    ending = house.shop.ledger.read_ending(job)
    assert ending is not None
    assert ending.counts.canceled == 2001
    assert states(house, job) == [ItemState.CANCELED] * 2001


def test_a_recovery_reads_parts_with_and_without_reports(house: House, masters: list[str]) -> None:
    """A job of which some parts are closed, one is begun and one is not comes back as its records have it."""
    job = many(house, masters, 3500)
    index = house.shop.index
    rows = [house.shop.ledger.read_item(job, number) for number in (0, 1000)]
    for first, count in ((0, 1000), (1000, 10)):
        _, outcome = look(house.shop, job, rows[first // 1000])
        assert outcome
        house.shop.ledger.end_items(job, [replace(outcome, number=first + n) for n in range(count)])
    house.client.flushall()
    recovery.recover(house.shop.ledger, index, "default", job.id)
    progress = index.progress(job.id)
    assert progress is not None
    assert progress.counts.succeeded == 1010
    assert reports.parts(house.shop.ledger, job) == {0}
    house.client.flushall()
    recovery.recover(house.shop.ledger, index, "default", job.id)
    assert house.work() == 2490
    assert states(house, job) == [ItemState.SUCCEEDED] * 3500


def test_what_is_sealed_reads_canceled(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a canceled job is closed its sealed items are canceled for whoever looks, after a rebuilding, too."""
    monkeypatch.setattr(closings, "_SEALED_AT_ONCE", 2)
    job = submit(house, *(picture(seed=n) for n in range(5)))
    index, http, path = house.shop.index, house.http(), f"/v1/jobs/{job.id}"
    held = [index.claim(job.recipe.model, pipeline=9, owner=f"h/{n}", host="h", lease=9)[0] for n in range(3)]
    _, made = look(house.shop, job, replace(house.shop.ledger.read_item(job, 0), refusal=Refusal(code="a", detail="b")))
    assert made
    settling.end(house.shop, job, [made])
    cancel(house.services, "default", job.id)
    index.release(*held[1:2])
    closure = index.release(*held[2:])
    closings.close(house.shop.ledger, index, house.shop.clock, job, closure)
    assert state_of(house, job) is JobState.CANCELING
    for _ in range(2):
        rows = http.get(f"{path}/items").json["items"]
        assert [row["state"] for row in rows] == ["failed", *["canceled"] * 4]
        assert http.get(f"{path}/states").data == bytes([0b10_11_11_11, 0b11_00_00_00])
        assert len(http.get(f"{path}/items?state=canceled").json["items"]) == 4
        assert http.get(f"{path}/items?state=succeeded").json["items"] == []
        house.client.flushall()
        recovery.recover(house.shop.ledger, index, "default", job.id)
    assert index.audit(job.id)[0] is Audit.SOUND
