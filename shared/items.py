"""Items: one master each, to be made into one derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from shared.known import known

#: Items of a part: the unit in which manifests, reports and bitmaps are cut. 1,000 bits are 125 whole bytes.
PART_ITEMS = 1_000


class ItemState(StrEnum):
    """What has become of an item."""

    QUEUED = "queued"  # nobody works on it
    RUNNING = "running"  # a worker holds a lease on it
    SUCCEEDED = "succeeded"  # its derivative is stored
    FAILED = "failed"  # its master cannot be colored; the code says why
    CANCELED = "canceled"  # its job was canceled before it began


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why the API kept no bytes for an item."""

    #: stable error code
    code: str
    #: words for a person, with the limit and the value seen
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A master that lies in somebody's bucket, as it was when it was submitted."""

    #: bucket at the configured S3 endpoint
    bucket: str
    #: key of the object
    key: str
    #: its ETag, without quotes: another one is another object; empty until somebody has looked
    etag: str
    #: bytes
    size: int

    @property
    def address(self) -> str:
        """The source as it is written."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of a manifest."""

    #: place in the job, 0..
    number: int
    #: SHA-256 of the master; None where the API refused the bytes, and while a source was not fetched
    master: str | None
    #: the client's file name, for people and for the name of the download
    filename: str
    #: the client's own name for this item
    client_ref: str | None = None
    #: set where the API refused the bytes: the item fails with it
    refusal: Refusal | None = None
    #: where the worker fetches the master from; None where it was uploaded
    source: Source | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the manifest line."""
        # Not by `asdict` as a whole, which copies each field: there are a million of them.
        return {
            "number": self.number,
            "master": self.master,
            "filename": self.filename,
            "client_ref": self.client_ref,
            "refusal": asdict(self.refusal) if self.refusal else None,
            "source": asdict(self.source) if self.source else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Item:
        """Reads a manifest line."""
        refusal, source = data["refusal"], data.get("source")
        return known(
            cls,
            {
                **data,
                "refusal": known(Refusal, refusal) if refusal else None,
                "source": known(Source, source) if source else None,
            },
        )


def part_of(number: int) -> int:
    """Returns the part that item `number` is in."""
    return number // PART_ITEMS


def part_count(total: int) -> int:
    """Returns how many parts a job of `total` items has."""
    return -(-total // PART_ITEMS)


def part_numbers(part: int, total: int) -> range:
    """Returns the numbers of a part's items."""
    return range(part * PART_ITEMS, min((part + 1) * PART_ITEMS, total))
