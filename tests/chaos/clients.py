"""Clients: they submit, try again until they have an answer, look at their jobs, pause and cancel some of them."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos.ledger import Asked, Ledger
from tests.chaos.pictures import MODEL, no_picture, picture

#: Shares of submissions.
_BY_DIGEST = 0.15
_REPEATED = 0.1
#: Share of the items of a larger job that are no pictures.
_BAD = 0.02

#: How long a client goes on asking after the load has stopped, seconds.
_PATIENCE = 120.0

#: A client waits this share of what Retry-After says: the service's periods are a tenth of theirs, too.
_SCALE = 0.1

#: Pauses between two looks at a job, seconds.
_LOOKS = (0.3, 1.0)

_RECIPE = {"model": MODEL}

#: None is "low": such a job waits for the load's end, and a fault's recovery with it.
_RANKS = ("normal", "high")

#: What the API may say of bytes that are no picture.
_NO_PICTURE = ("not_a_picture", "unsupported_media")

#: A job that was made ready: what is asked for, and its bytes.
Prepared = Sequence[tuple[Asked, bytes]]


@dataclass(kw_only=True)
class Client:
    """One client: a thread that has one job at a time."""

    #: unique among all of a run
    name: str
    #: addresses of the API
    urls: Sequence[str]
    ledger: Ledger
    dice: random.Random
    #: least and most items of a job
    items: tuple[int, int]
    #: shares of jobs that it pauses and resumes, and that it cancels
    pauses: float
    cancels: float
    #: least and greatest pause after a job, seconds; None: it waits for the job's end
    pause: tuple[float, float] | None
    #: no more submissions from here on
    stop: threading.Event
    #: jobs that it sends first, all of them
    prepared: Iterator[Prepared] = field(default_factory=lambda: iter(()))
    _known: list[Asked] = field(default_factory=list)
    _session: requests.Session = field(default_factory=requests.Session)
    _serial: int = 0
    _until: float | None = None

    def run(self) -> None:
        """Submits what was prepared, then job after job until `stop`."""
        for job in self.prepared:
            self._watch(self._submit(self._next_key(), [asked for asked, _ in job], _by_bytes(job)))
        while not self.stop.is_set():
            key = self._next_key()
            if len(self._known) > 10 and self.dice.random() < _BY_DIGEST:
                asked = self._again()
                job_id = self._submit(key, asked, _by_digest(asked))
            else:
                fresh = self._fresh(key)
                job_id = self._submit(key, [asked for asked, _ in fresh], _by_bytes(fresh))
            if job_id and self.dice.random() < self.pauses:
                self._pause(job_id)
            if job_id and self.dice.random() < self.cancels:
                self._cancel(job_id)
            self._watch(job_id)

    def _submit(self, key: str, asked: Sequence[Asked], options: dict[str, Any]) -> str | None:
        """Makes one job; returns its id, or None where no answer was to be had."""
        self.ledger.asked(key, asked)
        answer = self._ask("POST", "/v1/jobs", expected=(202,), headers={"Idempotency-Key": key}, **options)
        if answer is None:
            return None
        job: str = answer.json()["id"]
        self.ledger.accepted(key, job)
        self._known = [*self._known, *(item for item in asked if item.good)][-50:]
        if self.dice.random() < _REPEATED:
            again = self._ask("POST", "/v1/jobs", expected=(202,), headers={"Idempotency-Key": key}, **options)
            if again is not None:
                self.ledger.accepted(key, again.json()["id"])
        return job

    def _next_key(self) -> str:
        self._serial += 1
        return f"{self.name}-{self._serial}"

    def _fresh(self, key: str) -> Prepared:
        """Returns pictures that nobody has sent before, and some that are none."""
        count = self.dice.randint(*self.items)
        fresh = []
        for number in range(count):
            good = count == 1 or self.dice.random() >= _BAD
            data = picture(f"{key}/{number}") if good else no_picture(f"{key}/{number}")
            digest = hashlib.sha256(data).hexdigest()
            fresh.append((Asked(sha256=digest, succeeds=good, codes=() if good else _NO_PICTURE), data))
        return fresh

    def _again(self) -> list[Asked]:
        """Returns masters that are stored already, the first one twice."""
        known = self.dice.sample(self._known, min(len(self._known), max(1, self.items[1] // 2)))
        return [*known, known[0]]

    def _pause(self, job: str) -> None:
        """Pauses a job for a while and gives it another priority meanwhile."""
        time.sleep(self.dice.uniform(0, 1))
        answer = self._ask("POST", f"/v1/jobs/{job}/pause", expected=(202, 409))
        if answer is None or answer.status_code == 409:
            return
        self.ledger.paused(job)
        time.sleep(self.dice.uniform(0.5, 4))
        self._ask("POST", f"/v1/jobs/{job}/priority", expected=(202, 409), json={"priority": self.dice.choice(_RANKS)})
        self.ledger.resumes(job)
        self._ask("POST", f"/v1/jobs/{job}/resume", expected=(202, 409))

    def _cancel(self, job: str) -> None:
        time.sleep(self.dice.uniform(0, 3))
        answer = self._ask("POST", f"/v1/jobs/{job}/cancel", expected=(202, 409))
        if answer is not None and answer.status_code == 202:
            self.ledger.canceled(job)

    def _watch(self, job: str | None) -> None:
        """Looks at the job until it has ended, or once; what the load's end leaves of it the drain waits for."""
        while job and not self.stop.wait(self.dice.uniform(*(self.pause or _LOOKS))):
            answer = self._ask("GET", f"/v1/jobs/{job}", expected=(200,))
            if self.pause or answer is None or answer.json()["state"] in ("completed", "canceled"):
                return

    def _ask(self, method: str, path: str, *, expected: tuple[int, ...], **options: Any) -> requests.Response | None:
        """Sends a request until it is answered as it must be; returns None where that was not to be had.

        No connection and 503 with Retry-After are waited out; any other answer is noted as wrong.
        """
        while True:
            try:
                answer = self._session.request(method, self.dice.choice(self.urls) + path, timeout=(3, 30), **options)
            except requests.RequestException:
                pause = self.dice.uniform(0.05, 0.3)
            else:
                if answer.status_code in expected:
                    return answer
                if answer.status_code != 503 or "Retry-After" not in answer.headers:
                    self.ledger.wrong(f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}")
                    return None
                pause = _SCALE * float(answer.headers["Retry-After"])
            if self._gives_up():
                self.ledger.wrong(f"{method} {path} had no answer for {_PATIENCE:.0f} s after the faults")
                return None
            time.sleep(pause)

    def _gives_up(self) -> bool:
        if self.stop.is_set() and self._until is None:
            self._until = time.monotonic() + _PATIENCE
        return self._until is not None and time.monotonic() > self._until


def _by_bytes(job: Prepared) -> dict[str, Any]:
    files = [("image", (f"{number}.png", data)) for number, (_, data) in enumerate(job)]
    return {"files": [*files, ("recipe", (None, json.dumps(_RECIPE)))]}


def _by_digest(asked: Sequence[Asked]) -> dict[str, Any]:
    items = [{"sha256": item.sha256, "filename": f"{number}.png"} for number, item in enumerate(asked)]
    return {"json": {"recipe": _RECIPE, "items": items}}


class Crowd:
    """Clients that work at the same time."""

    def __init__(
        self,
        count: int,
        ledger: Ledger,
        *,
        name: str,
        urls: Sequence[str],
        items: tuple[int, int],
        pauses: float,
        cancels: float,
        pause: tuple[float, float] | None,
        seed: int,
        prepared: Iterator[Prepared],
    ) -> None:
        """Starts nothing yet; the first one sends what is `prepared`."""
        self._stop = threading.Event()
        clients = [
            Client(
                name=f"{name}-{number}",
                urls=urls,
                ledger=ledger,
                dice=random.Random(f"{seed}/{name}/{number}"),
                items=items,
                pauses=pauses,
                cancels=cancels,
                pause=pause,
                stop=self._stop,
                prepared=prepared if number == 0 else iter(()),
            )
            for number in range(count)
        ]
        self._threads = [threading.Thread(target=client.run, name=client.name, daemon=True) for client in clients]

    def start(self) -> None:
        """Lets them begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets each finish what it is asking for, and all that was prepared, and waits for that."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def until(holds: Callable[[], bool], seconds: float, period: float = 0.2) -> bool:
    """Waits until something holds; returns False where it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(period)
    return True
