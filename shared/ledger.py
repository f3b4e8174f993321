"""The ledger: a job's records in storage. What it does not hold has not happened.

What is made of them when a part or the job closes is in `shared.reports` and `shared.states`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from shared import layout, logs, records
from shared.errors import RecordDamaged, StorageUnavailable
from shared.items import Item, part_of
from shared.jobs import Control, Ending, Job, Priority
from shared.manifest import items_of
from shared.outcomes import Outcome
from shared.storage import ObjectStore
from shared.storage.abreast import abreast

Thing = TypeVar("Thing")
End = TypeVar("End", Outcome, Ending)

_log = logs.logger(__name__)


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
        return abreast(self.store, partial(self.end_item, job), outcomes, alive=alive)

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
