"""Papers: of each scan what is known here, beside what the server says of its item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from photochrom.bulk.outputs import outputs_of
from photochrom.bulk.state import Entry
from photochrom.papers.reports import MEASURES, Reports


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One result of a scan: its file, and what the server says of it."""

    #: relative to the results' folder
    path: str
    #: sha256, size, media_type, width, height
    facts: Mapping[str, Any]
    #: delta_l, encoded_delta_l, warnings; of several candidates temperature as well
    measures: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One scan with all that is known of it."""

    #: as it is noted here; its filename is its path below the folder that was named
    entry: Entry
    #: the job as the server tells it; empty where it never came to one, or the server has forgotten it
    job: Mapping[str, Any]
    #: the item's row in the server's report; empty as long as there is none
    row: Mapping[str, Any]

    @property
    def results(self) -> list[Result]:
        """The results that lie in OUT, candidates in the order of the recipe."""
        if self.entry.state != "succeeded" or not self.row.get("derivative"):
            return []
        made = self.row.get("candidates") or [self.row]
        return [
            Result(
                path=path,
                facts={name: each["derivative"][name] for name in ("sha256", "size", "media_type", "width", "height")},
                measures={name: each[name] for name in MEASURES if name in each},
            )
            for path, each in zip(outputs_of(self.entry), made, strict=False)
        ]


def papers(jobs: Iterable[tuple[str | None, Callable[[], Iterable[Entry]]]], reports: Reports) -> Iterator[Paper]:
    """Yields a paper for each scan: of each job, by its id or None, those that the second of the pair yields."""
    for job_id, entries in jobs:
        job = reports.job(job_id) if job_id else {}
        for entry in entries():
            row = {} if job_id is None or entry.number is None else reports.row(job_id, entry.number)
            yield Paper(entry=entry, job=job, row=row)
