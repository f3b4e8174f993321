"""Reports: the rows of a part's items in one object, written when the part closes; and the review, made of those.

A row is the item's done record, to the byte. In a canceled job an item that nobody began has a row and no record.
"""

from __future__ import annotations

import heapq
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shared import layout, records
from shared.errors import RecordDamaged
from shared.items import ItemState, part_count, part_numbers, part_of
from shared.jobs import Job
from shared.ledger import Ledger
from shared.outcomes import Outcome, canceled
from shared.storage.abreast import abreast

#: Items of a review.
REVIEW_ITEMS = 1_000

#: Mean uncertainty in the text of a row: a million rows are not parsed for the sake of a thousand. In a name the quotes
#: would be escaped.
_MEAN = re.compile(rb'"uncertainty":\{"mean":([^,}]+)')

_JSONL = "application/x-ndjson"


def write(ledger: Ledger, job: Job, part: int, alive: Callable[[], None] = lambda: None) -> None:
    """Writes a part's report: its outcomes, and a canceled row for each item that never ended.

    `alive` is called after each record that was read; any thread. Raises RecordDamaged where an item has ended and
    its record does not say how.
    """
    key = layout.report(job.tenant, job.id, part)
    if not ledger.store.head(key):
        ledger.store.put_if_absent(key, b"".join(_lines(ledger, job, part, alive)), media_type=_JSONL)


def drop(ledger: Ledger, job: Job, part: int) -> None:
    """Removes a report that cannot be understood: the done records that it was made of are still there."""
    key = layout.report(job.tenant, job.id, part)
    ledger.tell(key)
    ledger.store.delete(key)


def parts(ledger: Ledger, job: Job) -> set[int]:
    """Returns the parts that have a report."""
    names = ledger.store.children(layout.reports(job.tenant, job.id))
    return {int(name.removesuffix(".jsonl")) for name in names}


def read(ledger: Ledger, job: Job, part: int) -> tuple[Outcome, ...] | None:
    """Returns the rows of a finished part, or None while it has no report; raises RecordDamaged."""
    try:
        return tuple(records.rows(ledger.store, layout.report(job.tenant, job.id, part), Outcome.from_json))
    except KeyError:
        return None


def read_rows(ledger: Ledger, job: Job, numbers: Sequence[int]) -> tuple[Outcome, ...] | None:
    """Returns the rows of some items of one part, in their order, or None while the part has no report.

    Raises RecordDamaged.
    """
    key = layout.report(job.tenant, job.id, part_of(numbers[0]))
    try:
        return tuple(records.rows(ledger.store, key, Outcome.from_json, numbers))
    except KeyError:
        return None


def rows(ledger: Ledger, job: Job) -> Iterator[Outcome]:
    """Yields the row of each item that has ended, in order; raises RecordDamaged."""
    key = layout.reports(job.tenant, job.id)
    lines = (line for text in texts(ledger, job) for line in io.BytesIO(text))
    return (records.parse(key, line, Outcome.from_json) for line in lines)


def texts(ledger: Ledger, job: Job) -> Iterator[bytes]:
    """Yields the rows of the items that have ended as lines, a part at a time: as they are stored, unread.

    Those of a finished part are its report, those of another its done records that can be understood.
    """
    for part in sorted(parts(ledger, job) | ledger.parts_with_ends(job)):
        report = records.found(ledger.store, layout.report(job.tenant, job.id, part))
        if report is None:
            found = _record_texts(ledger, job, part, ledger.done_numbers(job, part))
            report = b"".join(text + b"\n" for text in found if text)
        yield report


def write_review(ledger: Ledger, job: Job) -> None:
    """Stores the rows of the most uncertain successes of a job whose parts are all closed, most uncertain first.

    Those of equal uncertainty are in the order of their numbers. No more rows are held than a review has.
    """
    key = layout.review(job.tenant, job.id)
    if ledger.store.head(key):
        return
    lines = (line for text in _texts_of_all(ledger, job) for line in io.BytesIO(text))
    known = ((float(found[1]), line) for line in lines if (found := _MEAN.search(line)))
    # Of equals the first stays first.
    chosen = heapq.nsmallest(REVIEW_ITEMS, known, key=lambda pair: -pair[0])
    ledger.store.put_if_absent(key, b"".join(line for _, line in chosen), media_type=_JSONL)


def read_review(ledger: Ledger, job: Job) -> tuple[Outcome, ...]:
    """Returns the rows of the most uncertain items, most uncertain first; none of a job that has no review.

    Raises RecordDamaged.
    """
    try:
        return tuple(records.rows(ledger.store, layout.review(job.tenant, job.id), Outcome.from_json))
    except KeyError:
        return ()


def _texts_of_all(ledger: Ledger, job: Job) -> Iterator[bytes]:
    """Yields the reports of a job whose parts are all closed; no more are in memory than are read abreast."""
    store = ledger.store
    keys = [layout.report(job.tenant, job.id, part) for part in range(part_count(job.total))]
    for start in range(0, len(keys), store.breadth):
        yield from abreast(store, partial(records.whole, store), keys[start : start + store.breadth])


def _lines(ledger: Ledger, job: Job, part: int, alive: Callable[[], None]) -> Iterator[bytes]:
    """Yields the rows of a part in which every item has ended, or never will."""
    numbers = ledger.done_numbers(job, part)
    found = zip(numbers, _record_texts(ledger, job, part, numbers, alive), strict=True)
    ended = {number: text for number, text in found if text}
    left = [number for number in part_numbers(part, job.total) if number not in ended]
    if left and (len(ended) < len(numbers) or not ledger.is_canceled(job)):
        first = next((number for number in numbers if number not in ended), left[0])
        key = layout.done_record(job.tenant, job.id, part, first)
        raise RecordDamaged(f"Item {first} has ended, and its record does not say how.", key=key)
    items = ledger.read_items(job, left) if left else ()
    unbegun = {item.number: records.text(canceled(item).to_json()) for item in items}
    for number in part_numbers(part, job.total):
        yield (ended.get(number) or unbegun[number]) + b"\n"


def _record_texts(
    ledger: Ledger, job: Job, part: int, numbers: Sequence[int], alive: Callable[[], None] = lambda: None
) -> list[bytes | None]:
    """Returns the bytes of items' terminal records, None where there is none that can be understood."""

    def text(number: int) -> bytes | None:
        key = layout.done_record(job.tenant, job.id, part, number)
        found = records.found(ledger.store, key)
        try:
            if found is None or records.parse(key, found, _ended) == number:
                return found
        except RecordDamaged:
            pass
        ledger.tell(key)
        return None

    return abreast(ledger.store, text, numbers, alive=alive)


def _ended(row: Mapping[str, Any]) -> int:
    """Returns which item a row says has ended: a million rows are not read any further."""
    ItemState(row["state"])
    return int(row["number"])
