"""The schedule of attempts, and the records of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import new_id
from shared.jobs import Job
from shared.recipes import resolve
from shared.storage.memory import MemoryStore
from worker.webhooks.deliveries import PAUSES, Attempt, Delivery, DeliveryState
from worker.webhooks.outbox import Outbox

HOURS = 3600


def attempt(status: int | None, at: float = 0.0) -> Attempt:
    """A call with that answer."""
    return Attempt(at=at, status=status, detail="words", seconds=1.0)


def job() -> Job:
    """A job with a webhook."""
    return Job(
        id=new_id(),
        tenant="default",
        created=0.0,
        model="lite",
        recipe=resolve({}),
        total=1,
        webhook="https://example.org/",
    )


@given(st.integers(0, 2**32), st.lists(st.sampled_from([None, 302, 400, 429, 500, 503]), min_size=10, max_size=10))
def test_the_schedule_is_that_of_standard_webhooks(seed: int, answers: list[int | None]) -> None:
    """At once, after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, each up to a tenth longer; then it has failed."""
    jitter, now, delivery = random.Random(seed), 1_000.0, Delivery()
    pauses = []
    for status in answers:
        assert delivery.state is DeliveryState.PENDING
        assert delivery.due <= now
        delivery = delivery.after(attempt(status, now), jitter=jitter)
        if delivery.state is DeliveryState.PENDING:
            pauses.append(delivery.due - now - 1.0)
            now = delivery.due
    wanted = [5, 300, 1800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS, 20 * HOURS, 24 * HOURS]
    assert list(PAUSES) == wanted
    for pause, least in zip(pauses, wanted, strict=True):
        assert least - 1e-6 <= pause <= least * 1.1 + 1e-6
    assert delivery.state is DeliveryState.FAILED
    assert delivery.tries == len(delivery.attempts) == 10


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, DeliveryState.DELIVERED),
        (202, DeliveryState.DELIVERED),
        (299, DeliveryState.DELIVERED),
        (410, DeliveryState.GONE),
        (300, DeliveryState.PENDING),
        (404, DeliveryState.PENDING),
        (None, DeliveryState.PENDING),
    ],
)
def test_an_answer_decides(status: int | None, state: DeliveryState) -> None:
    """2xx is delivered, 410 is never called again, anything else is tried again."""
    assert Delivery().after(attempt(status), jitter=random.Random(1)).state is state


def test_the_log_is_bounded() -> None:
    """However often a webhook is replayed, the newest twenty attempts are kept."""
    delivery = Delivery()
    for number in range(50):
        delivery = delivery.after(attempt(500, float(number)), jitter=random.Random(1))
        if delivery.state is DeliveryState.FAILED:
            delivery = delivery.replayed()
    assert [kept.at for kept in delivery.attempts] == [float(number) for number in range(30, 50)]


def test_a_record_is_read_as_it_was_written() -> None:
    """JSON gives the same delivery back; what lacks a field has its default, what is not understood is begun again."""
    delivery = Delivery().after(attempt(None), jitter=random.Random(1))
    assert Delivery.from_json(delivery.to_json()) == delivery
    assert Delivery.from_json({}) == Delivery()
    outbox, made = Outbox(store=MemoryStore()), job()
    for text in (b"{", b'{"later": 1}', b'{"state": "new"}'):
        outbox.store.put(f"hooks/default/{made.id}.json", text)
        assert outbox.pending("default", made.id) == Delivery()


def test_the_outbox_moves_what_ended_to_the_log() -> None:
    """A pending one is listed; one that ended is in the log alone; a replay lists it again, with its history."""
    outbox, made = Outbox(store=MemoryStore()), job()
    outbox.save(made, Delivery())
    assert [(entry.tenant, entry.job) for entry in outbox.waiting()] == [("default", made.id)]
    ended = Delivery().after(attempt(200), jitter=random.Random(1))
    outbox.save(made, ended)
    assert list(outbox.waiting()) == []
    assert outbox.pending("default", made.id) is None
    assert outbox.logged("default", made.id) == ended
    outbox.replay(made)
    again = outbox.pending("default", made.id)
    assert again is not None
    assert (again.tries, again.due, again.attempts) == (0, 0.0, ended.attempts)


def test_a_process_that_died_between_log_and_list_is_outvoted() -> None:
    """Where both records are there the log counts, unless a replay came after it."""
    outbox, made = Outbox(store=MemoryStore()), job()
    outbox.save(made, Delivery().after(attempt(200), jitter=random.Random(1)))
    outbox.store.put_if_absent(f"hooks/default/{made.id}.json", b"{}")
    assert outbox.pending("default", made.id) is None
    outbox.replay(made)
    assert outbox.pending("default", made.id) is not None
