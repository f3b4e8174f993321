"""The instruments of a worker host: the names, labels and buckets of what it counts. docs/metrics.md tells them all.

prometheus_client decides when it is loaded whether several processes count together, so that only `worker.metrics`
loads this module, once that is settled.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.errors import PhotochromError, PictureError, Unavailable
from shared.items import ItemState
from worker.sandbox.verdicts import Loss
from worker.webhooks.deliveries import DeliveryState

#: Code of an attempt that went back because of something that nobody foresaw.
UNFORESEEN = "unforeseen"

#: A child that died while it waited for a picture.
IDLE = "idle"

#: Seconds of one stage: from a fetch out of memory to the net on each page of an atlas.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)

# What processes count together lies in files and is read from there; a registry of objects would tell one's share.
_HERE = CollectorRegistry()


class Instruments:
    """What one process of a host counts with; made once a process."""

    def __init__(self) -> None:
        """Starts at 0 whatever is known to come: Prometheus sees no rise in a count that never was 0."""
        self.items = _counter("items", "Items that came to an end.", "state", "code")
        self.already_made = _counter("items_already_made", "Items whose derivatives all existed.")
        self.stage = Histogram(
            "photochrom_stage_seconds", "Seconds of an item's stages.", ["stage"], registry=_HERE, buckets=_SECONDS
        )
        self.given_back = _counter("attempts_given_back", "Attempts that went back to the queue.", "code")
        self.claims = _counter("claims", "Claims by whether they found an item.", "found")
        self.leases_lost = _counter("leases_lost", "Leases that could not be renewed, since they were over.")
        self.busy = Gauge(
            "photochrom_slots_busy", "Slots that answer a bell.", registry=_HERE, multiprocess_mode="livesum"
        )
        self.self_tests = _counter("self_tests", "Self-tests of nets.", "result")
        self.self_test_passed = _gauge("self_test_passed_timestamp_seconds", "When a net here last passed its test.")
        self.children = _counter("sandbox_children", "Sandbox children that began to serve a tenant.")
        self.children_lost = _counter("sandbox_children_lost", "Sandbox children that died.", "loss")
        self.slots = _gauge("slots", "Items that this host works on at once.")
        self.announced = _gauge("host_announced", "Whether the index took this host's last announcement.")
        self.sweeps = _counter("sweeps", "Turns of this host's sweeper.", "result")
        self.leads = _gauge("sweeper_leads", "Whether this host's sweeper leads.")
        self.dropped = _counter("audits_dropped", "Jobs that the index had wrong and dropped.")
        self.recovered = _counter("jobs_recovered", "Jobs that were registered again from storage.")
        self.records_damaged = _counter("records_damaged", "Records of jobs that could not be understood.")
        self.bells = _counter("bells_rung", "Bells that this host rang.")
        self.webhooks = _counter("webhooks", "Calls of webhooks by the state of their delivery afterwards.", "state")
        self._begin()

    def _begin(self) -> None:
        self.stage.labels("fetch")
        self.items.labels(ItemState.SUCCEEDED, "")
        for code in sorted(_codes(PictureError)):
            self.items.labels(ItemState.FAILED, code)
        for counter, words in (
            (self.given_back, (UNFORESEEN, *sorted(_codes(Unavailable)))),
            (self.claims, ("yes", "no")),
            (self.self_tests, ("passed", "failed")),
            (self.children_lost, (*Loss, IDLE)),
            (self.sweeps, ("led", "stood_by", "failed")),
            (self.webhooks, tuple(DeliveryState)),
        ):
            for word in words:
                counter.labels(word)


def _counter(name: str, words: str, *labels: str) -> Counter:
    return Counter(f"photochrom_{name}", words, labels, registry=_HERE)


def _gauge(name: str, words: str) -> Gauge:
    """A gauge that the host's own process sets, or whose highest value is the one to believe."""
    return Gauge(f"photochrom_{name}", words, registry=_HERE, multiprocess_mode="max")


def _codes(error: type[PhotochromError]) -> set[str]:
    """Returns the codes of the errors that are of a kind and have none of their own kind below them."""
    kinds = error.__subclasses__()
    return {code for kind in kinds for code in _codes(kind)} or {error.code}
