"""From the end of a job to its receiver: nothing is lost whatever dies, and nobody waits for the dead."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from photochrom import verify_webhook
from shared import layout
from shared.clock import ManualClock
from shared.deletion import delete
from shared.errors import StorageUnavailable
from shared.ids import new_id
from shared.index import Index
from shared.items import Item, ItemState
from shared.jobs import Job
from shared.ledger import Ledger
from shared.outcomes import success
from shared.recipes import resolve
from shared.storage import ObjectStore
from shared.storage.memory import MemoryStore
from shared.webhooks import Rules
from tests.house import House, make_house
from tests.worker.webhooks.receivers import OK, Receiver, says, status
from worker import closings
from worker.sweeper import Sweeper
from worker.webhooks import courier as courier_module
from worker.webhooks.courier import LANES, TENANT_LANES, Courier, open_courier
from worker.webhooks.deliveries import DeliveryState
from worker.webhooks.events import event_id
from worker.webhooks.outbox import Outbox
from worker.webhooks.signing import Secrets

HOME = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def house(client: redis.Redis) -> House:
    """A house with a clock that stands still."""
    house = make_house(client)
    return replace(house, shop=replace(house.shop, clock=ManualClock(1_795_000_000.0)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with Receiver(manners=says(OK)).listening() as receiver:
        yield receiver


def submit(house: House, url: str, *, tenant: str = "default") -> Job:
    """Commits and registers a job of one item that tells `url` of its end."""
    job = Job(id=new_id(), tenant=tenant, created=0.0, model="lite", recipe=resolve({}), total=1, webhook=url)
    item = Item(number=0, master="ab" * 32, filename="0.png")
    house.shop.ledger.open(tenant, job.id)
    house.shop.ledger.write_part(tenant, job.id, 0, [item])
    house.shop.ledger.commit(job)
    house.shop.index.register(job)
    house.shop.ledger.end_item(job, success(item))
    return job


def end(house: House, url: str, *, tenant: str = "default") -> Job:
    """The same, and brings it to its end."""
    job = submit(house, url, tenant=tenant)
    house.shop.index.complete(job.id, {0: ItemState.SUCCEEDED})
    assert closings.close_job(house.shop.ledger, house.shop.index, house.shop.clock, job)
    return job


def at(receiver: Receiver) -> str:
    """The receiver's address as a webhook."""
    return f"http://hooks.example.org:{receiver.port}/in"


def courier(house: House, *receivers: Receiver, seconds: float = 10.0) -> Courier:
    """A courier that may call these receivers, and finds them under every name."""
    made = open_courier(house.shop)
    rules = Rules(allowed=HOME, ports=frozenset(receiver.port for receiver in receivers), insecure=True)
    return replace(
        made,
        sender=replace(
            made.sender, rules=rules, clock=house.shop.clock, resolve=lambda name: ["127.0.0.1"], seconds=seconds
        ),
    )


def look(made: Courier) -> None:
    """One look, and everything that it sets off."""
    made.look()
    made.settle()


def state(house: House, job: Job) -> DeliveryState | None:
    """What the log says."""
    logged = Outbox(store=house.store).logged(job.tenant, job.id)
    return logged.state if logged else None


def test_an_ended_job_is_told(house: House, receiver: Receiver) -> None:
    """The receiver gets a signed event with the job as the API shows it; the log says delivered, the list is empty."""
    job = end(house, at(receiver))
    look(courier(house, receiver))
    (head,), (body,) = receiver.heads(), receiver.bodies()
    (secret,) = Secrets(store=house.store, clock=house.shop.clock).current("default")
    event = verify_webhook(secret.text, head, body, now=house.shop.clock.now())
    assert event["type"] == "job.completed"
    shown = house.http().get(f"/v1/jobs/{job.id}").json
    seen = event["data"]
    own = {"finished_at", "links"}
    assert {name: seen[name] for name in seen.keys() - own} == {name: shown[name] for name in seen.keys() - own}
    assert seen["links"].items() <= shown["links"].items()
    assert event["timestamp"] == seen["finished_at"]
    assert head["webhook-id"] == event_id(job)
    assert state(house, job) is DeliveryState.DELIVERED
    assert list(house.store.list(layout.HOOKS)) == []
    look(courier(house, receiver))
    assert len(receiver.requests) == 1


def test_a_canceled_job_is_told(house: House, receiver: Receiver) -> None:
    """A job that was canceled says so."""
    job = submit(house, at(receiver))
    house.store.delete(layout.done_record("default", job.id, 0, 0))
    house.shop.ledger.cancel(job)
    house.shop.index.cancel(job.id)
    closings.close_job(house.shop.ledger, house.shop.index, house.shop.clock, job)
    look(courier(house, receiver))
    event = json.loads(receiver.bodies()[0])
    assert (event["type"], event["data"]["counts"]["canceled"]) == ("job.canceled", 1)


def test_a_job_without_a_webhook_tells_nobody(house: House) -> None:
    """Nothing is put up for delivery, and no secret is made."""
    job = replace(submit(house, "https://example.org/"), webhook=None)
    house.shop.index.complete(job.id, {0: ItemState.SUCCEEDED})
    closings.close_job(house.shop.ledger, house.shop.index, house.shop.clock, job)
    assert list(house.store.list(layout.HOOKS)) == []
    assert house.store.head(layout.webhook_secrets("default")) is None


def test_a_failed_attempt_is_repeated_with_the_same_bytes(house: House) -> None:
    """The id and the body stay, the time is new; between the attempts nothing is called."""
    with Receiver(manners=says(status(500), status(503), OK)).listening() as receiver:
        job, made = end(house, at(receiver)), courier(house, receiver)
        for pause in (0, 4, 2, 299, 32):
            house.shop.clock.sleep(pause)
            look(made)
    assert len(receiver.requests) == 3
    assert len(set(receiver.bodies())) == 1
    heads = receiver.heads()
    assert len({head["webhook-id"] for head in heads}) == 1
    assert len({head["webhook-timestamp"] for head in heads}) == 3
    logged = Outbox(store=house.store).logged("default", job.id)
    assert logged is not None
    assert [attempt.status for attempt in logged.attempts] == [500, 503, 200]


def test_gone_is_gone(house: House) -> None:
    """A receiver that answers 410 is not called again, until an operator asks for it."""
    with Receiver(manners=says(status(410), OK)).listening() as receiver:
        job, made = end(house, at(receiver)), courier(house, receiver)
        look(made)
        house.shop.clock.sleep(1e6)
        look(made)
        assert (len(receiver.requests), state(house, job)) == (1, DeliveryState.GONE)
        Outbox(store=house.store).replay(job)
        look(made)
        assert (len(receiver.requests), state(house, job)) == (2, DeliveryState.DELIVERED)


def test_a_replay_is_noticed_while_an_attempt_is_waited_for(house: House) -> None:
    """What the courier remembers of a webhook is dropped when its record changes."""
    with Receiver(manners=says(status(500), OK)).listening() as receiver:
        job, made = end(house, at(receiver)), courier(house, receiver)
        look(made)
        look(made)
        assert len(receiver.requests) == 1
        Outbox(store=house.store).replay(job)
        look(made)
    assert state(house, job) is DeliveryState.DELIVERED


def test_a_deleted_job_is_told_to_nobody(house: House, receiver: Receiver) -> None:
    """Deletion takes the webhook back; one that comes late finds no job and goes."""
    job = end(house, at(receiver))
    assert delete(house.shop.ledger, house.shop.index, "default", job.id)
    assert list(house.store.list(layout.HOOKS)) == []
    house.store.put(layout.hook("default", job.id), b"{}")
    look(courier(house, receiver))
    assert list(house.store.list(layout.HOOKS)) == []
    assert receiver.requests == []


def test_a_job_that_is_deleted_while_it_is_told_leaves_nothing(house: House) -> None:
    """The log of a webhook does not outlive its job."""
    jobs: list[Job] = []

    def deletes(connection: socket.socket) -> None:
        delete(house.shop.ledger, house.shop.index, "default", jobs[0].id)
        connection.sendall(OK)

    with Receiver(manners=deletes).listening() as receiver:
        jobs.append(end(house, at(receiver)))
        look(courier(house, receiver))
    assert len(receiver.requests) == 1
    assert list(house.store.list(layout.HOOKS)) == []
    assert list(house.store.list(layout.job_folder("default", jobs[0].id))) == []


def test_two_couriers_leave_one_end(house: House) -> None:
    """The lead changes during a call: one is answered 500 after the other was answered 200. It was delivered."""
    both, first_done = threading.Event(), threading.Event()
    answers = [status(500), OK]

    def manners(connection: socket.socket) -> None:
        answer = answers.pop(0)
        if answer is not OK:
            both.set()
            first_done.wait(60)
        connection.sendall(answer)

    with Receiver(manners=manners).listening() as receiver:
        job = end(house, at(receiver))
        old, new = courier(house, receiver), courier(house, receiver)
        old.look()
        assert both.wait(60)
        look(new)
        first_done.set()
        old.settle()
        look(new)
        house.shop.clock.sleep(1e6)
        look(new)
    assert len(receiver.requests) == 2
    assert state(house, job) is DeliveryState.DELIVERED
    assert list(house.store.list(layout.HOOKS)) == []


class Died(BaseException):
    """A process is gone."""


class Mortal:
    """A process's view of a storage: it dies at its n-th change, just before or just after it."""

    def __init__(self, store: ObjectStore, *, dies_at: int, after: bool) -> None:
        self._store, self._left, self._after = store, dies_at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._mortal(method) if name in ("put", "put_if_absent", "delete") else method

    def _mortal(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Died
            result = method(*args, **kwargs)
            if self._left <= 0:
                raise Died
            return result

        return change


#: More changes than the end of a job with a webhook makes.
CHANGES = 10


@pytest.mark.parametrize("wiped", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, CHANGES))
def test_the_end_of_a_job_is_told_wherever_its_closer_dies(
    house: House, receiver: Receiver, step: int, after: bool, wiped: bool
) -> None:
    """A worker dies at each change that closing makes, with and without loss of the index: it is told, once."""
    job = submit(house, at(receiver))
    house.shop.index.complete(job.id, {0: ItemState.SUCCEEDED})
    mortal = Ledger(store=Mortal(house.store, dies_at=step, after=after))
    try:
        closings.close_job(mortal, house.shop.index, house.shop.clock, job)
        survived = True
    except Died:
        survived = False
    if step == CHANGES - 1:
        assert survived, "the table of steps covers all of them"
    if wiped:
        house.client.flushall()
    sweeper, made = house.sweeper(), courier(house, receiver)
    for _ in range(4):
        sweeper.looked = 0
        sweeper.sweep()
        look(made)
    assert [head["webhook-id"] for head in receiver.heads()] == [event_id(job)]
    assert state(house, job) is DeliveryState.DELIVERED
    assert list(house.store.list(layout.HOOKS)) == list(house.store.list(layout.OPEN)) == []


@pytest.mark.parametrize("answer", [OK, status(410)])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, 5))
def test_a_delivery_survives_its_courier(house: House, step: int, after: bool, answer: bytes) -> None:
    """A courier dies at each change that a delivery makes: the receiver hears of it, again only where nobody knew."""
    with Receiver(manners=says(answer)).listening() as receiver:
        job = end(house, at(receiver))
        mortal = Mortal(house.store, dies_at=step, after=after)
        shop = replace(house.shop, store=mortal, ledger=Ledger(store=mortal))
        doomed = courier(replace(house, shop=shop), receiver)
        try:
            doomed.deliver("default", job.id)
            survived = True
        except Died:
            survived = False
        if step == 4:
            assert survived, "the table of steps covers all of them"
        heard, logged = len(receiver.requests), state(house, job)
        for _ in range(2):
            look(courier(house, receiver))
    assert {head["webhook-id"] for head in receiver.heads()} == {event_id(job)}
    assert len(receiver.requests) == heard + (not logged), "what the log has is not told again"
    assert state(house, job) in (DeliveryState.DELIVERED, DeliveryState.GONE)
    assert list(house.store.list(layout.HOOKS)) == []


def test_a_dead_endpoint_delays_nobody(house: House, receiver: Receiver) -> None:
    """With the endpoints of many tenants silent, each holds few lanes, and the others are told at once."""
    heard_enough = threading.Event()
    silent = Receiver(manners=lambda connection: heard_enough.wait(60))
    with silent.listening():
        made = courier(house, receiver, silent, seconds=60)
        for number in range(LANES // TENANT_LANES - 1):
            for host in ("a", "b", "c"):
                end(house, f"http://{host}.example.org:{silent.port}/", tenant=f"dead-{number}")
        told = [end(house, at(receiver), tenant="alive") for _ in range(3)]
        made.look()
        with made._guard:
            lanes = dict(made._lanes)
        assert all(sum(owner == tenant for owner, _ in lanes) <= TENANT_LANES for tenant, _ in lanes)
        lanes["alive", f"http://hooks.example.org:{receiver.port}"].join()
        assert [state(house, job) for job in told] == [DeliveryState.DELIVERED] * 3
        assert sum(lane.is_alive() for lane in lanes.values()) == len(lanes) - 1, "the others wait for the silent"
        heard_enough.set()
        made.settle()


def test_lanes_are_few_and_tenants_take_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more tenants than lanes, those that waited are served before any is served again."""
    house = replace(house, shop=replace(house.shop, clock=ManualClock()))
    served: list[str] = []

    def deliver(_: Courier, tenant: str, job_id: str) -> None:
        served.append(tenant)

    monkeypatch.setattr(Courier, "deliver", deliver)
    made = open_courier(house.shop)
    for number in range(LANES + 4):
        end(house, "https://example.org/", tenant=f"t{number:02}")
    for _ in range(2):
        look(made)
        house.shop.clock.sleep(1)
    assert len(served) == 2 * LANES
    assert len(set(served)) == LANES + 4


def test_a_lane_gives_way(house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane with much to do stops after its time, and goes on at the next look."""
    monkeypatch.setattr(courier_module, "_LANE_SECONDS", -1.0)
    for _ in range(3):
        end(house, at(receiver))
    made = courier(house, receiver)
    for told in (1, 2, 3):
        look(made)
        assert len(receiver.requests) == told


def test_one_bad_record_stops_nobody(house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something unforeseen with one webhook is logged, the next is delivered, and the bad one rests a while."""
    first, second = end(house, at(receiver)), end(house, at(receiver))
    made, real, calls = courier(house, receiver), Courier.deliver, []

    def deliver(self: Courier, tenant: str, job_id: str) -> None:
        calls.append(job_id)
        if job_id == first.id:
            raise ZeroDivisionError
        real(self, tenant, job_id)

    monkeypatch.setattr(Courier, "deliver", deliver)
    look(made)
    look(made)
    assert sorted(calls) == sorted([first.id, second.id])
    assert state(house, second) is DeliveryState.DELIVERED


def test_storage_trouble_ends_a_lane_and_no_more(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While storage is away nothing is noted and nothing is lost."""
    job, made = end(house, at(receiver)), courier(house, receiver)

    def away(*_: object, **__: object) -> bool:
        raise StorageUnavailable()

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "put", away)
        look(made)
    look(made)
    assert state(house, job) is DeliveryState.DELIVERED
    assert {head["webhook-id"] for head in receiver.heads()} == {event_id(job)}


def test_only_the_leader_delivers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A courier looks while its host leads the sweep; trouble does not end it."""
    looks: list[str] = []
    stop = threading.Event()
    object.__setattr__(house.shop.settings, "sweep_seconds", 0)
    Sweeper(shop=house.shop, name="leader").shop.index.lead("leader", 60)

    def looking(_: Courier) -> None:
        looks.append("looked")
        if len(looks) == 1:
            raise StorageUnavailable()
        if len(looks) == 2:
            raise ZeroDivisionError
        stop.set()

    monkeypatch.setattr(Courier, "look", looking)
    open_courier(house.shop).run(stop, leader="leader")
    assert len(looks) == 3
    stop.clear()
    asked: list[bool] = []

    def leads(_: Index, name: str) -> bool:
        asked.append(name == "leader")
        stop.set()
        return asked[-1]

    monkeypatch.setattr(Index, "leads", leads)
    open_courier(house.shop).run(stop, leader="other")
    assert (asked, len(looks)) == ([False], 3)
