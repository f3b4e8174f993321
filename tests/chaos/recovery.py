"""The recovery targets, with the default periods: one round, measured."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.chaos import invariants
from tests.chaos.begins import Begins
from tests.chaos.clients import until
from tests.chaos.evidence import FolderEvidence, Records
from tests.chaos.ledger import Asked, Ledger
from tests.chaos.monitor import Monitor
from tests.chaos.pictures import MODEL, picture
from tests.chaos.service import Service
from tests.chaos.strikes import Strike

#: Jobs and items of each that are open when all is flushed.
_OPEN_JOBS, _OPEN_ITEMS = 10, 1_000

#: Masters that the open items name.
_MASTERS = 200

#: After this a target is missed for good, and everything must have ended, seconds.
_PATIENCE = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What was measured."""

    #: what had happened
    fault: str
    #: seconds until it was over, and the most that is right
    seconds: float
    target: float

    def __str__(self) -> str:
        return f"{self.fault}: {self.seconds:.1f} s (target {self.target:.0f} s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """The service, and what is seen of it."""

    service: Service
    ledger: Ledger
    begins: Begins
    records: Records

    def submit(self, name: str, items: list[Asked], **body: object) -> str:
        """Makes a job; returns its id."""
        self.ledger.asked(name, items)
        answer = requests.post(f"{self.service.urls[0]}/v1/jobs", timeout=60, **body)  # type: ignore[arg-type]
        answer.raise_for_status()
        job: str = answer.json()["id"]
        self.ledger.accepted(name, job)
        return job

    def pictures(self, name: str, count: int) -> str:
        """Makes a job of fresh pictures; returns its id."""
        data = [picture(f"{name}/{number}") for number in range(count)]
        files = [("image", (f"{number}.png", each)) for number, each in enumerate(data)]
        items = [Asked(sha256=hashlib.sha256(each).hexdigest()) for each in data]
        return self.submit(name, items, files=[*files, ("recipe", (None, f'{{"model":"{MODEL}"}}'))])


def measure(folder: Path, models: Path) -> tuple[list[Target], list[str]]:
    """Returns the three measures, and what is wrong after them, in words; `folder` is removed if nothing is."""
    with ExitStack() as stack:
        service = stack.enter_context(Service(folder, models, settings={}))
        service.wait_ready()
        evidence, monitor = FolderEvidence(service.objects), Monitor(service.valkey.socket)
        scene = _Scene(
            service=service,
            ledger=Ledger(folder / "ledger.jsonl"),
            begins=Begins(monitor),
            records=Records(evidence),
        )
        stack.enter_context(monitor)
        stack.enter_context(scene.records)
        targets = [_lost_bell(scene), _dead_worker(scene), _flush(scene)]
        until(lambda: not invariants.unfinished(evidence, scene.ledger), _PATIENCE, period=1)
        with service.valkey.client() as client:
            verdict = invariants.check(evidence, client, scene.ledger)
    wrong = [f"{target}: missed" for target in targets if target.seconds > target.target] + verdict.wrong
    if not wrong:
        shutil.rmtree(folder)
    return targets, wrong


def _lost_bell(scene: _Scene) -> Target:
    """Loses a bell where the transport can: popped by the server, and on its way to a worker that never has it."""
    service, before = scene.service, scene.begins.total
    for host in service.hosts:
        host.signal(signal.SIGSTOP)
    scene.pictures("lost bell", 1)
    with service.valkey.client() as client:
        client.delete(f"bell.{service.model}")
        for connection in client.client_list():
            if connection["cmd"] == "brpop":
                client.client_kill(connection["addr"])
    for host in service.hosts:
        host.signal(signal.SIGCONT)
    return _timed("lost bell", 20, lambda: scene.begins.total > before)


def _dead_worker(scene: _Scene) -> Target:
    """Kills a host amid its items, for good; it is over when others have ended all that it had begun."""
    victim = scene.service.hosts[0]
    scene.pictures("dead worker", _MASTERS)
    until(lambda: bool(_in_hand(scene, victim.name)), _PATIENCE, period=0.01)
    with victim.busy:
        victim.signal(signal.SIGKILL)
        held = _in_hand(scene, victim.name)
        return _timed(f"dead worker with {len(held)} items", 60, lambda: held <= scene.records.ended.keys())


def _in_hand(scene: _Scene, host: str) -> set[tuple[str, int]]:
    scene.records.look()
    now = time.time()
    strike = Strike(fault="", at=now, until=now, hosts=frozenset({host}))
    return set(scene.begins.in_hand(strike, scene.records.ended))


def _flush(scene: _Scene) -> Target:
    """Flushes while many items are open; it is over when the index has every open job and an item ends."""
    masters = [hashlib.sha256(picture(f"dead worker/{number}")).hexdigest() for number in range(_MASTERS)]
    named = [masters[number % _MASTERS] for number in range(_OPEN_ITEMS)]
    items = [{"sha256": digest, "filename": f"{number}.png"} for number, digest in enumerate(named)]
    asked = [Asked(sha256=digest) for digest in named]
    body = {"recipe": {"model": MODEL}, "items": items}
    for host in scene.service.hosts:
        host.signal(signal.SIGSTOP)
    jobs = [scene.submit(f"flush {number}", asked, json=body) for number in range(_OPEN_JOBS)]
    with scene.service.valkey.client() as client:
        client.flushall()
        for host in scene.service.hosts:
            host.signal(signal.SIGCONT)
        ended = len(scene.records.ended)

        def over() -> bool:
            known = client.exists(*(f"pc:job:{job}" for job in jobs)) == len(jobs)
            return known and len(scene.records.ended) > ended

        return _timed(f"FLUSHALL with {_OPEN_JOBS * _OPEN_ITEMS:,} open items", 60, over)


def _timed(fault: str, target: float, over: Callable[[], bool]) -> Target:
    begun = time.monotonic()
    until(over, _PATIENCE, period=0.05)
    return Target(fault=fault, seconds=time.monotonic() - begun, target=target)
