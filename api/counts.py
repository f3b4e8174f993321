"""What the API counts of its requests; `/metrics` tells it."""

from __future__ import annotations

import time
from typing import cast

from flask import Flask, Response, current_app, g, has_request_context, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from api.bodies import received
from shared.errors import IndexUnavailable, StorageUnavailable

#: Route of an address that there is not, and method that there is not: whoever calls must not name series.
_NONE = "none"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

#: Seconds of an answer, from a 304 to an upload of gigabytes.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

_EXTENSION = "photochrom.counts"


class Counts:
    """What one app counts."""

    def __init__(self) -> None:
        """Starts at 0."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "photochrom_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "photochrom_request_seconds",
            "Seconds until an answer began, but for calls that wait on purpose.",
            ["method", "route"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.problems = Counter("photochrom_problems", "Problems answered.", ["code"], registry=self.registry)
        self.jobs = Counter("photochrom_jobs_submitted", "Jobs taken.", registry=self.registry)
        self.items = Counter("photochrom_items_submitted", "Items of these jobs.", registry=self.registry)
        self.received = Counter("photochrom_received_bytes", "Bytes of request bodies.", registry=self.registry)
        for error in (StorageUnavailable, IndexUnavailable):
            self.problems.labels(error.code)
        ProcessCollector(namespace="photochrom_api", registry=self.registry)

    def answered(self, response: Response) -> Response:
        """Counts the answer to the request at hand."""
        route = request.url_rule.rule if request.url_rule else _NONE
        method = request.method if request.method in _METHODS else _NONE
        self.requests.labels(method, route, f"{response.status_code // 100}xx").inc()
        if "Preference-Applied" not in response.headers:
            self.seconds.labels(method, route).observe(time.perf_counter() - g.begun)
        if code := g.get("problem"):
            self.problems.labels(code).inc()
        self.received.inc((request.content_length or 0) + received())
        return response


def install(app: Flask) -> None:
    """Has an app count its answers. Comes before whatever else looks at a request."""
    kept = app.extensions[_EXTENSION] = Counts()
    app.before_request(_begin)
    app.after_request(kept.answered)


def submitted(items: int) -> None:
    """Counts a job of so many items, where it was taken from a request."""
    if has_request_context():
        counts().jobs.inc()
        counts().items.inc(items)


def counts() -> Counts:
    """Returns the counts of the app that answers this request."""
    return cast("Counts", current_app.extensions[_EXTENSION])


def _begin() -> None:
    g.begun = time.perf_counter()
