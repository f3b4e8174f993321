"""What lies in storage, read by hand: not one line of the service's own storage code is trusted."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

TENANT = "t/default/"
JOBS = f"{TENANT}jobs/"

_PERIOD_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An object that lies in storage."""

    #: full key
    key: str
    #: when it was made, seconds since the epoch
    made: float


class Evidence(Protocol):
    """Reads storage."""

    def objects(self, prefix: str) -> Iterator[Found]:
        """Yields what lies below a prefix that ends in `/`."""

    def read(self, key: str) -> bytes | None:
        """Returns an object's bytes, or None."""


@dataclass(frozen=True, slots=True)
class FolderEvidence:
    """Reads a folder."""

    root: Path

    def objects(self, prefix: str) -> Iterator[Found]:
        """Yields what lies below a prefix."""
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                path = Path(folder, name)
                try:
                    made = path.stat().st_mtime
                except FileNotFoundError:
                    continue  # deleted since
                yield Found(key=str(path.relative_to(self.root)), made=made)

    def read(self, key: str) -> bytes | None:
        """Returns a file's bytes, or None."""
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class BucketEvidence:
    """Reads a bucket, past any proxy."""

    #: a boto3 client; Any, since its type is made at run time
    client: Any
    bucket: str

    def objects(self, prefix: str) -> Iterator[Found]:
        """Yields what lies below a prefix."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield Found(key=entry["Key"], made=entry["LastModified"].timestamp())

    def read(self, key: str) -> bytes | None:
        """Returns an object's bytes, or None."""
        try:
            data: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return data


def read_json(evidence: Evidence, key: str) -> Any:
    """Returns what a JSON object says, or None where there is none."""
    data = evidence.read(key)
    return None if data is None else json.loads(data)


def done_item(key: str) -> tuple[str, int] | None:
    """Returns job and number of a done record's key, or None for any other key."""
    parts = key.removeprefix(JOBS).split("/")
    return (parts[0], int(parts[3].removesuffix(".json"))) if len(parts) == 4 and parts[1] == "done" else None


class Records:
    """The done records as they were first seen: looked for each second, from a thread of their own."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._digests: dict[str, str] = {}
        #: when each item (job, number) ended, seconds since the epoch
        self.ended: dict[tuple[str, int], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def look(self) -> None:
        """Notes every record that is new."""
        for found in self._evidence.objects(JOBS):
            item = done_item(found.key)
            if item and found.key not in self._digests and (data := self._evidence.read(found.key)) is not None:
                self._digests[found.key] = hashlib.sha256(data).hexdigest()
                self.ended[item] = found.made

    def changed(self) -> list[str]:
        """Returns the keys of the records that are gone or differ from what was first seen."""
        return sorted(key for key, digest in self._digests.items() if self._digest(key) != digest)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _digest(self, key: str) -> str | None:
        data = self._evidence.read(key)
        return None if data is None else hashlib.sha256(data).hexdigest()

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_SECONDS):
            self.look()
