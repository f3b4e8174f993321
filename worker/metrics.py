"""Metrics of a worker host: what its processes count. Until they are turned on, each of these calls does nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.outcomes import Outcome

if TYPE_CHECKING:
    from worker.instruments import Instruments

_held: Instruments | None = None


def turn_on() -> None:
    """Has this process count from now on, in the folder that `worker.exporter` has named to prometheus_client."""
    global _held  # noqa: PLW0603 - like the log, it is the process's, and nobody's collaborator
    from worker.instruments import Instruments  # noqa: PLC0415 - whoever watches nothing loads nothing

    if not _held:
        _held = Instruments()


def item_ended(outcome: Outcome) -> None:
    """Counts an item that this process ended, and the seconds of its stages."""
    if _held:
        _held.items.labels(outcome.state, outcome.code or "").inc()
        if outcome.already_made:
            _held.already_made.inc()
        for stage, seconds in (outcome.timings or {}).items():
            _held.stage.labels(stage).observe(seconds)


def given_back(code: str) -> None:
    """Counts an attempt that went back to the queue; `code` is the error's, or `unforeseen`."""
    if _held:
        _held.given_back.labels(code).inc()


def claimed(items: int) -> None:
    """Counts one claim, by whether it found anything."""
    if _held:
        _held.claims.labels("yes" if items else "no").inc()


def lease_lost() -> None:
    """Counts a lease that was somebody else's when it was renewed."""
    if _held:
        _held.leases_lost.inc()


@contextmanager
def busy() -> Iterator[None]:
    """Counts a slot as busy while the block runs."""
    if not _held:
        yield
        return
    with _held.busy.track_inprogress():
        yield


def self_tested(*, passed: bool) -> None:
    """Counts a self-test of a net."""
    if _held:
        _held.self_tests.labels("passed" if passed else "failed").inc()
        if passed:
            _held.self_test_passed.set(time.time())


def child_began() -> None:
    """Counts a sandbox child that begins to serve a tenant."""
    if _held:
        _held.children.inc()


def child_lost(loss: str) -> None:
    """Counts a sandbox child that died; `loss` is how that was noticed."""
    if _held:
        _held.children_lost.labels(loss).inc()


def has_slots(slots: int) -> None:
    """Notes how many items the host works on at once."""
    if _held:
        _held.slots.set(slots)


def announced(*, reachable: bool) -> None:
    """Notes whether the index took an announcement."""
    if _held:
        _held.announced.set(reachable)


def swept(*, led: bool) -> None:
    """Counts a sweep, or a turn at which another host led."""
    if _held:
        _held.sweeps.labels("led" if led else "stood_by").inc()
        _held.leads.set(led)


def sweep_failed() -> None:
    """Counts a sweep that went wrong."""
    if _held:
        _held.sweeps.labels("failed").inc()
        _held.leads.set(False)


def audit_dropped() -> None:
    """Counts a job that the index had wrong."""
    if _held:
        _held.dropped.inc()


def job_recovered() -> None:
    """Counts a job that was registered again from storage."""
    if _held:
        _held.recovered.inc()


def record_damaged(_: str) -> None:
    """Counts a record that could not be understood; the log has its key."""
    if _held:
        _held.records_damaged.inc()


def bells_rung(bells: int) -> None:
    """Counts bells."""
    if _held:
        _held.bells.inc(bells)


def webhook_called(state: str) -> None:
    """Counts a call of a webhook by the state of its delivery afterwards."""
    if _held:
        _held.webhooks.labels(state).inc()
