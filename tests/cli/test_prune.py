"""`photochrom prune` and `photochrom delete`: what they say and what they do, on a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis

from cli.prune import _bytes
from shared import layout
from shared.storage.directory import DirectoryStore
from tests.cli.test_operators import run
from tests.house import House, make_house, picture
from tests.worker.test_slices import submit


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """The folder of the storage."""
    return tmp_path / "objects"


@pytest.fixture
def house(objects: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str, client: redis.Redis) -> House:
    """A house over a folder that the command finds through the environment."""
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", str(objects))
    monkeypatch.setenv("PHOTOCHROM_REDIS_URL", redis_url)
    return make_house(client, store=DirectoryStore(objects, fsync=False))


def make_old(objects: Path) -> None:
    """Makes everything that is stored two days old."""
    for path in objects.rglob("*"):
        if path.is_file():
            seen = path.stat().st_mtime - 2 * 86_400
            os.utime(path, (seen, seen))


def test_a_prune_says_what_goes_and_then_it_goes(house: House, objects: Path) -> None:
    """A dry run names numbers, bytes and examples; the prune says the same, and what a job names stays."""
    kept = submit(house, picture())
    house.work()
    stray = layout.master("default", "ab" * 32)
    house.store.put(stray, b"x" * 12_345)
    assert "0 masters" in run("prune").stdout, "nothing young goes"
    make_old(objects)
    said = run("prune", "--dry-run")
    assert said.exit_code == 0
    assert said.stdout.startswith("default: would remove\n")
    assert f"1 masters         12.3 kB  {stray}\n" in said.stdout
    assert house.store.head(stray)
    done = run("prune", "--tenant", "default")
    assert done.stdout == said.stdout.replace("would remove", "removed")
    assert not house.store.head(stray)
    assert house.shop.ledger.read_ending(kept)
    assert list(house.store.list(layout.derivatives("default")))


def test_old_jobs_go_only_where_an_age_is_given(house: House, objects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --older-than every job stays; with it those go that ended longer ago, pictures and all."""
    job, open_job = submit(house, picture()), submit(house, picture(seed=1))
    house.shop.ledger.cancel(job)
    house.shop.index.cancel(job.id)
    sweeper = house.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    make_old(objects)
    ending = house.shop.ledger.read_ending(job)
    assert ending
    assert "0 jobs" in run("prune").stdout
    assert "0 jobs" in run("prune", "--older-than", "24h").stdout, "it ended a moment ago"
    monkeypatch.setattr("cli.prune.SystemClock.now", lambda _: ending.finished + 3 * 86_400)
    said = run("prune", "--older-than", "2d").stdout
    assert "1 jobs" in said
    assert job.id in said
    assert house.shop.ledger.read_job("default", job.id) is None
    assert house.shop.ledger.read_job("default", open_job.id)
    assert house.shop.index.newest("default", before=None, limit=9) == [open_job.id]
    assert len(list(house.store.list(layout.masters("default")))) == 1


@pytest.mark.parametrize("age", ["30", "23h", "0d", "d", "-1d", "1y", "1.5d"])
def test_an_age_is_at_least_a_day(house: House, age: str) -> None:
    """What is no age, or below a day, is refused with examples."""
    result = run("prune", "--older-than", age)
    assert result.exit_code == 2
    assert "30d" in result.stderr


def test_an_unknown_tenant_is_refused(house: House) -> None:
    """A slip of the pen does not look like an empty storage."""
    result = run("prune", "--tenant", "musuem")
    assert result.exit_code == 2
    assert "musuem" in result.stderr


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_200_000_000, "3.2 GB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_read_by_people(size: int, words: str) -> None:
    """Powers of a thousand, one decimal."""
    assert _bytes(size) == words
