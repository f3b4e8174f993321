"""Records that a later version wrote."""

from __future__ import annotations

import pytest

from shared.items import Item, Refusal, Source
from shared.jobs import Counts, Ending, Job, JobState
from shared.outcomes import Outcome, refused
from shared.recipes import resolve

ITEM = Item(
    number=0,
    master=None,
    filename="a.png",
    refusal=Refusal(code="too_large", detail="It is."),
    source=Source(bucket="scans", key="a.png", etag="1", size=1),
)
RECORDS = [
    ITEM,
    refused(ITEM),
    Job(id="a", tenant="default", created=0.0, model="lite", recipe=resolve({}), total=1),
    Ending(state=JobState.COMPLETED, counts=Counts(succeeded=1, failed=0, canceled=0), finished=1.0),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_what_a_later_version_added_is_passed_over(record: Item | Outcome | Job | Ending) -> None:
    """Workers of two versions share a storage while pods are replaced: neither may take the other's for damaged."""
    data = record.to_json()
    assert type(record).from_json(data) == record
    assert type(record).from_json({**data, "added": 1}) == record
    for name in ("refusal", "source", "counts"):
        if isinstance(inner := data.get(name), dict):
            assert type(record).from_json({**data, name: {**inner, "added": 1}}) == record


@pytest.mark.parametrize("record", RECORDS[:2], ids=lambda record: type(record).__name__)
def test_what_is_missing_is_still_missed(record: Item | Outcome) -> None:
    """A record without a field that has no default cannot be understood."""
    data = record.to_json()
    del data["filename"]
    with pytest.raises((TypeError, KeyError)):
        type(record).from_json(data)
