"""Estimates: how long a plan takes at the server's present number of workers, and what that rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from photochrom.errors import ClientError
from photochrom.papers.reports import lines
from photochrom.plans.plan import Plan
from photochrom.wire.records import Job

#: Model -> seconds of one slot a picture and a megapixel: on one core of a shared x86-64 machine, with previews
#: (`python -m bench stages`, `python -m bench nets`).
_MEASURED = {"lite": (0.09, 0.05), "eccv16": (0.86, 0.05), "eccv16-norebal": (0.86, 0.05)}

#: What a model that was never measured is taken to cost, in proportion only.
_SHAPE = (0.5, 0.05)

_DEFAULT_MODEL = "lite"

#: Newest jobs, and rows of the first of them that tells something, that are looked at.
_JOBS, _ROWS = 20, 200

#: Pictures that a job must have computed before its times are believed.
_ENOUGH = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """How long the server would compute."""

    #: hours; None where nobody can say
    hours: float | None
    #: items that are computed at once; None where the server does not say
    slots: int | None
    #: in words
    basis: str

    def to_json(self) -> dict[str, Any]:
        """Returns hours to a thousandth, slots and basis."""
        return {
            "hours": self.hours if self.hours is None else round(self.hours, 3),
            "slots": self.slots,
            "basis": self.basis,
        }


class Asked(Protocol):
    """What is asked of a server."""

    def queue(self) -> Mapping[str, Any]:
        """Returns what waits, and the slots by model."""

    def jobs(self, *, limit: int = 100) -> list[Job]:
        """Returns the newest jobs, newest first."""

    def report(self, job_id: str) -> Iterator[bytes]:
        """Yields the rows so far as JSON lines."""


def estimate(plan: Plan, recipe: Mapping[str, Any], server: Asked) -> Estimate:
    """Estimates the time of what has to be computed, transfers and what waits before it left out.

    Rests on the newest ended job of this tenant with the same model, else on figures measured where Photochrom is made.
    """
    model = str(recipe.get("model") or _DEFAULT_MODEL)
    slots = _slots(server, model)
    fixed, slope = _MEASURED.get(model, _SHAPE)
    factor, basis = _observed(server, model, fixed, slope)
    if factor is None:
        if model not in _MEASURED:
            return Estimate(hours=None, slots=slots, basis=f"no job with {model} has ended here yet")
        factor, basis = 1.0, f"figures measured on one core of another machine ({fixed} s + {slope} s a megapixel)"
    pictures = plan.pictures - plan.duplicates - plan.too_large - plan.mismatches
    known = plan.pictures - plan.unknown
    mean = plan.megapixels / known if known else 0.0
    candidates = len(recipe.get("candidates") or ()) or 1
    seconds = factor * pictures * (fixed + slope * mean * candidates)
    if slots is None:
        return Estimate(hours=None, slots=None, basis="the server does not say how many workers it has")
    if slots == 0:
        return Estimate(hours=None, slots=0, basis=f"no worker serves {model} at the moment")
    return Estimate(hours=seconds / slots / 3600, slots=slots, basis=basis)


def _slots(server: Asked, model: str) -> int | None:
    """Returns how many items with this model are computed at once; None of a server that does not say."""
    try:
        queue = server.queue()
    except ClientError:
        return None
    return int(queue.get("models", {}).get(model, {}).get("slots", 0))


def _observed(server: Asked, model: str, fixed: float, slope: float) -> tuple[float | None, str]:
    """Returns by what factor recent pictures took longer than (`fixed` + `slope` a megapixel), and which they were."""
    try:
        jobs = [job for job in server.jobs(limit=_JOBS) if job.ended and job.data.get("model") == model]
        for job in jobs:
            spent = expected = 0.0
            count = 0
            for row in islice(_computed(server.report(job.id)), _ROWS):
                made = row["derivative"]
                spent += sum(row["timings"].values())
                expected += fixed + slope * made["width"] * made["height"] / 1e6
                count += 1
            if count >= _ENOUGH:
                return spent / expected, f"{count} pictures of your job {job.id}"
    except ClientError:
        pass
    return None, ""


def _computed(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the rows of pictures that were computed and not found made."""
    for row in map(json.loads, lines(chunks)):
        if row.get("derivative") and row.get("timings") and not row.get("already_made") and not row.get("candidates"):
            yield row
