"""The ledger: a job's records in storage. What it does not hold has not happened."""

from __future__ import annotations

import heapq
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from shared import layout, logs, records
from shared.errors import RecordDamaged, StorageUnavailable
from shared.items import Item, ItemState, part_count, part_numbers, part_of
from shared.jobs import Control, Ending, Job, Priority
from shared.manifest import items_of
from shared.outcomes import Outcome, canceled
from shared.storage import ObjectStore
from shared.storage.abreast import abreast

Thing = TypeVar("Thing")
End = TypeVar("End", Outcome, Ending)

_log = logs.logger(__name__)

#: Items of a review.
REVIEW_ITEMS = 1_000

#: Mean uncertainty in the text of a row: a million rows are not parsed for the sake of a thousand. In a name the quotes
#: would be escaped.
_MEAN = re.compile(rb'"uncertainty":\{"mean":([^,}]+)')


def _nobody(_: str) -> None:
    """Is told of damage and counts nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Reads and writes the records of jobs.

    Whatever reads a record raises RecordDamaged where it cannot be understood, unless it says otherwise.
    """

    #: where they lie
    store: ObjectStore
    #: is told the key of each record that cannot be understood and without which work goes on
    damaged: Callable[[str], None] = _nobody

    def tell(self, key: str) -> None:
        """Logs and counts a record that cannot be understood."""
        _log.error("record_damaged", key=key)
        self.damaged(key)

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
            layout.manifest(tenant, job_id, part), records.lines(item.to_json() for item in items), media_type=_JSONL
        )

    def commit(self, job: Job) -> None:
        """Makes the job exist."""
        self.store.put_if_absent(layout.job(job.tenant, job.id), job_text(job), media_type=_JSON)

    def read_part(self, tenant: str, job_id: str, part: int) -> tuple[Item, ...]:
        """Returns the items of one part; raises KeyError where there is none."""
        return tuple(records.rows(self.store, layout.manifest(tenant, job_id, part), Item.from_json))

    def read_job(self, tenant: str, job_id: str) -> Job | None:
        """Returns the job, or None where none was committed."""
        return self._read(layout.job(tenant, job_id), Job.from_json)

    # Items.

    def read_item(self, job: Job, number: int) -> Item:
        """Returns one line of the manifest."""
        return self.read_items(job, [number])[0]

    def read_items(self, job: Job, numbers: Sequence[int]) -> tuple[Item, ...]:
        """Returns the lines of the manifest of some items of one part, in their order.

        Those whose lines are lost are there, with a refusal; see `shared.manifest`.
        """
        return items_of(self.store, job, numbers, self.tell)

    def end_item(self, job: Job, outcome: Outcome) -> Outcome:
        """Creates the item's one terminal record and returns it, or the record that was first.

        One that cannot be understood says nothing that could be contradicted, and is written anew.
        """
        return self._create(_done(job, outcome.number), outcome, Outcome.from_json)

    def end_items(
        self, job: Job, outcomes: Sequence[Outcome], alive: Callable[[], None] = lambda: None
    ) -> list[Outcome]:
        """Creates several items' terminal records; returns for each what counts, as `end_item` does.

        `alive` is called after each; any thread.
        """

        def end(outcome: Outcome) -> Outcome:
            first = self.end_item(job, outcome)
            alive()
            return first

        return abreast(self.store, end, outcomes)

    def read_outcome(self, job: Job, number: int) -> Outcome | None:
        """Returns the item's terminal record, or None where there is none that can be understood."""
        return self._read_sound(_done(job, number), Outcome.from_json)

    def read_outcomes(self, job: Job, numbers: Sequence[int]) -> dict[int, Outcome]:
        """Returns the terminal records that exist among `numbers` and can be understood."""
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

    def close_part(self, job: Job, part: int, alive: Callable[[], None] = lambda: None) -> None:
        """Writes a part's report: its outcomes, and a canceled row for each item that never ended.

        `alive` is called after each record that was read; any thread. Raises RecordDamaged where an item has ended and
        its record does not say how.
        """
        key = layout.report(job.tenant, job.id, part)
        if not self.store.head(key):
            self.store.put_if_absent(key, b"".join(self._live_lines(job, part, alive)), media_type=_JSONL)

    def drop_report(self, job: Job, part: int) -> None:
        """Removes a report that cannot be understood: the done records that it was made of are still there."""
        key = layout.report(job.tenant, job.id, part)
        self.tell(key)
        self.store.delete(key)

    def reported_parts(self, job: Job) -> set[int]:
        """Returns the parts that have a report."""
        names = self.store.children(layout.reports(job.tenant, job.id))
        return {int(name.removesuffix(".jsonl")) for name in names}

    def read_report(self, job: Job, part: int) -> tuple[Outcome, ...] | None:
        """Returns the rows of a finished part, or None while it has none."""
        try:
            return tuple(records.rows(self.store, layout.report(job.tenant, job.id, part), Outcome.from_json))
        except KeyError:
            return None

    def read_rows(self, job: Job, numbers: Sequence[int]) -> tuple[Outcome, ...] | None:
        """Returns the rows of some items of one part, in their order, or None while the part has no report."""
        key = layout.report(job.tenant, job.id, part_of(numbers[0]))
        try:
            return tuple(records.rows(self.store, key, Outcome.from_json, numbers))
        except KeyError:
            return None

    def rows(self, job: Job) -> Iterator[Outcome]:
        """Yields the row of each item that has ended, in order."""
        key = layout.reports(job.tenant, job.id)
        lines = (line for text in self.row_texts(job) for line in io.BytesIO(text))
        return (records.parse(key, line, Outcome.from_json) for line in lines)

    def row_texts(self, job: Job) -> Iterator[bytes]:
        """Yields the rows of the items that have ended as lines, a part at a time: as they are stored, unread.

        Those of a finished part are its report, those of another its done records that can be understood.
        """
        for part in sorted(self.reported_parts(job) | self.parts_with_ends(job)):
            report = records.found(self.store, layout.report(job.tenant, job.id, part))
            if report is None:
                texts = abreast(self.store, partial(self._record_text, job), self.done_numbers(job, part))
                report = b"".join(text + b"\n" for text in texts if text)
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
            return tuple(records.rows(self.store, layout.review(job.tenant, job.id), Outcome.from_json))
        except KeyError:
            return ()

    # Control and ends.

    def control(self, job: Job, *, paused: bool | None = None, priority: Priority | None = None) -> None:
        """Records what is asked of the job from now on, each by itself: nobody overwrites what another asks."""
        if paused is not None:
            self.store.put(layout.paused(job.tenant, job.id), records.text(paused), media_type=_JSON)
        if priority is not None:
            self.store.put(layout.priority(job.tenant, job.id), records.text(priority), media_type=_JSON)

    def read_control(self, job: Job) -> Control:
        """Returns what was asked of the job last; what cannot be understood was not asked."""
        paused = self._read_sound(layout.paused(job.tenant, job.id), bool)
        return Control(paused=bool(paused), priority=self.read_priority(job))

    def read_priority(self, job: Job) -> Priority:
        """Returns the priority that the job was given last."""
        return self._read_sound(layout.priority(job.tenant, job.id), Priority) or job.priority

    def cancel(self, job: Job) -> None:
        """Records that the job is canceled."""
        self.store.put_if_absent(layout.canceled(job.tenant, job.id), b"{}", media_type=_JSON)

    def is_canceled(self, job: Job) -> bool:
        """Tells whether the job is canceled."""
        return self.store.head(layout.canceled(job.tenant, job.id)) is not None

    def finish(self, job: Job, ending: Ending) -> Ending:
        """Records how the job ended, removes its open marker and returns the ending that counts: the first.

        One that cannot be understood is written anew: its counts are those of the reports either way.
        A webhook is put up for delivery between the two, unless it was delivered already: until then the marker is
        there, so that whoever comes after a dead process does it.
        """
        ending = self._create(layout.finished(job.tenant, job.id), ending, Ending.from_json)
        if job.webhook and not self.store.head(layout.webhook_log(job.tenant, job.id)):
            self.store.put_if_absent(layout.hook(job.tenant, job.id), b"{}", media_type=_JSON)
        self.store.delete(layout.open_job(job.tenant, job.id))
        return ending

    def drop_webhook(self, tenant: str, job_id: str) -> None:
        """Takes back the webhook of a job that is deleted; its log lies with the job's other records."""
        self.store.delete(layout.hook(tenant, job_id))

    def read_ending(self, job: Job) -> Ending | None:
        """Returns how the job ended, or None while it has not."""
        return self._read(layout.finished(job.tenant, job.id), Ending.from_json)

    def _report_texts(self, job: Job) -> Iterator[bytes]:
        """Yields the reports of a job whose parts are all closed; no more are in memory than are read abreast."""
        keys = [layout.report(job.tenant, job.id, part) for part in range(part_count(job.total))]
        breadth = self.store.breadth
        for start in range(0, len(keys), breadth):
            yield from abreast(self.store, partial(records.whole, self.store), keys[start : start + breadth])

    def _live_lines(self, job: Job, part: int, alive: Callable[[], None]) -> Iterator[bytes]:
        """Yields the rows of a part: a done record is one, to the byte."""

        def record_text(number: int) -> bytes | None:
            text = self._record_text(job, number)
            alive()
            return text

        numbers = self.done_numbers(job, part)
        found = zip(numbers, abreast(self.store, record_text, numbers), strict=True)
        ended = {number: text for number, text in found if text}
        left = [number for number in part_numbers(part, job.total) if number not in ended]
        if left and (len(ended) < len(numbers) or not self.is_canceled(job)):
            first = next((number for number in numbers if number not in ended), left[0])
            raise RecordDamaged(f"Item {first} has ended, and its record does not say how.", key=_done(job, first))
        items = self.read_items(job, left) if left else ()
        rows = {item.number: records.text(canceled(item).to_json()) for item in items}
        for number in part_numbers(part, job.total):
            yield (ended.get(number) or rows[number]) + b"\n"

    def _record_text(self, job: Job, number: int) -> bytes | None:
        """Returns the bytes of an item's terminal record, or None where there is none that can be understood."""
        key = _done(job, number)
        text = records.found(self.store, key)
        try:
            if text is None or records.parse(key, text, _ended) == number:
                return text
        except RecordDamaged:
            pass
        self.tell(key)
        return None

    def _create(self, key: str, record: End, make: Callable[[Any], End]) -> End:
        """Creates a record that decides, unless there is one that can be understood; returns the one that counts."""
        text = records.text(record.to_json())
        if self.store.put_if_absent(key, text, media_type=_JSON):
            return record
        try:
            first = self._read(key, make)
        except RecordDamaged:
            self.store.put(key, text, media_type=_JSON)
            return record
        if first is None:  # it may decide nevertheless: nobody overwrites what was not seen
            raise StorageUnavailable(f"The storage has {key}, and does not give it.", key=key)
        return first

    def _read(self, key: str, make: Callable[[Any], Thing]) -> Thing | None:
        try:
            return records.read(self.store, key, make)
        except RecordDamaged:
            self.tell(key)
            raise

    def _read_sound(self, key: str, make: Callable[[Any], Thing]) -> Thing | None:
        """Returns what a record says, or None where there is none that can be understood."""
        with suppress(RecordDamaged):
            return self._read(key, make)
        return None


def job_text(job: Job) -> bytes:
    """Returns the bytes of `job.json`."""
    return records.text(job.to_json())


_JSON = "application/json"
_JSONL = "application/x-ndjson"


def _done(job: Job, number: int) -> str:
    return layout.done_record(job.tenant, job.id, part_of(number), number)


def _ended(row: Mapping[str, Any]) -> int:
    """Returns which item a row says has ended: a million rows are not read any further."""
    ItemState(row["state"])
    return int(row["number"])
