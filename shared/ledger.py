"""The ledger: a job's records in storage. What it does not hold has not happened."""

from __future__ import annotations

import heapq
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shared import layout
from shared.items import PART_ITEMS, Item, part_count, part_numbers, part_of
from shared.jobs import Control, Ending, Job, Priority
from shared.outcomes import Outcome, canceled
from shared.storage import ObjectStore
from shared.storage.abreast import abreast

#: Items of a review.
REVIEW_ITEMS = 1_000

#: Mean uncertainty in the text of a row: a million rows are not parsed for the sake of a thousand. In a name the quotes
#: would be escaped.
_MEAN = re.compile(rb'"uncertainty":\{"mean":([^,}]+)')


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
        keys = [entry.key for entry in self.store.list(layout.manifests(tenant, job_id))]
        abreast(self.store, self.store.delete, keys)
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
        return self.read_items(job, [number])[0]

    def read_items(self, job: Job, numbers: Sequence[int]) -> tuple[Item, ...]:
        """Returns the lines of the manifest of some items of one part, in their order."""
        key = layout.manifest(job.tenant, job.id, part_of(numbers[0]))
        return tuple(Item.from_json(row) for row in self._rows(key, numbers))

    def end_item(self, job: Job, outcome: Outcome) -> Outcome:
        """Creates the item's one terminal record and returns it, or the record that was first."""
        key = layout.done_record(job.tenant, job.id, part_of(outcome.number), outcome.number)
        if self.store.put_if_absent(key, _text(outcome.to_json()), media_type=_JSON):
            return outcome
        return Outcome.from_json(self._read(key))

    def end_items(self, job: Job, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Creates several items' terminal records; returns for each what counts, as `end_item` does."""
        return abreast(self.store, lambda outcome: self.end_item(job, outcome), outcomes)

    def read_outcome(self, job: Job, number: int) -> Outcome | None:
        """Returns the item's terminal record, or None."""
        data = self._read(layout.done_record(job.tenant, job.id, part_of(number), number))
        return Outcome.from_json(data) if data else None

    def read_outcomes(self, job: Job, numbers: Sequence[int]) -> dict[int, Outcome]:
        """Returns the terminal records that exist among `numbers`."""
        found = abreast(self.store, lambda number: self.read_outcome(job, number), numbers)
        return {outcome.number: outcome for outcome in found if outcome}

    def parts_with_ends(self, job: Job) -> set[int]:
        """Returns the parts that have done records, and perhaps some that a crash left empty."""
        return {int(name) for name in self.store.children(layout.dones(job.tenant, job.id))}

    def done_numbers(self, job: Job, part: int) -> list[int]:
        """Returns the numbers of a part's items that have ended."""
        prefix = layout.done(job.tenant, job.id, part)
        return sorted(int(entry.key.removeprefix(prefix).removesuffix(".json")) for entry in self.store.list(prefix))

    # Reports.

    def close_part(self, job: Job, part: int) -> None:
        """Writes a part's report: its outcomes, and a canceled row for each item that never ended."""
        key = layout.report(job.tenant, job.id, part)
        if not self.store.head(key):
            self.store.put_if_absent(key, b"".join(self._live_lines(job, part)), media_type=_JSONL)

    def reported_parts(self, job: Job) -> set[int]:
        """Returns the parts that have a report."""
        names = self.store.children(layout.reports(job.tenant, job.id))
        return {int(name.removesuffix(".jsonl")) for name in names}

    def read_report(self, job: Job, part: int) -> tuple[Outcome, ...] | None:
        """Returns the rows of a finished part, or None while it has none."""
        try:
            return tuple(Outcome.from_json(row) for row in self._rows(layout.report(job.tenant, job.id, part)))
        except KeyError:
            return None

    def read_rows(self, job: Job, numbers: Sequence[int]) -> tuple[Outcome, ...] | None:
        """Returns the rows of some items of one part, in their order, or None while the part has no report."""
        key = layout.report(job.tenant, job.id, part_of(numbers[0]))
        try:
            return tuple(Outcome.from_json(row) for row in self._rows(key, numbers))
        except KeyError:
            return None

    def rows(self, job: Job) -> Iterator[Outcome]:
        """Yields the row of each item that has ended, in order."""
        return (Outcome.from_json(json.loads(line)) for text in self.row_texts(job) for line in io.BytesIO(text))

    def row_texts(self, job: Job) -> Iterator[bytes]:
        """Yields the rows of the items that have ended as lines, a part at a time: as they are stored, unread.

        Those of a finished part are its report, those of another its done records.
        """
        for part in sorted(self.reported_parts(job) | self.parts_with_ends(job)):
            report = self._bytes(layout.report(job.tenant, job.id, part))
            if report is None:
                keys = [layout.done_record(job.tenant, job.id, part, n) for n in self.done_numbers(job, part)]
                report = b"".join(record + b"\n" for record in abreast(self.store, self._bytes, keys) if record)
            yield report

    # Reviews.

    def write_review(self, job: Job) -> None:
        """Stores the rows of the most uncertain successes of a job whose parts are all closed, most uncertain first.

        Those of equal uncertainty are in the order of their numbers. No more rows are held than a review has.
        """
        key = layout.review(job.tenant, job.id)
        if self.store.head(key):
            return
        lines = (line for text in self._report_texts(job) for line in io.BytesIO(text))
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

    # Control and ends.

    def control(self, job: Job, *, paused: bool | None = None, priority: Priority | None = None) -> None:
        """Records what is asked of the job from now on, each by itself: nobody overwrites what another asks."""
        if paused is not None:
            self.store.put(layout.paused(job.tenant, job.id), _text(paused), media_type=_JSON)
        if priority is not None:
            self.store.put(layout.priority(job.tenant, job.id), _text(priority), media_type=_JSON)

    def read_control(self, job: Job) -> Control:
        """Returns what was asked of the job last."""
        paused = self._read(layout.paused(job.tenant, job.id))
        return Control(paused=bool(paused), priority=self.read_priority(job))

    def read_priority(self, job: Job) -> Priority:
        """Returns the priority that the job was given last."""
        return Priority(self._read(layout.priority(job.tenant, job.id)) or job.priority)

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

    def _report_texts(self, job: Job) -> Iterator[bytes]:
        """Yields the reports of a job whose parts are all closed; no more are in memory than are read abreast."""
        keys = [layout.report(job.tenant, job.id, part) for part in range(part_count(job.total))]
        breadth = self.store.breadth
        for start in range(0, len(keys), breadth):
            yield from abreast(self.store, self._whole, keys[start : start + breadth])

    def _live_lines(self, job: Job, part: int) -> Iterator[bytes]:
        """Yields the rows of a part: a done record is one, to the byte."""
        numbers = self.done_numbers(job, part)
        keys = [layout.done_record(job.tenant, job.id, part, number) for number in numbers]
        found = zip(numbers, abreast(self.store, self._bytes, keys), strict=True)
        ended = {number: record for number, record in found if record}
        wanted = part_numbers(part, job.total)
        items = self.read_part(job.tenant, job.id, part) if len(ended) < len(wanted) else ()
        for number in wanted:
            yield (ended.get(number) or _text(canceled(items[number - wanted.start]).to_json())) + b"\n"

    def _bytes(self, key: str) -> bytes | None:
        try:
            return self._whole(key)
        except KeyError:
            return None

    def _whole(self, key: str) -> bytes:
        with self.store.get(key) as stream:
            return stream.read()

    def _read(self, key: str) -> Any:
        data = self._bytes(key)
        return None if data is None else json.loads(data)

    def _rows(self, key: str, numbers: Sequence[int] | None = None) -> list[Any]:
        """Returns the rows of an object, or of one that has a row an item of a part those of `numbers`."""
        with self.store.get(key) as stream:
            if numbers is None:
                return [json.loads(line) for line in stream]
            places = {number % PART_ITEMS for number in numbers}
            lines = enumerate(islice(stream, max(places) + 1))
            return [json.loads(line) for place, line in lines if place in places]


def job_text(job: Job) -> bytes:
    """Returns the bytes of `job.json`."""
    return _text(job.to_json())


_JSON = "application/json"
_JSONL = "application/x-ndjson"

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _text(data: Any) -> bytes:
    return _ENCODER.encode(data).encode()


def _lines(rows: Iterable[Any]) -> bytes:
    return b"".join(_text(row) + b"\n" for row in rows)
