"""Events: what a webhook says. The same job gives the same bytes at every attempt."""

from __future__ import annotations

import json
from dataclasses import asdict

from shared.clock import timestamp
from shared.jobs import Ending, Job


def event_id(job: Job) -> str:
    """Returns the id of the one event of a job, by which a receiver knows it again."""
    return f"msg_{job.id}"


def event_body(job: Job, ending: Ending) -> bytes:
    """Returns the event as JSON: its type, when it happened, and the job as the API shows it."""
    path = f"/v1/jobs/{job.id}"
    data = {
        "id": job.id,
        "state": ending.state,
        "created_at": timestamp(job.created),
        "finished_at": timestamp(ending.finished),
        "recipe": asdict(job.recipe),
        "model": job.model,
        "total": job.total,
        "counts": asdict(ending.counts),
        "links": {"self": path, "items": f"{path}/items", "report": f"{path}/report"},
    }
    event = {"type": f"job.{ending.state}", "timestamp": timestamp(ending.finished), "data": data}
    return json.dumps(event, separators=(",", ":")).encode()
