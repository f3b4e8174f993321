"""The outbox: the webhooks that are to be delivered, and the log of those that were.

`hooks/<tenant>/<job>.json` is there until a webhook is delivered or given up, the job's `webhook.json` from then on. A
process that dies between the two leaves both; the log then has the last word, unless somebody asked for a replay since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from shared import layout
from shared.jobs import Job
from shared.storage import ObjectStore
from worker.webhooks.deliveries import Delivery, DeliveryState

_JSON = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A webhook that is to be delivered, as a listing shows it."""

    #: whose it is
    tenant: str
    #: job id
    job: str
    #: when its record was written, by the storage's clock
    modified: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbox:
    """Reads and writes the records of deliveries."""

    #: where they lie
    store: ObjectStore

    def waiting(self) -> Iterator[Waiting]:
        """Yields the webhooks that are to be delivered."""
        for entry in self.store.list(layout.HOOKS):
            tenant, name = entry.key.removeprefix(layout.HOOKS).split("/")
            yield Waiting(tenant=tenant, job=name.removesuffix(".json"), modified=entry.modified)

    def pending(self, tenant: str, job_id: str) -> Delivery | None:
        """Returns a delivery that is still to come to its end, or None."""
        delivery, log = self._read(layout.hook(tenant, job_id)), self.logged(tenant, job_id)
        ended = delivery and log and log.replays >= delivery.replays
        return None if ended else delivery

    def logged(self, tenant: str, job_id: str) -> Delivery | None:
        """Returns how a delivery ended, or None."""
        return self._read(layout.webhook_log(tenant, job_id))

    def save(self, job: Job, delivery: Delivery) -> None:
        """Notes how far a delivery is; one that has ended moves to the log."""
        text = json.dumps(delivery.to_json()).encode()
        if delivery.state is DeliveryState.PENDING:
            self.store.put(layout.hook(job.tenant, job.id), text, media_type=_JSON)
            return
        self.store.put(layout.webhook_log(job.tenant, job.id), text, media_type=_JSON)
        self.drop(job.tenant, job.id)

    def drop(self, tenant: str, job_id: str) -> None:
        """Takes a webhook off the list."""
        self.store.delete(layout.hook(tenant, job_id))

    def replay(self, job: Job) -> Delivery:
        """Puts a job's webhook up for delivery from the start of the schedule, whatever became of it before."""
        known = self.pending(job.tenant, job.id) or self.logged(job.tenant, job.id) or Delivery()
        self.save(job, known.replayed())
        return known

    def _read(self, key: str) -> Delivery | None:
        try:
            with self.store.get(key) as stream:
                return Delivery.from_json(json.load(stream))
        except KeyError:
            return None
        except (ValueError, TypeError):
            # Not of this version: begun again, for twice is better than never.
            return Delivery()
