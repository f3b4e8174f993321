"""Pruning: removes what no job names any more. Mark over the manifests, then sweep over the objects, tenant by tenant.

It may run while jobs are submitted and worked on: see `shared.condemned` for why no job loses what it names.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, groupby, islice
from pathlib import PurePosixPath

from shared import layout
from shared.clock import Clock
from shared.condemned import ACT_SECONDS, condemn
from shared.deletion import delete
from shared.index import Index
from shared.ledger import Ledger
from shared.sources.remembered import read
from shared.storage import ObjectInfo
from shared.uploads import remove_leftover
from worker.named import MASTER, Named
from worker.sweeper import KEEP_UNSUBMITTED

#: Nothing younger goes: somebody may be about to submit it, seconds.
YOUNG_SECONDS = 24 * 3600

#: Masters that are condemned together.
_BATCH = 1_000

#: Masters whose objects are removed side by side.
_THREADS = 16

#: Names of each kind that are shown.
_SHOWN = 3


class Kind(StrEnum):
    """What an object is."""

    JOBS = "jobs"  # that ended long enough ago
    MASTERS = "masters"
    DERIVATIVES = "derivatives"  # with their sidecars
    PREVIEWS = "previews"  # with the maps of uncertainty
    # Records of no job, expired Idempotency-Keys, uploads that were never proved, memories of sources of no job.
    LEFTOVERS = "leftovers"


@dataclass(kw_only=True, slots=True)
class Heap:
    """What was removed, or would be, of one kind."""

    count: int = 0
    #: bytes
    size: int = 0
    #: the first few names
    names: list[str] = field(default_factory=list)

    def add(self, name: str, size: int) -> None:
        """Counts one."""
        self.count += 1
        self.size += size
        if len(self.names) < _SHOWN:
            self.names.append(name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What one prune of one tenant removed, or would remove."""

    heaps: dict[Kind, Heap] = field(default_factory=lambda: {kind: Heap() for kind in Kind})


_Entry = tuple[Kind, ObjectInfo]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """What there is of one master."""

    master: str
    objects: tuple[_Entry, ...]

    def unnamed(self, named: Named) -> list[_Entry]:
        """Returns what no job names, in the order in which it may go.

        A sidecar says that the rest is there, so that it goes first; the master, which nobody can make again, last.
        """
        found = [(kind, info) for kind, info in self.objects if not named.has(self.master, _stem(kind, info))]
        return sorted(found, key=lambda entry: (entry[0] is Kind.MASTERS, not entry[1].key.endswith(".json")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruner:
    """One prune of one tenant."""

    ledger: Ledger
    clock: Clock
    tenant: str
    #: whether nothing is removed, only counted
    dry_run: bool
    pruned: Pruned = field(default_factory=Pruned)

    def run(self, index: Index, *, ended_before: float | None = None) -> Pruned:
        """Deletes the jobs that ended before a moment (seconds since the epoch), then removes what no job names.

        Returns what went, or would go. The index is asked only where a job is deleted.
        """
        old = frozenset(self._delete_jobs(index, ended_before) if ended_before is not None else ())
        named = Named(self.ledger, self.tenant, without=old)
        named.read()
        groups = (group for group in self._groups() if group.unnamed(named))
        while batch := list(islice(groups, _BATCH)):
            if self.dry_run:
                self._count(entry for group in batch for entry in group.unnamed(named))
            else:
                self._remove_batch(batch, named)
        for info in chain(self._memories(named), self._leftovers()):
            if not self.dry_run:
                remove_leftover(self.ledger.store, self.tenant, info)
            self._count([(Kind.LEFTOVERS, info)])
        return self.pruned

    def _delete_jobs(self, index: Index, moment: float) -> Iterator[str]:
        ledger, tenant = self.ledger, self.tenant
        for job_id in list(ledger.store.children(layout.jobs(tenant))):
            job = ledger.read_job(tenant, job_id)
            ending = ledger.read_ending(job) if job else None
            if ending is None or ending.finished >= moment:
                continue
            size = sum(info.size for info in ledger.store.list(layout.job_folder(tenant, job_id)))
            self.pruned.heaps[Kind.JOBS].add(job_id, size)
            while not self.dry_run and not delete(ledger, index, tenant, job_id):
                pass
            yield job_id

    def _remove_batch(self, batch: list[_Group], named: Named) -> None:
        """Removes what is still unnamed once everybody who submits can see what is condemned."""
        store, clock = self.ledger.store, self.clock
        over = clock.now() + ACT_SECONDS
        record = condemn(store, clock, self.tenant, (group.master for group in batch))
        try:
            named.read()
            with ThreadPoolExecutor(_THREADS) as pool:
                for removed in pool.map(lambda group: self._remove(group.unnamed(named), over), batch):
                    self._count(removed)
        finally:
            store.delete(record)

    def _remove(self, doomed: list[_Entry], over: float) -> list[_Entry]:
        """Removes objects as long as it may, and returns those that it removed."""
        removed = []
        for kind, info in doomed:
            if self.clock.now() >= over:  # what is left has its turn the next time
                break
            self.ledger.store.delete(info.key)
            removed.append((kind, info))
        return removed

    def _count(self, removed: Iterable[_Entry]) -> None:
        for kind, info in removed:
            self.pruned.heaps[kind].add(info.key, info.size)

    def _groups(self) -> Iterator[_Group]:
        """Yields all there is, master by master, but for masters of which something is young."""
        prefixes = {
            Kind.MASTERS: layout.masters(self.tenant),
            Kind.DERIVATIVES: layout.derivatives(self.tenant),
            Kind.PREVIEWS: layout.previews(self.tenant),
        }
        merged = heapq.merge(*(self._of(kind, prefix) for kind, prefix in prefixes.items()), key=lambda found: found[0])
        for master, found in groupby(merged, key=lambda entry: entry[0]):
            objects = tuple((kind, info) for _, kind, info in found)
            if all(self._age(info) > YOUNG_SECONDS for _, info in objects):
                yield _Group(master=master, objects=objects)

    def _of(self, kind: Kind, prefix: str) -> Iterator[tuple[str, Kind, ObjectInfo]]:
        for info in self.ledger.store.list(prefix):
            yield info.key.removeprefix(prefix).split("/")[1], kind, info

    def _memories(self, named: Named) -> Iterator[ObjectInfo]:
        """Yields the old memories of sources whose masters no job names: a source can be fetched again."""
        store = self.ledger.store
        old = (info for info in store.list(layout.sources(self.tenant)) if self._age(info) > YOUNG_SECONDS)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(old, _BATCH)):
                masters = pool.map(lambda info: read(store, info.key), batch)
                for info, master in zip(batch, masters, strict=True):
                    if master is None or not named.has(master, MASTER):
                        yield info

    def _leftovers(self) -> Iterator[ObjectInfo]:
        """Yields what broken submissions, uploads and deletions left behind, and answers of keys that have expired."""
        store = self.ledger.store
        prefixes = [layout.uploads(self.tenant), layout.idempotencies(self.tenant), layout.condemned(self.tenant)]
        jobs = list(store.children(layout.jobs(self.tenant)))
        prefixes += (layout.job_folder(self.tenant, job_id) for job_id in jobs if self._is_nobodys(job_id))
        for prefix in prefixes:
            yield from (info for info in store.list(prefix) if self._age(info) > KEEP_UNSUBMITTED)

    def _is_nobodys(self, job_id: str) -> bool:
        """Tells whether a folder of records is of no job, and of none that is being submitted or deleted."""
        keys = (layout.job, layout.open_job, layout.deleting)
        return all(self.ledger.store.head(key(self.tenant, job_id)) is None for key in keys)

    def _age(self, info: ObjectInfo) -> float:
        return self.clock.now() - info.modified


def _stem(kind: Kind, info: ObjectInfo) -> str:
    return MASTER if kind is Kind.MASTERS else PurePosixPath(info.key).stem
