"""The courier: delivers webhooks beside the sweeper, which it never holds up.

What goes to one place for one tenant has a lane: a thread that makes one call after the other, for a while. Lanes are
few, and fewer a tenant, and tenants take turns, so that an endpoint that is dead or slow delays nobody else's.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from shared import logs
from shared.errors import PhotochromError
from shared.jobs import Ending, Job
from shared.services import Services
from shared.webhooks import Rules, shown
from worker import metrics
from worker.webhooks.deliveries import Attempt, DeliveryState
from worker.webhooks.events import event_body, event_id
from worker.webhooks.outbox import Outbox, Waiting
from worker.webhooks.sender import Sender
from worker.webhooks.signing import Secrets, signatures

_log = logs.logger(__name__)

#: Lanes at once, and those of one tenant.
LANES = 16
TENANT_LANES = 2

#: How long a lane goes on before others have their turn, seconds.
_LANE_SECONDS = 20.0

#: How long a webhook rests after something unforeseen, seconds.
_UNFORESEEN_WAIT = 300.0

#: Records that are read at once.
_READERS = 16

#: A tenant, and the scheme, host and port that it has called.
_Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is remembered of a waiting webhook, so that its record is not read at every look."""

    modified: float
    due: float
    place: _Place


@dataclass(kw_only=True, slots=True)
class Courier:
    """Delivers what the outbox holds. One works at a time: the one whose host sweeps."""

    #: what it works with
    shop: Services
    #: the webhooks to deliver
    outbox: Outbox
    #: what they are signed with
    secrets: Secrets
    #: what calls them
    sender: Sender
    #: spreads the attempts
    jitter: random.Random = field(default_factory=random.Random)
    #: what is known of the waiting ones
    _known: dict[tuple[str, str], _Known] = field(default_factory=dict)
    #: the lanes that run
    _lanes: dict[_Place, threading.Thread] = field(default_factory=dict)
    #: when each tenant had its last lane
    _turns: dict[str, float] = field(default_factory=dict)
    #: guards the three
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, stop: threading.Event, *, leader: str) -> None:
        """Looks as often as the sweeper sweeps until `stop`, while `leader` leads; trouble is logged and waited out."""
        while not stop.wait(self.shop.settings.sweep_seconds):
            try:
                if self.shop.index.leads(leader):
                    self.look()
            except PhotochromError as error:
                _log.warning("courier_failed", code=error.code, detail=error.detail)
            except Exception:  # noqa: BLE001 - a courier that stops is noticed by nobody
                _log.exception("courier_failed")

    def look(self) -> None:
        """Opens lanes for what is due, as far as there is room; does not wait for them."""
        due = self._due()
        with self._guard:
            for place in sorted(due, key=lambda place: (self._turns.get(place[0], 0.0), min(due[place]))):
                tenant = place[0]
                running = sum(owner == tenant for owner, _ in self._lanes)
                if place in self._lanes or running >= TENANT_LANES or len(self._lanes) >= LANES:
                    continue
                self._turns[tenant] = self.shop.clock.now()
                jobs = [job for _, job in sorted(due[place])]
                lane = threading.Thread(target=self._lane, args=(place, jobs), name="webhook-lane", daemon=True)
                lane.start()
                self._lanes[place] = lane

    def settle(self) -> None:
        """Waits for the lanes that run."""
        with self._guard:
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.join()

    def deliver(self, tenant: str, job_id: str) -> None:
        """Makes the next attempt of one webhook, if there is one and it is due."""
        delivery = self.outbox.pending(tenant, job_id)
        job = self.shop.ledger.read_job(tenant, job_id)
        ending = self.shop.ledger.read_ending(job) if job else None
        if delivery is None or job is None or ending is None:
            # Ended before its record was removed, or the job was deleted.
            self.outbox.drop(tenant, job_id)
            return
        if delivery.due > self.shop.clock.now():
            return
        attempt = self._attempt(job, ending)
        after = delivery.after(attempt, jitter=self.jitter)
        if self.shop.ledger.read_job(tenant, job_id) is None:
            self.outbox.drop(tenant, job_id)
            return
        self.outbox.save(job, after)
        log = _log.warning if after.state in (DeliveryState.FAILED, DeliveryState.GONE) else _log.info
        log("webhook_called", job=job_id, state=after.state, tries=after.tries, status=attempt.status)
        metrics.webhook_called(after.state)

    def _attempt(self, job: Job, ending: Ending) -> Attempt:
        name, moment, body = event_id(job), int(self.shop.clock.now()), event_body(job, ending)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(moment),
            "webhook-signature": signatures(self.secrets.current(job.tenant), name, moment, body),
        }
        return self.sender.post(job.webhook or "", headers, body)

    def _lane(self, place: _Place, jobs: list[str]) -> None:
        """Delivers to one place until all is tried or its time is over."""
        tenant, until = place[0], self.shop.clock.now() + _LANE_SECONDS
        try:
            for job_id in jobs:
                self._try(tenant, job_id)
                if self.shop.clock.now() > until:
                    break
        except PhotochromError as error:
            _log.warning("courier_failed", code=error.code, detail=error.detail)
        finally:
            with self._guard:
                del self._lanes[place]

    def _try(self, tenant: str, job_id: str) -> None:
        key = (tenant, job_id)
        try:
            self.deliver(tenant, job_id)
        except PhotochromError:
            raise
        except Exception:  # noqa: BLE001 - the log line has it all, and the next one must go on
            _log.exception("webhook_failed", job=job_id)
            with self._guard:
                if key in self._known:
                    self._known[key] = replace(self._known[key], due=self.shop.clock.now() + _UNFORESEEN_WAIT)
        else:
            with self._guard:
                self._known.pop(key, None)

    def _due(self) -> Mapping[_Place, list[tuple[float, str]]]:
        """Returns due time and job id of what is due, by the place where it goes."""
        listed = list(self.outbox.waiting())
        with self._guard:
            known = dict(self._known)
        with ThreadPoolExecutor(_READERS) as readers:
            found = list(readers.map(lambda entry: self._recall(known.get((entry.tenant, entry.job)), entry), listed))
        now = self.shop.clock.now()
        due: defaultdict[_Place, list[tuple[float, str]]] = defaultdict(list)
        for entry, facts in zip(listed, found, strict=True):
            if facts.due <= now:
                due[facts.place].append((facts.due, entry.job))
        with self._guard:
            self._known = {(entry.tenant, entry.job): facts for entry, facts in zip(listed, found, strict=True)}
        return due

    def _recall(self, known: _Known | None, entry: Waiting) -> _Known:
        if known and known.modified == entry.modified:
            return known
        delivery = self.outbox.pending(entry.tenant, entry.job)
        job = self.shop.ledger.read_job(entry.tenant, entry.job)
        where = shown(job.webhook).removesuffix("/…") if job and job.webhook else ""
        return _Known(modified=entry.modified, due=delivery.due if delivery else 0.0, place=(entry.tenant, where))


def open_courier(shop: Services) -> Courier:
    """Returns the courier of a worker host."""
    return Courier(
        shop=shop,
        outbox=Outbox(store=shop.store),
        secrets=Secrets(store=shop.store, clock=shop.clock),
        sender=Sender(rules=Rules.of(shop.settings), clock=shop.clock),
    )
