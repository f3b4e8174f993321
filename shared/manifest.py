"""Lines of a manifest, as far as they are left where the storage has lost some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from shared import layout, records
from shared.errors import ManifestDamaged, RecordDamaged
from shared.items import PART_ITEMS, Item, Refusal, part_of
from shared.jobs import Job
from shared.storage import ObjectStore


def items_of(store: ObjectStore, job: Job, numbers: Sequence[int], damaged: Callable[[str], None]) -> tuple[Item, ...]:
    """Returns some items of one part, in their order; `damaged` is told the key of a part that has lost some of them.

    An item whose line is lost, or cannot be understood, has no master but a refusal that says so. Raises KeyError where
    the job is deleted.
    """
    key = layout.manifest(job.tenant, job.id, part_of(numbers[0]))
    with suppress(KeyError, RecordDamaged):
        items = tuple(records.rows(store, key, Item.from_json, numbers))
        if [item.number for item in items] == list(numbers):
            return items
    found: dict[int, Item] = {}
    try:
        # What was lost may have been ends of lines: a line's place tells nothing any more.
        found = {item.number: item for item in records.sound_rows(store, key, Item.from_json)}
    except KeyError:
        if store.head(layout.job(job.tenant, job.id)) is None:
            raise
    damaged(key)
    return tuple(found.get(number) or _lost(number, key) for number in numbers)


def _lost(number: int, key: str) -> Item:
    """Returns what is left of an item whose line is lost."""
    error = ManifestDamaged(f"Line {number % PART_ITEMS + 1:,} of {key} is lost: nobody can tell what it named.")
    return Item(number=number, master=None, filename="untitled", refusal=Refusal(code=error.code, detail=error.detail))
