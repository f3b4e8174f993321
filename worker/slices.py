"""A slice: what one bell sets off. Claim and work until there is nothing, or until the slice is over.

While one item is colored, the next is fetched and the last is stored: at most `AHEAD` and `BEHIND` of them.
"""

from __future__ import annotations

import os
import random
import signal
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from shared import logs
from shared.bells import top_up
from shared.errors import Misconfigured, NetSelfTestFailed, PhotochromError
from shared.index.claims import Begin, Claim
from shared.items import Item, part_numbers, part_of
from shared.jobs import Job
from worker import attempts, closings
from worker.attempts import Colored, Fetched
from worker.leases import DEADLINE_SECONDS, Leases
from worker.retries import GiveUp, decide
from worker.workshop import Workshop

_log = logs.logger(__name__)

T = TypeVar("T")

#: Items that are fetched, or being fetched, while one is colored.
AHEAD = 2
#: Items that are being stored while one is colored.
BEHIND = 3

#: Deadline of an item that waits for those before it, which have deadlines of their own.
_IN_TURN = float("inf")

#: Manifest parts that a process keeps at hand.
_PARTS = 8

#: Wait of an item that went back because something outside is away, and because of something unforeseen, seconds.
_OUTAGE_WAIT = 5.0
_UNFORESEEN_WAIT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifests:
    """Jobs and items by claim, read once: they never change."""

    #: the newest parts that were read: (job id, part) -> job, items
    parts: OrderedDict[tuple[str, int], tuple[Job, tuple[Item, ...]]] = field(default_factory=OrderedDict)

    def find(self, shop: Workshop, claim: Claim) -> tuple[Job, Item]:
        """Returns the claim's job and item.

        Raises LookupError where storage does not have them; the index then forgets the job, which was deleted.
        """
        part = part_of(claim.item)
        key = (claim.job, part)
        if key not in self.parts:
            job = shop.ledger.read_job(claim.tenant, claim.job)
            if job is None:
                shop.index.forget(claim.tenant, claim.job)
                raise LookupError(f"job {claim.job} is not in storage")
            self.parts[key] = job, shop.ledger.read_part(claim.tenant, claim.job, part)
            while len(self.parts) > _PARTS:
                self.parts.popitem(last=False)
        job, items = self.parts[key]
        return job, items[claim.item - part_numbers(part, job.total).start]


def work(shop: Workshop, model: str) -> int:
    """Answers one bell; returns how many items came to an end."""
    with Leases(shop.index, shop.clock, seconds=shop.settings.lease_seconds, overdue=_end_process) as leases:
        ended = _Slice(shop=shop, model=model, leases=leases).run()
    if model in shop.index.wanted_models():
        top_up(shop.bells, model, max(1, shop.index.hosts.slots(model)))
    return ended


def _end_process(claim: Claim) -> None:
    """Ends this process as if it had died: whatever hangs in it cannot be stopped otherwise."""
    _log.critical("deadline_passed", job=claim.job, item=claim.item)
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(kw_only=True, slots=True)
class _Slice:
    """The state of one slice."""

    shop: Workshop
    model: str
    leases: Leases
    ahead: deque[Future[Fetched | None]] = field(default_factory=deque)
    behind: deque[Future[bool]] = field(default_factory=deque)
    manifests: Manifests = field(default_factory=Manifests)
    jitter: random.Random = field(default_factory=random.Random)
    ended: int = 0

    def run(self) -> int:
        """Works until nothing is left or the slice is over."""
        over = self.shop.clock.now() + self.shop.settings.slice_seconds
        alone: Claim | None = None
        with (
            ThreadPoolExecutor(AHEAD, "fetch") as fetchers,
            ThreadPoolExecutor(BEHIND, "keep") as keepers,
            closing(self),
        ):
            while True:
                while len(self.ahead) < AHEAD and alone is None and self.shop.clock.now() < over:
                    claim = self._claim()
                    if claim is None:
                        break
                    if claim.alone:
                        alone = claim
                    else:
                        self.ahead.append(fetchers.submit(self._fetch, claim))
                if self.ahead:
                    self._color(self.ahead.popleft().result(), keepers)
                elif alone is not None:
                    # It cost a worker before: nothing else may be in flight while it is tried.
                    self._settle(0)
                    self._color(self._fetch(alone), keepers)
                    self._settle(0)
                    alone = None
                else:
                    break
                self._settle(BEHIND)
            self._settle(0)
        return self.ended

    def close(self) -> None:
        """Lets go of what was fetched ahead and is not colored, where the net is broken."""
        while self.ahead:
            if fetched := self.ahead.popleft().result():
                fetched.close()

    def _claim(self) -> Claim | None:
        claims = self.shop.index.claim(
            self.model,
            pipeline=self.shop.pipeline,
            owner=self.shop.new_owner(),
            host=self.shop.settings.host,
            lease=self.shop.settings.lease_seconds,
        )
        for claim in claims:
            self.leases.hold(claim, _IN_TURN)
        return claims[0] if claims else None

    def _fetch(self, claim: Claim) -> Fetched | None:
        def fetch() -> Fetched:
            self._begin(claim)
            job, item = self.manifests.find(self.shop, claim)
            return attempts.fetch(self.shop, claim, job, item)

        fetched = self._guarded(claim, fetch)
        if fetched is not None:
            self.leases.hold(claim, _IN_TURN)
        return fetched

    def _begin(self, claim: Claim) -> None:
        """Gives a stage its time from now on."""
        self.leases.hold(claim, self.shop.clock.now() + DEADLINE_SECONDS)

    def _color(self, fetched: Fetched | None, keepers: ThreadPoolExecutor) -> None:
        if fetched is None:
            return
        claim = fetched.claim
        with closing(fetched):
            # Nothing is begun yet: where the net fails, leases end and another worker takes the items.
            self.shop.proofs.before(self.model)
            self._begin(claim)
            colored = self._guarded(claim, lambda: attempts.color(self.shop, self.leases, fetched))
        if isinstance(colored, Begin):
            self.leases.drop(claim)
            _log.info("item_not_begun", job=claim.job, item=claim.item, verdict=colored)
        elif colored is not None:
            self.behind.append(keepers.submit(self._keep, claim, colored))

    def _keep(self, claim: Claim, colored: Colored) -> bool:
        with closing(colored):
            outcome = self._guarded(claim, lambda: attempts.keep(self.shop, colored))
        if outcome is None:
            return False
        self.leases.drop(claim)
        log = _log.info if outcome.code else _log.debug
        log("item_ended", job=claim.job, item=claim.item, state=outcome.state, code=outcome.code)
        return True

    def _settle(self, most: int) -> None:
        """Waits until at most `most` items are being stored."""
        while len(self.behind) > most:
            self.ended += self.behind.popleft().result()

    def _guarded(self, claim: Claim, stage: Callable[[], T]) -> T | None:
        """Runs one stage; returns None where the item went back.

        What goes wrong ends the slice only where it is the net: NetSelfTestFailed is raised. Trouble outside is waited
        out and never charged to the item. Anything unforeseen is: after five such attempts the item fails, so that it
        cannot come back for ever.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return stage()
            except PhotochromError as error:
                decision = decide(error, attempt, jitter=self.jitter)
                if isinstance(decision, GiveUp):
                    _log.warning(
                        "item_given_back", job=claim.job, item=claim.item, code=error.code, detail=error.detail
                    )
                    # What waiting ends, or the operator, is no item's fault.
                    outside = error.retryable or isinstance(error, Misconfigured)
                    self._release(claim, wait=_OUTAGE_WAIT, refund=outside)
                    if isinstance(error, NetSelfTestFailed):
                        raise
                    return None
                self.shop.clock.sleep(decision.after)
            except Exception:  # noqa: BLE001 - the log line has it all, and the next item must go on
                _log.exception("attempt_failed", job=claim.job, item=claim.item)
                self._release(claim, wait=_UNFORESEEN_WAIT, refund=False)
                return None

    def _release(self, claim: Claim, *, wait: float, refund: bool) -> None:
        self.leases.drop(claim)
        closure = self.shop.index.release(claim, wait=wait, refund=refund)
        if closure.job and (job := self.shop.ledger.read_job(claim.tenant, claim.job)):
            closings.close_job(self.shop.ledger, self.shop.index, self.shop.clock, job)
