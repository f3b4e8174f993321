"""Entry: a committed job becomes claimable."""

from __future__ import annotations

from api import counts
from shared import logs
from shared.bells import top_up
from shared.errors import Unavailable
from shared.jobs import Job
from shared.services import Services

_log = logs.logger(__name__)


def enter(services: Services, job: Job) -> None:
    """Makes a committed job claimable. What fails here is mended by the sweeper."""
    counts.submitted(job.total)
    try:
        services.index.register(job)
        slots = services.index.hosts.slots(job.recipe.model)
        top_up(services.bells, job.recipe.model, min(job.total, max(1, slots)))
    except Unavailable as error:
        _log.warning("job_not_registered", job=job.id, code=error.code, detail=error.detail)
