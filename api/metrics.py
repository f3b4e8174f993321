"""`/metrics`: what the API counted, and what it finds when it is asked. docs/metrics.md tells it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from api.counts import counts
from api.health import storage_check
from api.polling import seats
from api.queue import Count, queue_count
from api.receiving import room
from api.services import services
from shared.errors import IndexUnavailable
from shared.services import Services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Tell what Prometheus asks for, in its text format."""
    found = CollectorRegistry()
    found.register(_Findings(services(), storage_check(), queue_count(), waiting=seats().in_use, slow=room().in_use))
    text = generate_latest(counts().registry) + generate_latest(found)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


class _Findings:
    """Collects what is found at the moment. Where the index is away, no figure is told that it has."""

    def __init__(
        self, held: Services, storage: Callable[[], tuple[bool, str]], count: Count, *, waiting: int, slow: int
    ) -> None:
        self._held = held
        self._storage = storage
        self._count = count
        self._waiting = waiting
        self._slow = slow

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields them."""
        yield _gauge("storage_reachable", "Whether the storage answers and can be written to.", self._storage()[0])
        yield _gauge("waiting_requests", "Requests that wait for a job, and streams.", self._waiting)
        yield _gauge("slow_bodies", "Request bodies that come slowly.", self._slow)
        try:
            found = [*self._queue(), *self._hosts()]
        except IndexUnavailable:
            found = []
        yield _gauge("index_reachable", "Whether the index answers.", bool(found))
        yield from found

    def _queue(self) -> Iterator[GaugeMetricFamily]:
        items = GaugeMetricFamily("photochrom_queue_items", "Items of open jobs.", labels=["model", "state"])
        classes = GaugeMetricFamily(
            "photochrom_queue_waiting_items", "Waiting items by the class of their job.", labels=["model", "class"]
        )
        slots = GaugeMetricFamily("photochrom_model_slots", "Slots of live hosts that serve a model.", labels=["model"])
        for name, figures in self._count()["models"].items():
            for state in ("waiting", "running"):
                items.add_metric([name, state], figures[state])
            for size in ("small", "large"):
                classes.add_metric([name, size], figures[size])
            slots.add_metric([name], figures["slots"])
        yield from (items, classes, slots)

    def _hosts(self) -> Iterator[GaugeMetricFamily]:
        live = self._held.index.hosts.live()
        yield _gauge("live_hosts", "Worker hosts that were heard of within a minute.", len(live))
        yield _gauge("live_slots", "Items that they work on at once.", sum(host.slots for host in live))


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"photochrom_{name}", words, value=float(value))
