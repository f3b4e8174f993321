"""A slice: what one bell sets off. Claim and work until there is nothing, or until the slice is over.

It is over after a few seconds where another net's items wait for the process, else after `STRETCH` times as long.

While one item is colored, the next is fetched and the last is stored: at most `AHEAD` and `BEHIND` of them.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from shared import logs
from shared.bells import top_up
from shared.errors import PhotochromError
from shared.index import MAX_ATTEMPTS
from shared.index.claims import Begin, Claim
from worker import attempts, metrics, settling
from worker.attempts import Colored, Fetched
from worker.guard import Guard
from worker.leases import DEADLINE_SECONDS, Leases
from worker.manifests import Manifests
from worker.workshop import Workshop

_log = logs.logger(__name__)

#: Items that are fetched, or being fetched, while one is colored.
AHEAD = 2
#: Items that are being stored while one is colored.
BEHIND = 3

#: Items that are claimed at once at most, and what it may take to end them, seconds: nobody else's item waits longer.
_MOST = 64
_BATCH_SECONDS = 0.1

#: How many times `slice_seconds` a slice may last while no other net's items wait for the process. Each slice ends with
#: a pause, in which its last items are stored and nothing is colored.
STRETCH = 6

#: Deadline of an item that waits for those before it, which have deadlines of their own.
_IN_TURN = float("inf")


def work(shop: Workshop, model: str) -> int:
    """Answers one bell; returns how many items came to an end."""
    with Leases(shop.index, shop.clock, seconds=shop.settings.lease_seconds, overdue=_end_process) as leases:
        guard = Guard(shop=shop, leases=leases)
        ended = _Slice(shop=shop, model=model, leases=leases, guard=guard).run()
    if model in shop.index.wanted_models():
        metrics.bells_rung(top_up(shop.bells, model, max(1, shop.index.hosts.slots(model))))
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
    guard: Guard
    ahead: deque[Future[Fetched | None]] = field(default_factory=deque)
    behind: deque[Future[bool]] = field(default_factory=deque)
    #: an item that cost a worker before: nothing else may be in flight while it is tried
    alone: Claim | None = None
    #: items that are claimed at once at most
    most: int = _MOST
    manifests: Manifests = field(default_factory=Manifests)
    ended: int = 0
    begun: float = 0.0

    def run(self) -> int:
        """Works until nothing is left or the slice is over."""
        self.begun = self.shop.clock.now()
        with (
            ThreadPoolExecutor(AHEAD, "fetch") as fetchers,
            ThreadPoolExecutor(BEHIND, "keep") as keepers,
            closing(self),
        ):
            while True:
                self._fill(fetchers)
                if self.ahead:
                    self._color(self.ahead.popleft().result(), keepers)
                elif self.alone is not None:
                    self._wait(0)
                    self._color(self._fetch(self.alone), keepers)
                    self._wait(0)
                    self.alone = None
                else:
                    break
                self._wait(BEHIND)
            self._wait(0)
        return self.ended

    def close(self) -> None:
        """Lets go of what was fetched ahead and is not colored, where the net is broken."""
        while self.ahead:
            if fetched := self.ahead.popleft().result():
                fetched.close()

    def _over(self) -> bool:
        """Tells whether nothing more may be claimed, so that another net's bell is heard."""
        lasted = self.shop.clock.now() - self.begun
        if lasted < self.shop.settings.slice_seconds:
            return False
        if lasted >= STRETCH * self.shop.settings.slice_seconds:
            return True
        others = self.shop.nets.keys() - {self.model}
        return bool(others) and not others.isdisjoint(self.shop.index.wanted_models())

    def _fill(self, fetchers: ThreadPoolExecutor) -> None:
        """Claims until enough is being fetched; items that need no coloring end here, many at once."""
        while len(self.ahead) < AHEAD and self.alone is None and not self._over():
            claims = self._claim()
            if not claims:
                return
            if len(claims) == 1:
                self._take(claims, fetchers)
                continue
            self._take(self._settle(claims), fetchers)
            if self.ahead:  # what is fetched must not wait for other batches
                return

    def _claim(self) -> Sequence[Claim]:
        claims = self.shop.index.claim(
            self.model,
            pipeline=self.shop.pipeline,
            owner=self.shop.new_owner(),
            host=self.shop.settings.host,
            lease=self.shop.settings.lease_seconds,
            most=self.most,
        )
        metrics.claimed(len(claims))
        for claim in claims:
            self.leases.hold(claim, _IN_TURN)
        return claims

    def _settle(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Ends what needs no coloring and returns the claims of the rest."""

        def settle() -> list[Claim]:
            self._begin(*claims)
            found = [self.manifests.find(self.shop, claim) for claim in claims]
            return settling.settle(self.shop, found[0][0], claims, [item for _, item in found], self.leases)

        begun = time.perf_counter()
        left = self.guard.run(claims, settle)
        took = time.perf_counter() - begun
        self.most = max(2, min(_MOST, int(len(claims) * _BATCH_SECONDS / max(took, 1e-3))))
        if left is None:
            return ()
        self.ended += len(claims) - len(left)
        for claim in left:
            self.leases.hold(claim, _IN_TURN)
        return left

    def _take(self, claims: Sequence[Claim], fetchers: ThreadPoolExecutor) -> None:
        """Has as many fetched as there is room for, and gives the others back."""
        spare = []
        for claim in claims:
            if claim.alone and self.alone is None:
                self.alone = claim
            elif claim.alone or len(self.ahead) == AHEAD:
                spare.append(claim)
            else:
                self.ahead.append(fetchers.submit(self._fetch, claim))
        if spare:
            self.guard.release(spare, wait=0, charge=False)

    def _fetch(self, claim: Claim) -> Fetched | None:
        def fetch() -> Fetched:
            self._begin(claim)
            job, item = self.manifests.find(self.shop, claim)
            try:
                return attempts.fetch(self.shop, claim, job, item, alive=lambda: self._begin(claim))
            except PhotochromError:
                raise
            except Exception:
                if claim.attempts < MAX_ATTEMPTS:
                    raise
                _log.exception("attempts_used_up", job=claim.job, items=[claim.item])
                return attempts.used_up(claim, job, item)

        fetched = self.guard.run([claim], fetch)
        if fetched is not None:
            self.leases.hold(claim, _IN_TURN)
        return fetched

    def _begin(self, *claims: Claim) -> None:
        """Gives a stage its time from now on."""
        until = self.shop.clock.now() + DEADLINE_SECONDS
        for claim in claims:
            self.leases.hold(claim, until)

    def _color(self, fetched: Fetched | None, keepers: ThreadPoolExecutor) -> None:
        if fetched is None:
            return
        claim = fetched.claim
        with closing(fetched):
            # Nothing is begun yet: where the net fails, leases end and another worker takes the items.
            self.shop.proofs.before(self.model)
            self._begin(claim)
            colored = self.guard.run([claim], lambda: attempts.color(self.shop, self.leases, fetched))
        if isinstance(colored, Begin):
            self.leases.drop(claim)
            _log.info("item_not_begun", job=claim.job, item=claim.item, verdict=colored)
        elif colored is not None:
            self.behind.append(keepers.submit(self._keep, claim, colored))

    def _keep(self, claim: Claim, colored: Colored) -> bool:
        with closing(colored):
            drop = partial(self.leases.drop, claim)
            return self.guard.run([claim], lambda: attempts.keep(self.shop, colored, recorded=drop)) is not None

    def _wait(self, most: int) -> None:
        """Waits until at most `most` items are being stored."""
        while len(self.behind) > most:
            self.ended += self.behind.popleft().result()
