"""What jobs name: which objects of a tenant must stay."""

from __future__ import annotations

from pathlib import PurePosixPath

from shared import layout
from shared.deletion import deletions
from shared.jobs import Job
from shared.ledger import Ledger
from worker.marks import Marks

#: Stem of a master itself, and of its preview.
MASTER = "master"

#: All that there is of a master: what a job will make of it is not known before `job.json` is there.
_ALL = "*"


class Named:
    """The masters of a tenant's jobs, and what each job's recipe makes of them."""

    def __init__(self, ledger: Ledger, tenant: str, *, without: frozenset[str] = frozenset()) -> None:
        """Reads nothing yet. `without`: ids of jobs that are taken for deleted."""
        self._ledger = ledger
        self._tenant = tenant
        self._marks = Marks()
        self._known = set(without)

    def read(self) -> None:
        """Reads the manifests of the jobs that were not known, or not submitted to their end, the last time."""
        deleted = {job_id for _, job_id in deletions(self._ledger.store, self._tenant)}
        for job_id in self._ledger.store.children(layout.jobs(self._tenant)):
            if job_id not in self._known and job_id not in deleted and self._read_job(job_id):
                self._known.add(job_id)

    def has(self, master: str, stem: str) -> bool:
        """Tells whether a job names what has this stem in its file name, of this master (a digest)."""
        return f"{master}/{stem}" in self._marks or f"{master}/{_ALL}" in self._marks

    def _read_job(self, job_id: str) -> bool:
        """Marks what a job names; returns whether the job is there and will name no more."""
        ledger, tenant = self._ledger, self._tenant
        job = ledger.read_job(tenant, job_id)
        stems = _stems(job) if job else (_ALL,)
        for name in ledger.store.children(layout.manifests(tenant, job_id)):
            try:
                items = ledger.read_part(tenant, job_id, int(PurePosixPath(name).stem))
            except KeyError:  # discarded or deleted meanwhile
                continue
            for master in {item.master for item in items if item.master}:
                for stem in stems:
                    self._marks.add(f"{master}/{stem}")
        return job is not None


def _stems(job: Job) -> tuple[str, ...]:
    recipe = job.recipe
    uncertainty = layout.uncertainty(job.tenant, "", recipe.model, recipe.pipeline)
    return MASTER, PurePosixPath(uncertainty).stem, *(each.digest for each in recipe.each())
