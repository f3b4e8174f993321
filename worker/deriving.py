"""Deriving: the port between an attempt and whatever turns a master's bytes into a derivative's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Protocol

from worker.orders import Colorist, Derivative, Order


class Deriver(Protocol):
    """Makes derivatives: in a sandbox, or in place."""

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
        """Makes the derivative of the master in `source` and writes its file to `target`, which is empty.

        Both are files of the system, at their start. `colorist` stands for the net; `admitted` hears the number of
        pixels once the headers hold up. Raises the PictureErrors of `worker.pipeline.derive`, TooExpensive and
        DecodeCrashed.
        """


@dataclass(frozen=True, slots=True)
class InPlace:
    """The twin of the sandbox that trusts its bytes: for tests, and to measure what the sandbox costs."""

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
        """Makes the derivative in this process."""
        from worker.pipeline import derive  # noqa: PLC0415 - decoders are loaded only where they are used

        return derive(source, target, order, colorist=colorist, admit=admitted)


@dataclass(frozen=True, slots=True)
class PerThread:
    """A deriver of its own for each thread that comes: a sandbox serves one picture at a time."""

    #: makes one
    make: Callable[[], Deriver]
    _own: threading.local = field(default_factory=threading.local)

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
        """Has this thread's deriver make the derivative."""
        if not hasattr(self._own, "deriver"):
            self._own.deriver = self.make()
        deriver: Deriver = self._own.deriver
        return deriver.derive(tenant, source, target, order, colorist=colorist, admitted=admitted)
