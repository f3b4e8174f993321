"""Outcomes: the one terminal record of an item, which is its row in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.errors import PictureError
from shared.items import Item, ItemState
from shared.known import known


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDerivative:
    """The derivative as it lies in storage."""

    #: object key
    key: str
    #: SHA-256 of the bytes
    sha256: str
    #: bytes
    size: int
    #: media type
    media_type: str
    #: pixels, upright
    width: int
    #: pixels, upright
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One of several derivatives of an item: what differs from one to the other."""

    #: temperature of its recipe
    temperature: float
    #: its picture
    derivative: StoredDerivative
    #: as in Outcome
    delta_l: Mapping[str, float]
    #: as in Outcome
    encoded_delta_l: Mapping[str, float] | None
    #: as in Outcome
    warnings: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        """Reads one of a row's candidates."""
        made = known(StoredDerivative, data["derivative"])
        return known(cls, {**data, "derivative": made, "warnings": tuple(data["warnings"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one item ended; a row of the report."""

    #: place in the job
    number: int
    #: succeeded, failed or canceled
    state: ItemState
    #: the client's file name
    filename: str
    #: the client's own name for the item
    client_ref: str | None = None
    #: SHA-256 of the master; None where its bytes were refused
    master: str | None = None
    #: where it was fetched from, `s3://bucket/key`; None where it was uploaded
    source: str | None = None
    #: stable error code of a failure
    code: str | None = None
    #: the failure in words
    detail: str | None = None
    #: what a person should know of a success
    warnings: tuple[str, ...] = ()
    #: the picture of a success; of several candidates the first
    derivative: StoredDerivative | None = None
    #: |L* of derivative - L* of master| before the file was encoded: max, mean, p999
    delta_l: Mapping[str, float] | None = None
    #: the same of a lossy file decoded again
    encoded_delta_l: Mapping[str, float] | None = None
    #: what the master was: gray, toned or color
    tone: str | None = None
    #: how unsure the net was, 0..1: mean and p95 of its normalized entropy; None where nobody looked
    uncertainty: Mapping[str, float] | None = None
    #: the derivatives of a recipe with candidates, in its order; the first is `derivative`
    candidates: tuple[Candidate, ...] = ()
    #: whether the derivative, or each candidate, was there already, so that nothing was computed
    already_made: bool = False
    #: seconds by stage
    timings: Mapping[str, float] = field(default_factory=dict)
    #: how often the item was begun
    attempts: int = 0
    #: the worker host that ended it
    worker: str | None = None
    #: RFC 3339, UTC
    finished_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the done record, which is the report's row."""
        made = self.derivative
        # A million rows are written: `asdict` would take ten times as long.
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "derivative": asdict(made) if made else None,
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """Reads a done record or a row; one that was written before a field existed has its default."""
        made = data["derivative"]
        return known(
            cls,
            {
                **data,
                "state": ItemState(data["state"]),
                "warnings": tuple(data["warnings"]),
                "derivative": known(StoredDerivative, made) if made else None,
                "candidates": tuple(Candidate.from_json(candidate) for candidate in data.get("candidates", ())),
            },
        )


def failure(item: Item, error: PictureError, **facts: Any) -> Outcome:
    """Returns the outcome of an item whose master cannot be colored."""
    return _of(item, state=ItemState.FAILED, code=error.code, detail=error.detail, **facts)


def refused(item: Item, **facts: Any) -> Outcome:
    """Returns the outcome of an item whose bytes the API refused."""
    if item.refusal is None:
        raise ValueError("the item was not refused")
    return _of(item, state=ItemState.FAILED, code=item.refusal.code, detail=item.refusal.detail, **facts)


def canceled(item: Item) -> Outcome:
    """Returns the row of an item that was canceled before it began."""
    return _of(item, state=ItemState.CANCELED)


def success(item: Item, **facts: Any) -> Outcome:
    """Returns the outcome of an item whose derivative is stored."""
    return _of(item, state=ItemState.SUCCEEDED, **facts)


def _of(item: Item, **facts: Any) -> Outcome:
    return Outcome(
        number=item.number,
        filename=item.filename,
        client_ref=item.client_ref,
        master=item.master,
        source=item.source.address if item.source else None,
        **facts,
    )
