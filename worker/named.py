"""What jobs name: which objects of a tenant must stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from shared import layout, reports
from shared.condemned import STALE_SECONDS
from shared.deletion import deletions
from shared.errors import RecordDamaged
from shared.items import Item, part_count, part_numbers
from shared.jobs import Job
from shared.ledger import Ledger
from shared.sources.remembered import read
from worker.marks import Marks

#: Stem of a master itself, and of its preview.
MASTER = "master"

#: All that there is of a master: what a job will make of it is not known before `job.json` is there.
_ALL = "*"

#: Memories of sources that are read side by side.
_READERS = 16


class Named:
    """The masters of a tenant's jobs, and what each job's recipe makes of them.

    Manifests do not say what sources turned out to be. Reports do, once a job has ended. While a job with sources has
    not, every master that is remembered of a source counts as named: a worker remembers it before it relies on it.
    What lacks rows raises RecordDamaged: nobody can tell what they named.
    """

    def __init__(self, ledger: Ledger, tenant: str, *, without: frozenset[str] = frozenset()) -> None:
        """Reads nothing yet. `without`: ids of jobs that are taken for deleted."""
        self._ledger = ledger
        self._tenant = tenant
        self._marks = Marks()
        self._known = set(without)
        #: job -> parts with sources, of jobs that have not ended
        self._open: dict[str, list[int]] = {}
        #: whether there was such a job, or one that may become one
        self._sourced = False
        #: when the youngest memory of a source was written that was read, by the storage's clock
        self._remembered = 0.0

    def read(self) -> None:
        """Reads the manifests of the jobs that were not known, or not submitted to their end, the last time."""
        deleted = {job_id for _, job_id in deletions(self._ledger.store, self._tenant)}
        for job_id in self._ledger.store.children(layout.jobs(self._tenant)):
            if job_id not in self._known and job_id not in deleted and self._read_job(job_id):
                self._known.add(job_id)
        if self._sourced:
            self._read_memories()

    def has(self, master: str, stem: str) -> bool:
        """Tells whether a job names what has this stem in its file name, of this master (a digest)."""
        return f"{master}/{stem}" in self._marks or f"{master}/{_ALL}" in self._marks

    def _read_job(self, job_id: str) -> bool:
        """Marks what a job names; returns whether the job is there and will name no more."""
        ledger, tenant = self._ledger, self._tenant
        job = ledger.read_job(tenant, job_id)
        stems = _stems(job) if job else (_ALL,)
        parts = self._open.pop(job_id, None) or list(self._read_manifest(job_id, job, stems))
        if job is None:
            self._sourced |= bool(parts)
            return False
        if parts and ledger.read_ending(job) is None:
            self._open[job_id] = parts
            self._sourced = True
            return False
        for part in parts:
            rows = reports.read(ledger, job, part) or ()
            if len(rows) < len(part_numbers(part, job.total)) and self._is_there(job):
                raise _damaged(layout.report(tenant, job_id, part))
            self._mark((row.master for row in rows if row.source and row.master), stems)
        return True

    def _read_manifest(self, job_id: str, job: Job | None, stems: Sequence[str]) -> Iterator[int]:
        """Marks what a manifest names; yields the parts that have sources of which it names no master."""
        names = () if job else self._ledger.store.children(layout.manifests(self._tenant, job_id))
        for part in range(part_count(job.total)) if job else (int(PurePosixPath(name).stem) for name in names):
            key = layout.manifest(self._tenant, job_id, part)
            try:
                items = self._ledger.read_part(self._tenant, job_id, part)
            except KeyError:  # discarded or deleted meanwhile
                if job and self._is_there(job):
                    raise _damaged(key) from None
                continue
            if len(items) < (len(part_numbers(part, job.total)) if job else 1):
                raise _damaged(key)
            self._mark((item.master for item in items if item.master), stems)
            if any(_is_open(item) for item in items):
                yield part

    def _is_there(self, job: Job) -> bool:
        """Tells whether the job was not deleted since it was read."""
        return self._ledger.store.head(layout.job(job.tenant, job.id)) is not None

    def _read_memories(self) -> None:
        """Marks all masters that are remembered of sources; afterwards only those that were remembered since."""
        store, since = self._ledger.store, self._remembered - STALE_SECONDS
        keys: list[str] = []
        for info in store.list(layout.sources(self._tenant)):
            if info.modified >= since:
                keys.append(info.key)
                self._remembered = max(self._remembered, info.modified)
        with ThreadPoolExecutor(_READERS) as pool:
            self._mark((master for master in pool.map(lambda key: read(store, key), keys) if master), (_ALL,))

    def _mark(self, masters: Iterable[str], stems: Sequence[str]) -> None:
        for master in set(masters):
            for stem in stems:
                self._marks.add(f"{master}/{stem}")


def _damaged(key: str) -> RecordDamaged:
    return RecordDamaged(f"The record {key} lacks rows: put it back from a backup of the storage.", key=key)


def _is_open(item: Item) -> bool:
    return item.source is not None and item.master is None


def _stems(job: Job) -> tuple[str, ...]:
    recipe = job.recipe
    uncertainty = layout.uncertainty(job.tenant, "", recipe.model, recipe.pipeline)
    return MASTER, PurePosixPath(uncertainty).stem, *(each.digest for each in recipe.each())
