"""The checks see what is wrong: a job that is right is damaged in one place after the other."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from PIL import Image

from tests.chaos import invariants
from tests.chaos.evidence import JOBS, TENANT, FolderEvidence, Records
from tests.chaos.ledger import Asked, Ledger

JOB = "01a2144c-87c6-7da1-b6ef-a76e64470429"


def rgb() -> bytes:
    """A small color picture."""
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Scene:
    """A job of two items, one good and one bad, that ended as it should, as storage and index have it."""

    root: Path
    client: redis.Redis
    ledger: Ledger

    def write(self, key: str, data: Any) -> None:
        """Writes an object: bytes, or something as JSON; a list as its lines."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            rows = data if isinstance(data, list) else [data]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def change(self, key: str, **facts: Any) -> None:
        """Changes fields of a JSON object."""
        self.write(key, json.loads((self.root / key).read_bytes()) | facts)

    def check(self) -> invariants.Verdict:
        """Checks everything."""
        return invariants.check(FolderEvidence(self.root), self.client, self.ledger)


DONE, DERIVATIVE = f"{JOBS}{JOB}/done/0", f"{TENANT}derivatives/aa/aa/recipe"


@pytest.fixture
def scene(tmp_path: Path, client: redis.Redis) -> Scene:
    """A job that is right."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.asked("key", [Asked(sha256="aa"), Asked(sha256="bb", succeeds=False, codes=("not_a_picture",))])
    ledger.accepted("key", JOB)
    made = Scene(tmp_path / "objects", client, ledger)
    digest = hashlib.sha256(rgb()).hexdigest()
    facts = {"code": None, "detail": None}
    rows: list[dict[str, Any]] = [
        {
            "number": 0,
            "state": "succeeded",
            "master": "aa",
            "derivative": {"key": f"{DERIVATIVE}.png", "sha256": digest},
            **facts,
        },
        {"number": 1, "state": "failed", "master": None, "derivative": None, "code": "not_a_picture", "detail": None},
    ]
    made.write(f"{JOBS}{JOB}/job.json", {})
    made.write(f"{JOBS}{JOB}/manifest/0.jsonl", [{"master": "aa"}, {"master": None}])
    made.write(f"{JOBS}{JOB}/report/0.jsonl", rows)
    counts = {"queued": 0, "running": 0, "succeeded": 1, "failed": 1, "canceled": 0}
    made.write(f"{JOBS}{JOB}/finished.json", {"state": "completed", "counts": counts})
    for row in rows:
        made.write(f"{DONE}/{row['number']}.json", row)
    made.write(f"{DERIVATIVE}.png", rgb())
    made.write(f"{DERIVATIVE}.json", {"derivative": {"sha256": digest}})
    client.hset(f"pc:job:{JOB}", "state", "completed")
    client.set(f"pc:job:{JOB}:done", b"\xc0")
    return made


def test_a_job_that_is_right(scene: Scene) -> None:
    """Nothing is found where nothing is wrong, and everything was looked at."""
    verdict = scene.check()
    assert verdict.wrong == []
    assert (verdict.jobs, verdict.items, verdict.lost, verdict.duplicates) == (1, 2, 0, 0)


DAMAGES: dict[str, Callable[[Scene], object]] = {
    "an item without a record": lambda scene: (scene.root / DONE / "0.json").unlink(),
    "a record too many": lambda scene: scene.write(f"{DONE}/2.json", {"number": 2, "state": "failed"}),
    "a job without an end": lambda scene: (scene.root / JOBS / JOB / "finished.json").unlink(),
    "a good picture that failed": lambda scene: scene.change(f"{DONE}/0.json", state="failed", code="worker_lost"),
    "a failure with another code": lambda scene: scene.change(f"{DONE}/1.json", code="worker_lost"),
    "an end that nobody asked for": lambda scene: scene.change(f"{DONE}/0.json", state="canceled"),
    "an item of another master": lambda scene: scene.change(f"{DONE}/0.json", master="bb"),
    "a derivative that is gone": lambda scene: (scene.root / f"{DERIVATIVE}.png").unlink(),
    "a derivative that changed": lambda scene: scene.write(f"{DERIVATIVE}.png", rgb() + b"\0"),
    "a sidecar that is gone": lambda scene: (scene.root / f"{DERIVATIVE}.json").unlink(),
    "a bit too many": lambda scene: scene.client.set(f"pc:job:{JOB}:done", b"\xe0"),
    "a bit too few": lambda scene: scene.client.set(f"pc:job:{JOB}:done", b"\x80"),
    "a report without a row": lambda scene: scene.write(f"{JOBS}{JOB}/report/0.jsonl", []),
    "a manifest of other masters": lambda scene: scene.write(
        f"{JOBS}{JOB}/manifest/0.jsonl", [{"master": "bb"}, {"master": None}]
    ),
    "a job that nobody was told of": lambda scene: scene.write(f"{JOBS}another/job.json", {}),
    "a key with two jobs": lambda scene: scene.ledger.accepted("key", "another"),
    "a key without an answer": lambda scene: scene.ledger.asked("lonely", []),
    "a job that is still marked": lambda scene: scene.write(f"open/default/{JOB}", {}),
    "an answer that must not be": lambda scene: scene.ledger.wrong("500"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_seen(scene: Scene, damage: Callable[[Scene], object]) -> None:
    """Each damage is found."""
    damage(scene)
    assert scene.check().wrong


def test_a_record_that_changes_is_seen(scene: Scene) -> None:
    """A record that is written again with other words is not what it was."""
    records = Records(FolderEvidence(scene.root))
    records.look()
    assert records.changed() == []
    scene.change(f"{DONE}/1.json", detail="rewritten")
    records.look()
    assert records.changed() == [f"{DONE}/1.json"]


def test_keys_that_stay_are_seen(scene: Scene) -> None:
    """A job's keys may outlive it by an hour and no longer; so may the memory that they take."""
    used = scene.client.info("memory")["used_memory"]
    names = [f"pc:job:{JOB}", f"pc:job:{JOB}:done"]
    for name in names:
        scene.client.expire(name, 3600)
    assert invariants.check_baseline(scene.client, used, 1) == []
    scene.client.hset(names[0], "state", "running")
    scene.client.set("ballast", bytes(8 << 20))
    assert len(invariants.check_baseline(scene.client, used, 1)) == 2
