"""The invariants: what must hold once the load has stopped and everything has drained.

Each check returns what is wrong, in words; nothing where all is well. Everything is read from storage and Valkey by
hand and held against the clients' ledger.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis
import requests
from PIL import Image

from tests.chaos.evidence import JOBS, TENANT, Evidence, done_item, read_json
from tests.chaos.ledger import Accepted, Ledger

#: What Pillow calls color pictures; a master's transparency stays.
_COLORED = ("RGB", "RGBA")

#: Items of a part, by design.md.
_PART = 1000

#: What an ended job may leave in Valkey once its hour is over, bytes: its id among the newest.
_LEFT_BYTES_A_JOB = 256
_LEFT_BYTES = 2 << 20

#: What the server may take to let go of a key that has expired, seconds.
_EXPIRY_SECONDS = 0.1

#: How long an ended job stays in the index, by design.md, milliseconds.
_HOUR_MS = 3600 * 1000


@dataclass(kw_only=True)
class Verdict:
    """What the checks have found."""

    #: what is wrong, in words
    wrong: list[str] = field(default_factory=list)
    #: items without an end
    lost: int = 0
    #: jobs, keys and records that there are twice, or that changed
    duplicates: int = 0
    #: jobs and items that were looked at
    jobs: int = 0
    items: int = 0


def unfinished(evidence: Evidence, ledger: Ledger) -> list[str]:
    """Returns the jobs that have no end or are still marked as open.

    The marker of a submission that broke off, and so has no job, may stay for a day.
    """
    without = [job for job in ledger.jobs() if evidence.read(f"{JOBS}{job}/finished.json") is None]
    marked = [found.key.rsplit("/", 1)[1] for found in evidence.objects("open/")]
    return without + [job for job in marked if evidence.read(f"{JOBS}{job}/job.json") is not None]


def check(evidence: Evidence, client: redis.Redis, ledger: Ledger) -> Verdict:
    """Checks everything that was accepted."""
    verdict = Verdict(wrong=ledger.wrongs())
    jobs, canceled = ledger.jobs(), ledger.canceled_jobs()
    for key, ids in ledger.keys().items():
        if len(ids) != 1:
            verdict.wrong.append(f"Idempotency-Key {key} was answered with {len(ids)} jobs: {sorted(ids)}")
            verdict.duplicates += max(0, len(ids) - 1)
    pictures = _Pictures(evidence)
    for accepted in jobs.values():
        verdict.jobs += 1
        verdict.items += len(accepted.items)
        job = _Job(evidence, client, accepted, canceled=accepted.job in canceled)
        verdict.wrong += [f"job {accepted.job}: {words}" for words in job.check(pictures)]
        verdict.lost += job.lost
    stored = {
        found.key.removeprefix(JOBS).split("/")[0] for found in evidence.objects(JOBS) if "/job.json" in found.key
    }
    for job_id in sorted(stored - jobs.keys()):
        verdict.wrong.append(f"job {job_id} is in storage, and no client was told of it")
        verdict.duplicates += 1
    verdict.wrong += [f"job {job} has no end, or is still marked as open" for job in unfinished(evidence, ledger)]
    return verdict


def check_answers(url: str, evidence: Evidence, ledger: Ledger) -> Iterator[str]:
    """Yields where the API says anything else of an ended job than storage."""
    with requests.Session() as session:
        for job in ledger.jobs():
            ending = read_json(evidence, f"{JOBS}{job}/finished.json")
            answer = session.get(f"{url}/v1/jobs/{job}", timeout=30)
            said = answer.json()
            if ending and (answer.status_code != 200 or said["state"] != ending["state"]):
                yield f"the API says {said.get('state', said)} of job {job}; finished.json says {ending['state']}"
            elif ending and {name: said["counts"][name] for name in ending["counts"]} != ending["counts"]:
                yield f"the API says {said['counts']} of job {job}; finished.json says {ending['counts']}"


def check_baseline(client: redis.Redis, before: int, jobs: int) -> list[str]:
    """Lets an hour pass for every key, then looks for what is left of the jobs and for memory that did not return."""
    for key in client.scan_iter("*", count=1000):
        if 0 < client.pttl(key) <= _HOUR_MS:
            client.pexpire(key, 1)
    time.sleep(_EXPIRY_SECONDS)
    left = sorted(key.decode() for key in client.scan_iter("pc:job:*", count=1000))
    wrong = [f"{len(left)} keys outlive their job's hour, for example {left[0]}"] if left else []
    if live := client.smembers("pc:live"):
        wrong.append(f"pc:live still has {len(live)} jobs")
    client.memory_purge()
    used, most = client.info("memory")["used_memory"], before + _LEFT_BYTES + jobs * _LEFT_BYTES_A_JOB
    if used > most:
        wrong.append(
            f"Valkey uses {used:,} bytes after {jobs} jobs; at the start {before:,}; at most {most:,} are right"
        )
    return wrong


class _Pictures:
    """Derivatives, each looked at once."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._known: dict[str, str] = {}

    def wrong(self, made: dict[str, Any]) -> str:
        """Returns what is wrong with a derivative that a done record names, or nothing."""
        key = made["key"]
        if key not in self._known:
            self._known[key] = self._look(key, made["sha256"])
        return self._known[key]

    def _look(self, key: str, digest: str) -> str:
        data, sidecar = self._evidence.read(key), read_json(self._evidence, f"{key.rsplit('.', 1)[0]}.json")
        if data is None or sidecar is None:
            return f"{key} or its sidecar does not exist"
        found = hashlib.sha256(data).hexdigest()
        if not found == digest == sidecar["derivative"]["sha256"]:
            return f"{key} has the digest {found}; record and sidecar say {digest}, {sidecar['derivative']['sha256']}"
        with Image.open(io.BytesIO(data)) as color:
            color.load()
            return "" if color.mode in _COLORED else f"{key} is no color picture"


@dataclass
class _Job:
    """One job, held against the ledger."""

    evidence: Evidence
    client: redis.Redis
    accepted: Accepted
    canceled: bool
    lost: int = 0

    @property
    def _folder(self) -> str:
        return f"{JOBS}{self.accepted.job}/"

    def check(self, pictures: _Pictures) -> Iterator[str]:
        """Yields what is wrong."""
        records = self._records()
        total, ending = len(self.accepted.items), read_json(self.evidence, f"{self._folder}finished.json")
        if ending is None:
            self.lost = total - len(records)
            yield f"never ended; {len(records)} of {total} items have"
            return
        yield from self._check_manifest()
        counts = Counter(record["state"] for record in records.values())
        said = ending["counts"]
        if said["succeeded"] + said["failed"] + said["canceled"] != total:
            yield f"{said} are not {total} items"
        if (said["succeeded"], said["failed"]) != (counts["succeeded"], counts["failed"]):
            yield f"finished.json says {said}, the done records {dict(counts)}"
        if not self.canceled and (ending["state"] != "completed" or len(records) != total):
            self.lost = total - len(records)
            yield f"is {ending['state']} with {len(records)} of {total} records, and nobody canceled it"
        yield from self._check_report(records)
        yield from self._check_bits(set(records))
        for number, record in sorted(records.items()):
            yield from self._check_record(number, record, pictures)

    def _records(self) -> dict[int, dict[str, Any]]:
        keys = [found.key for found in self.evidence.objects(f"{self._folder}done/")]
        found = {item[1]: read_json(self.evidence, key) for key in keys if (item := done_item(key))}
        return {number: record for number, record in found.items() if record is not None}

    def _check_manifest(self) -> Iterator[str]:
        masters, items = [row["master"] for row in self._lines("manifest")], self.accepted.items
        # Bytes that the API refused have no master.
        if len(masters) != len(items) or any(
            master != item.sha256 and (master or item.good) for master, item in zip(masters, items, strict=True)
        ):
            yield "its manifest does not have what was sent"

    def _check_report(self, records: dict[int, dict[str, Any]]) -> Iterator[str]:
        rows = self._lines("report")
        if [row["number"] for row in rows] != list(range(len(self.accepted.items))):
            yield f"its report has {len(rows)} rows for {len(self.accepted.items)} items"
        for row in rows:
            record = records.get(row["number"])
            if row != record and (record or row["state"] != "canceled"):
                yield f"the report of item {row['number']} says {row['state']}, its record {record and record['state']}"

    def _check_bits(self, numbers: set[int]) -> Iterator[str]:
        """The index has what storage has, where it still has the job."""
        name = f"pc:job:{self.accepted.job}"
        if not self.client.exists(name):
            return
        bits: Any = self.client.get(f"{name}:done") or b""
        ended = {number for number in range(8 * len(bits)) if bits[number // 8] & 0x80 >> number % 8}
        if ended != numbers:
            yield f"{len(ended)} bits are set for {len(numbers)} records"

    def _check_record(self, number: int, record: dict[str, Any], pictures: _Pictures) -> Iterator[str]:
        if not (record["number"] == number < len(self.accepted.items)):
            yield f"there is a record of item {number}"
            return
        asked = self.accepted.items[number]
        right = {
            "succeeded": asked.succeeds,
            "failed": record["code"] in asked.codes,
            "canceled": self.canceled,
        }
        if not right[record["state"]]:
            yield f"item {number} is {record['state']} ({record['code']}): {record['detail']}"
        if record["state"] == "succeeded":
            if record["master"] != asked.sha256 or not record["derivative"]["key"].startswith(TENANT):
                yield f"item {number} was made from {record['master']}; {asked.sha256} was sent"
            if words := pictures.wrong(record["derivative"]):
                yield f"item {number}: {words}"

    def _lines(self, kind: str) -> list[dict[str, Any]]:
        parts = range(-(-len(self.accepted.items) // _PART))
        texts = [self.evidence.read(f"{self._folder}{kind}/{part}.jsonl") or b"" for part in parts]
        return [json.loads(line) for text in texts for line in text.splitlines()]
