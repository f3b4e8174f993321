"""The family: the children that live, one a tenant. It decides which is kept, and which has to go."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared import logs
from worker import metrics
from worker.sandbox.keeper import Keeper, NurseryLost
from worker.sandbox.verdicts import Fate
from worker.sandbox.wire import Wire

_log = logs.logger(__name__)

#: Children that live at a time, each of another tenant; beside them the nursery's spare. Few, since each is a process
#: and holds some 10 MB of its own after small pictures; enough that the tenants a worker turns between keep theirs.
_MAX_CHILDREN = 4

#: Pictures that one child serves at most, so that what libraries leave behind does not add up without end.
_MAX_PICTURES = 500

#: Memory that a child may hold, between pictures, beyond what it was born with, bytes. Pictures of 12 MP leave 42 MB at
#: most and no more with each; a child that holds more costs everybody more than a fresh one costs its tenant.
_MAX_HELD_BYTES = 64 << 20


@dataclass(kw_only=True, slots=True)
class Child:
    """A child that lives, as far as is known."""

    #: whose pictures it serves
    tenant: str
    #: process id; the nursery keeps it from being used again until it is told to end the child
    pid: int
    #: the wire to it
    wire: Wire
    #: memory that it was born with, bytes
    born_bytes: int
    #: how many pictures it has served
    pictures: int = 0
    #: processor time they took, seconds
    cpu_seconds: float = 0.0


class Family:
    """The children of one keeper's nursery. Whatever goes wrong with the nursery ends them all."""

    def __init__(self, keeper: Keeper) -> None:
        """Has none yet."""
        self._keeper = keeper
        #: by tenant, the least recently used first
        self._children: dict[str, Child] = {}

    def child_of(self, tenant: str) -> Child:
        """Returns the child of a tenant, a fresh one where it has none; raises NurseryLost, SandboxUnavailable.

        Where there are too many the least recently used one is ended.
        """
        child = self._children.get(tenant)
        if child and not child.wire.quiet():
            # It died while it waited, or speaks unasked: no picture's doing, and no picture's try.
            fate = self.end(child, 0)
            _log.warning("idle_child_lost", tenant=tenant, fate=fate.words, peak_bytes=fate.peak_bytes)
            metrics.child_lost("idle")
            child = None
        child = child or self._fresh(tenant)
        self._children.pop(tenant, None)
        self._children[tenant] = child
        return child

    def served(self, child: Child, cpu_seconds: float) -> None:
        """Notes that a child has served a picture; ends it where it has served enough, or holds too much memory.

        `cpu_seconds` is the processor time of its life so far.
        """
        child.pictures += 1
        child.cpu_seconds = cpu_seconds
        held = _own_bytes(child.pid) - child.born_bytes
        if child.pictures < _MAX_PICTURES and held <= _MAX_HELD_BYTES:
            return
        try:
            self.end(child, 0)
        except NurseryLost:
            # The picture is made; the next one finds out.
            _log.warning("nursery_lost_between", tenant=child.tenant)

    def end(self, child: Child, patience: float) -> Fate:
        """Waits for a child's end, `patience` seconds at most, then has it killed; raises NurseryLost."""
        self._forget(child)
        with self._all_or_none():
            return self._keeper.end(child.pid, patience)

    def close(self) -> None:
        """Ends all, and the nursery."""
        for child in [*self._children.values()]:
            self._forget(child)
        self._keeper.stop()

    def _fresh(self, tenant: str) -> Child:
        former = None
        if len(self._children) >= _MAX_CHILDREN:
            former = next(iter(self._children.values()))
            self._forget(former)
        with self._all_or_none():
            pid, wire = self._keeper.child(former.pid if former else None)
        metrics.child_began()
        return Child(tenant=tenant, pid=pid, wire=wire, born_bytes=_own_bytes(pid))

    def _forget(self, child: Child) -> None:
        self._children.pop(child.tenant, None)
        child.wire.close()

    @contextmanager
    def _all_or_none(self) -> Iterator[None]:
        """Ends everything where a request fails: who lives then is not known."""
        try:
            yield
        except BaseException:
            self.close()
            raise


def _own_bytes(pid: int) -> int:
    """Returns the memory that a process holds and that is no file's, bytes; 0 for one that is gone (proc(5), statm)."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * resource.getpagesize()
