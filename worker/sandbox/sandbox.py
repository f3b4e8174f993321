"""The sandbox as a worker sees it: orders go in, derivatives come out, and nothing that a picture does gets further."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

from shared import logs
from shared.errors import PictureError, SandboxUnavailable
from worker import metrics
from worker.orders import Colorist, Derivative, Order
from worker.sandbox.allowances import Allowances
from worker.sandbox.conversation import Answer, Lost, Watch, converse
from worker.sandbox.family import Family
from worker.sandbox.keeper import Keeper, NurseryLost
from worker.sandbox.verdicts import Circumstances, Fate, Loss, judge

_log = logs.logger(__name__)

#: What a child runs for each picture, and what the nursery calls once with the cache folder: "module:function".
ENTRY = "worker.pipeline:derive"
REHEARSAL = "worker.sandbox.rehearsal:rehearse"

#: How long a child that hung up may take to be dead: as long as the kernel takes to free its memory, seconds.
_LAST_BREATH = 5.0


class Sandbox:
    """Makes derivatives in limited processes, one a tenant, one after the other; see `worker.deriving.Deriver`."""

    def __init__(
        self,
        cache_dir: Path,
        memory_bytes: int,
        entry: str = ENTRY,
        *,
        rehearsal: str | None = REHEARSAL,
        allowances: Allowances | None = None,
    ) -> None:
        """Starts nothing yet.

        `cache_dir` keeps compiled kernels; a picture gets `memory_bytes` beyond what the loaded libraries take.
        """
        self._keeper = Keeper(entry=entry, rehearsal=rehearsal, cache_dir=cache_dir, memory_bytes=memory_bytes)
        self._allowances = allowances or Allowances()
        self._memory_bytes = memory_bytes
        self._family = Family(self._keeper)
        self._guard = threading.Lock()

    def start(self) -> None:
        """Starts what takes its time, without waiting for it, as `derive` would; raises SandboxUnavailable."""
        with self._guard:
            self._keeper.start()

    def prove(self) -> None:
        """Has a child forked and ended, as the first picture would; raises SandboxUnavailable."""
        with self._guard:
            try:
                self._family.end(self._family.child_of(""), 0)
            except NurseryLost as error:
                raise SandboxUnavailable("The process that the sandbox grows from died.") from error

    def close(self) -> None:
        """Ends its processes; the next order starts them anew."""
        with self._guard:
            self._family.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def derive(
        self,
        tenant: str,
        source: IO[bytes],
        target: IO[bytes],
        order: Order,
        *,
        colorist: Colorist,
        admitted: Callable[[int], None],
    ) -> Derivative:
        """Makes the derivative of the master in `source`, a file of the system, and writes it to `target`, another.

        `admitted` hears the number of pixels once the headers hold up, and again where the picture is tried again.
        Raises the PictureErrors of `worker.pipeline.derive`; TooExpensive and DecodeCrashed; SandboxUnavailable, which
        is no fault of the picture's; and what `colorist` and `admitted` raise.
        """
        talk = partial(
            converse,
            source=source,
            target=target,
            order=order,
            allowances=self._allowances,
            colorist=colorist,
            admitted=admitted,
        )
        tries = nurseries = 1
        with self._guard:
            while True:
                target.truncate(0)
                try:
                    outcome = self._try(tenant, talk, tries, target, order)
                except NurseryLost as error:
                    _log.error("nursery_lost", tenant=tenant, master=order.master, nurseries=nurseries)
                    if nurseries > 1:
                        raise SandboxUnavailable("The process that the sandbox grows from died, twice.") from error
                    nurseries += 1
                    continue
                if outcome:
                    break
                tries += 1
        if isinstance(outcome, PictureError):
            raise outcome
        # Where a writer in this process would have left it.
        target.seek(0, os.SEEK_END)
        return outcome

    def _try(
        self, tenant: str, talk: Callable[..., Answer], tries: int, target: IO[bytes], order: Order
    ) -> Derivative | PictureError | None:
        """Returns what came of the picture; None where a fresh child is to try once more. Raises NurseryLost too."""
        child = self._family.child_of(tenant)
        watch = Watch(self._allowances)
        try:
            answer = talk(child.wire, watch=watch)
        except Lost as lost:
            fate = self._family.end(child, _LAST_BREATH if lost.loss in (Loss.SILENT, Loss.BUG) else 0)
            here = Circumstances(
                allowances=self._allowances,
                memory_bytes=self._memory_bytes,
                pixels=watch.pixels,
                seconds=watch.seconds,
                cpu_before=child.cpu_seconds,
                file_bytes=os.fstat(target.fileno()).st_size,
                used=child.pictures > 0,
                tries=tries,
            )
            return self._judged(lost, fate, here, tenant, order)
        except BaseException:
            # The child is in the middle of something.
            with suppress(NurseryLost):
                self._family.end(child, 0)
            raise
        self._family.served(child, answer.cpu_seconds)
        return answer.outcome

    def _judged(self, lost: Lost, fate: Fate, here: Circumstances, tenant: str, order: Order) -> PictureError | None:
        verdict = judge(lost.loss, fate, here)
        metrics.child_lost(lost.loss)
        _log.warning(
            "child_lost",
            tenant=tenant,
            master=order.master,
            loss=lost.loss.value,
            words=lost.words,
            fate=fate.words,
            peak_bytes=fate.peak_bytes,
            tries=here.tries,
            verdict=verdict.code if verdict else "once more",
        )
        return verdict
