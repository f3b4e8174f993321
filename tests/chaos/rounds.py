"""One round: a service, clients, faults at random moments; then the drain, and the checks."""

from __future__ import annotations

import random
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import invariants
from tests.chaos.begins import Begins
from tests.chaos.bucket import bucket
from tests.chaos.clients import Crowd, Prepared, until
from tests.chaos.evidence import Evidence, FolderEvidence, Records
from tests.chaos.faults.bells import RingBells
from tests.chaos.invariants import Verdict
from tests.chaos.ledger import Ledger
from tests.chaos.monitor import Monitor
from tests.chaos.proxy import FaultyProxy
from tests.chaos.service import TENTH, Service
from tests.chaos.strikes import Fault, Strike, haunt
from tests.chaos.table import Row

#: How long the service may take to end what it has accepted, seconds: the longest wait of an item that was lost four
#: times is 60 s.
_DRAIN_SECONDS = 240.0

#: How long the load may go on until enough was accepted, seconds.
_LOAD_SECONDS = 3600.0

#: How long bells that ring when all is done are listened to, seconds.
_REPLAY_SECONDS = 3.0

#: Faults that happen one after the other, each so many times.
Chain = Sequence[tuple[Fault, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What happens in a round. Chains run beside each other."""

    #: what the table calls it
    name: str
    chains: Sequence[Chain]
    #: faults that happen again and again as long as there is load
    throughout: Sequence[Fault] = ()
    #: clients, and least and most items of their jobs
    clients: int = 8
    items: tuple[int, int] = (1, 30)
    #: shares of jobs that are paused and resumed, and that are canceled, by their clients
    pauses: float = 0.1
    cancels: float = 0.1
    #: least and greatest pause of a client after a job, seconds; None: it waits for the job's end
    pause: tuple[float, float] | None = None
    #: the load goes on until so many items were accepted
    least_items: int = 0
    #: worker hosts of one slot each, and APIs
    hosts: int = 2
    apis: int = 1
    #: settings of the service, beside those of every round
    settings: Mapping[str, str] = field(default_factory=dict)
    #: jobs that the first client sends before all others
    prepared: Callable[[int], Iterator[Prepared]] = field(default=lambda _: iter(()))
    #: what stands before S3; without it storage is a folder
    proxy: FaultyProxy | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How a round went."""

    rows: list[Row]
    #: what is wrong, in words
    wrong: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class _Course:
    """What is known while a round runs."""

    service: Service
    ledger: Ledger
    evidence: Evidence
    begins: Begins
    records: Records
    #: bytes that Valkey used before
    memory: int
    strikes: list[Strike] = field(default_factory=list)


def run(plan: Round, seed: int, folder: Path, models: Path) -> Report:
    """Runs a round below `folder`, which is removed if nothing is wrong."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        place = stack.enter_context(bucket(plan.proxy)) if plan.proxy else None
        service = Service(
            folder,
            models,
            hosts=plan.hosts,
            apis=plan.apis,
            settings={**TENTH, **plan.settings},
            environment=place.environment if place else {},
        )
        stack.enter_context(service)
        service.wait_ready()
        monitor = Monitor(service.valkey.socket)
        evidence = place.evidence if place else FolderEvidence(service.objects)
        with service.valkey.client() as client:
            memory = client.info("memory")["used_memory"]
        course = _Course(
            service=service,
            ledger=Ledger(folder / "ledger.jsonl"),
            evidence=evidence,
            begins=Begins(monitor),
            records=Records(evidence),
            memory=memory,
        )
        ringers = [fault for fault in plan.throughout if isinstance(fault, RingBells)]
        for ringer in ringers:
            ringer.tap(monitor)
        stack.enter_context(monitor)
        with course.records:
            _load(plan, seed, course)
            until(lambda: not invariants.unfinished(evidence, course.ledger), _DRAIN_SECONDS, period=1)
        wrong = [words for ringer in ringers for words in _replay(course, ringer)]
        verdict = _check(course)
        report = Report(rows=_rows(plan, course, verdict), wrong=[*wrong, *verdict.wrong])
    if not report.wrong:
        shutil.rmtree(folder)
    return report


def _load(plan: Round, seed: int, course: _Course) -> None:
    """Lets clients and faults loose until every fault has happened and enough was accepted."""
    crowd = Crowd(
        plan.clients,
        course.ledger,
        name=plan.name,
        urls=course.service.urls,
        items=plan.items,
        pauses=plan.pauses,
        cancels=plan.cancels,
        pause=plan.pause,
        seed=seed,
        prepared=plan.prepared(seed),
    )
    crowd.start()
    enough = threading.Event()

    def follow(number: int, chain: Chain) -> list[Strike]:
        dice = random.Random(f"{seed}/{plan.name}/{number}")
        return [strike for fault, times in chain for strike in haunt(course.service, fault, times, dice, enough)]

    endless: list[Chain] = [[(fault, sys.maxsize)] for fault in plan.throughout]
    with ThreadPoolExecutor(len(plan.chains) + len(endless)) as pool:
        ends = [pool.submit(follow, number, chain) for number, chain in enumerate(plan.chains)]
        others = [pool.submit(follow, -number, chain) for number, chain in enumerate(endless, 1)]
        course.strikes = [strike for end in ends for strike in end.result()]
        until(lambda: _accepted(course.ledger) >= plan.least_items, _LOAD_SECONDS, period=1)
        crowd.stop()
        enough.set()
        course.strikes += [strike for other in others for strike in other.result()]


def _accepted(ledger: Ledger) -> int:
    return sum(len(job.items) for job in ledger.jobs().values())


def _replay(course: _Course, ringer: RingBells) -> list[str]:
    """Rings all bells again when nothing is left: nothing may be begun."""
    before = course.begins.total
    count = ringer.replay(course.service, random.Random(0))
    begun = until(lambda: course.begins.total > before, _REPLAY_SECONDS)
    return [f"{count} bells that rang again began {course.begins.total - before} items"] if begun else []


def _check(course: _Course) -> Verdict:
    course.records.look()
    with course.service.valkey.client() as client:
        verdict = invariants.check(course.evidence, client, course.ledger)
        verdict.wrong += invariants.check_answers(course.service.urls[0], course.evidence, course.ledger)
        verdict.wrong += invariants.check_baseline(client, course.memory, verdict.jobs)
    changed = course.records.changed()
    verdict.duplicates += len(changed)
    verdict.wrong += [f"{key} is not what it was" for key in changed]
    verdict.wrong += course.begins.unexplained(course.strikes)
    verdict.wrong += course.begins.while_paused(course.ledger.pauses())
    return verdict


def _rows(plan: Round, course: _Course, verdict: Verdict) -> list[Row]:
    faults = [fault for chain in plan.chains for fault, _ in chain]
    names = dict.fromkeys(fault.name for fault in (*faults, *plan.throughout))
    strikes: Mapping[str, list[Strike]] = {
        name: [strike for strike in course.strikes if strike.fault == name] for name in names
    }
    return [
        Row(
            round=plan.name,
            fault=name,
            times=len(struck),
            jobs=verdict.jobs,
            items=verdict.items,
            began=course.begins.total,
            lost=verdict.lost,
            duplicates=verdict.duplicates,
            worst=max((_recovery(course, strike) for strike in struck), default=None),
        )
        for name, struck in strikes.items()
    ]


def _recovery(course: _Course, strike: Strike) -> float:
    """Returns how long it took until all that was hit had ended, and the next item, or the next 202, had come."""
    ended = course.records.ended
    hit = [] if strike.answers else course.begins.in_hand(strike, ended)
    moments = course.ledger.acceptances() if strike.answers else ended.values()
    following = [moment for moment in moments if moment > strike.until]
    return max([ended[item] for item in hit if item in ended] + [min(following, default=strike.until)]) - strike.at
