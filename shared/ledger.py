"""The ledger: a job's records in storage. What it does not hold has not happened."""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from shared import layout
from shared.items import Item, ItemState, part_count, part_numbers, part_of
from shared.jobs import Ending, Job
from shared.outcomes import Outcome, canceled
from shared.storage import ObjectStore

#: Items of a review.
REVIEW_ITEMS = 1_000

#: Mean uncertainty in the text of a row: a million rows are not parsed for the sake of a thousand. In a name the quotes
#: would be escaped.
_MEAN = re.compile(rb'"uncertainty":\{"mean":([^,}]+)')

#: State in the text of a row, likewise.
_STATE = re.compile(rb'"state":"([a-z]+)"')

#: Done records that are read at once.
_READERS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Reads and writes the records of jobs."""

    #: where they lie
    store: ObjectStore

    # Submission: open marker, parts, (idempotency record), job. Whatever breaks off has left a marker.

    def open(self, tenant: str, job_id: str) -> None:
        """Marks a job that is about to be submitted and has not ended, for the sweeper to find."""
        self.store.put_if_absent(layout.open_job(tenant, job_id), b"{}", media_type=_JSON)

    def open_jobs(self) -> Iterator[tuple[str, str, float]]:
        """Yields tenant, job id and time of marking of each job that is marked."""
        for entry in self.store.list(layout.OPEN):
            tenant, job_id = entry.key.removeprefix(layout.OPEN).split("/")
            yield tenant, job_id, entry.modified

    def discard(self, tenant: str, job_id: str) -> None:
        """Removes what a submission that was never committed left behind."""
        for entry in self.store.list(f"{layout.job_folder(tenant, job_id)}manifest/"):
            self.store.delete(entry.key)
        self.store.delete(layout.open_job(tenant, job_id))

    def write_part(self, tenant: str, job_id: str, part: int, items: Sequence[Item]) -> None:
        """Stores the items of one part."""
        self.store.put_if_absent(
            layout.manifest(tenant, job_id, part), _lines(item.to_json() for item in items), media_type=_JSONL
        )

    def commit(self, job: Job) -> None:
        """Makes the job exist."""
        self.store.put_if_absent(layout.job(job.tenant, job.id), job_text(job), media_type=_JSON)

    def read_part(self, tenant: str, job_id: str, part: int) -> tuple[Item, ...]:
        """Returns the items of one part; raises KeyError where there is none."""
        return tuple(Item.from_json(row) for row in self._rows(layout.manifest(tenant, job_id, part)))

    def read_job(self, tenant: str, job_id: str) -> Job | None:
        """Returns the job, or None where none was committed."""
        data = self._read(layout.job(tenant, job_id))
        return Job.from_json(data) if data else None

    # Items.

    def read_item(self, job: Job, number: int) -> Item:
        """Returns one line of the manifest."""
        part = part_of(number)
        return self.read_part(job.tenant, job.id, part)[number - part_numbers(part, job.total).start]

    def end_item(self, job: Job, outcome: Outcome) -> Outcome:
        """Creates the item's one terminal record and returns it, or the record that was first."""
        key = layout.done_record(job.tenant, job.id, part_of(outcome.number), outcome.number)
        if self.store.put_if_absent(key, _text(outcome.to_json()), media_type=_JSON):
            return outcome
        return Outcome.from_json(self._read(key))

    def read_outcome(self, job: Job, number: int) -> Outcome | None:
        """Returns the item's terminal record, or None."""
        data = self._read(layout.done_record(job.tenant, job.id, part_of(number), number))
        return Outcome.from_json(data) if data else None

    def read_outcomes(self, job: Job, numbers: Iterable[int]) -> dict[int, Outcome]:
        """Returns the terminal records that exist among `numbers`, read side by side."""
        with ThreadPoolExecutor(_READERS) as readers:
            found = readers.map(lambda number: self.read_outcome(job, number), numbers)
            return {outcome.number: outcome for outcome in found if outcome}

    def done_numbers(self, job: Job, part: int) -> list[int]:
        """Returns the numbers of a part's items that have ended."""
        prefix = layout.done(job.tenant, job.id, part)
        return sorted(int(entry.key.removeprefix(prefix).removesuffix(".json")) for entry in self.store.list(prefix))

    # Reports.

    def close_part(self, job: Job, part: int) -> None:
        """Writes a part's report: its outcomes, and a canceled row for each item that never ended."""
        if self.store.head(layout.report(job.tenant, job.id, part)):
            return
        self.store.put_if_absent(
            layout.report(job.tenant, job.id, part),
            _lines(row.to_json() for row in self._live_rows(job, part)),
            media_type=_JSONL,
        )

    def read_report(self, job: Job, part: int) -> tuple[Outcome, ...] | None:
        """Returns the rows of a finished part, or None while it has none."""
        try:
            return tuple(Outcome.from_json(row) for row in self._rows(layout.report(job.tenant, job.id, part)))
        except KeyError:
            return None

    def rows(self, job: Job) -> Iterator[Outcome]:
        """Yields the row of each item that has ended, in order: of finished parts from the report, else live."""
        for part in range(part_count(job.total)):
            report = self.read_report(job, part)
            if report is None:
                ended = self.read_outcomes(job, self.done_numbers(job, part))
                report = tuple(ended[number] for number in sorted(ended))
            yield from report

    def count_states(self, job: Job) -> Counter[ItemState]:
        """Returns how many rows of each state a job has whose parts are all closed."""
        lines = (line for part in range(part_count(job.total)) for line in self._report_lines(job, part))
        return Counter(ItemState(found[1].decode()) for line in lines if (found := _STATE.search(line)))

    # Reviews.

    def write_review(self, job: Job) -> None:
        """Stores the rows of the most uncertain successes of a job whose parts are all closed, most uncertain first.

        Those of equal uncertainty are in the order of their numbers. No more rows are held than a review has.
        """
        key = layout.review(job.tenant, job.id)
        if self.store.head(key):
            return
        lines = (line for part in range(part_count(job.total)) for line in self._report_lines(job, part))
        known = ((float(found[1]), line) for line in lines if (found := _MEAN.search(line)))
        # Of equals the first stays first.
        chosen = heapq.nsmallest(REVIEW_ITEMS, known, key=lambda pair: -pair[0])
        self.store.put_if_absent(key, b"".join(line for _, line in chosen), media_type=_JSONL)

    def read_review(self, job: Job) -> tuple[Outcome, ...]:
        """Returns the rows of the most uncertain items, most uncertain first; none of a job that has no review."""
        try:
            return tuple(Outcome.from_json(row) for row in self._rows(layout.review(job.tenant, job.id)))
        except KeyError:
            return ()

    # Ends.

    def cancel(self, job: Job) -> None:
        """Records that the job is canceled."""
        self.store.put_if_absent(layout.canceled(job.tenant, job.id), b"{}", media_type=_JSON)

    def is_canceled(self, job: Job) -> bool:
        """Tells whether the job is canceled."""
        return self.store.head(layout.canceled(job.tenant, job.id)) is not None

    def finish(self, job: Job, ending: Ending) -> Ending:
        """Records how the job ended, removes its open marker and returns the ending that counts: the first.

        A webhook is put up for delivery between the two, unless it was delivered already: until then the marker is
        there, so that whoever comes after a dead process does it.
        """
        key = layout.finished(job.tenant, job.id)
        if not self.store.put_if_absent(key, _text(ending.to_json()), media_type=_JSON):
            ending = Ending.from_json(self._read(key))
        if job.webhook and not self.store.head(layout.webhook_log(job.tenant, job.id)):
            self.store.put_if_absent(layout.hook(job.tenant, job.id), b"{}", media_type=_JSON)
        self.store.delete(layout.open_job(job.tenant, job.id))
        return ending

    def drop_webhook(self, tenant: str, job_id: str) -> None:
        """Takes back the webhook of a job that is deleted; its log lies with the job's other records."""
        self.store.delete(layout.hook(tenant, job_id))

    def read_ending(self, job: Job) -> Ending | None:
        """Returns how the job ended, or None while it has not."""
        data = self._read(layout.finished(job.tenant, job.id))
        return Ending.from_json(data) if data else None

    def _report_lines(self, job: Job, part: int) -> Iterator[bytes]:
        with self.store.get(layout.report(job.tenant, job.id, part)) as stream:
            yield from stream

    def _live_rows(self, job: Job, part: int) -> Iterator[Outcome]:
        ended = self.read_outcomes(job, self.done_numbers(job, part))
        items = self.read_part(job.tenant, job.id, part)
        for number, item in zip(part_numbers(part, job.total), items, strict=True):
            yield ended.get(number) or canceled(item)

    def _read(self, key: str) -> Any:
        try:
            with self.store.get(key) as stream:
                return json.load(stream)
        except KeyError:
            return None

    def _rows(self, key: str) -> list[Any]:
        with self.store.get(key) as stream:
            return [json.loads(line) for line in stream]


def job_text(job: Job) -> bytes:
    """Returns the bytes of `job.json`."""
    return _text(job.to_json())


_JSON = "application/json"
_JSONL = "application/x-ndjson"


def _text(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _lines(rows: Iterable[Any]) -> bytes:
    return b"".join(_text(row) + b"\n" for row in rows)
