"""Wishes: what is asked of a submission, and the summary of what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is asked of a submission."""

    #: folder for the results; None leaves them at the server
    out: Path | None
    #: fields of the recipe that are not left to the server
    recipe: Mapping[str, Any] = field(default_factory=dict)
    #: https URL that is told when a job has ended
    webhook: str | None = None
    #: low, normal or high
    priority: str | None = None
    #: replace files in OUT that are not ours
    force: bool = False
    #: submit what failed before once more
    retry_failed: bool = False
    #: follow the jobs and fetch what they bring
    wait: bool = True
    #: one job for all, made once everything is uploaded
    one_job: bool = False
    #: transfers at once, each way
    parallel: int = 4
    #: folder of the state, where that is not in `out`
    state: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What became of the scans, and what this run did for it."""

    #: scans by what became of them
    succeeded: int
    failed: int
    canceled: int
    #: still at the server
    queued: int
    #: files that are no pictures
    skipped: int
    #: files that were sent
    uploaded: int
    #: ids of the jobs that were made
    jobs: tuple[str, ...]
    #: files that were fetched
    downloaded: int
