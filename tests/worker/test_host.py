"""A worker host as a process: how it works with threads, and how it leaves when its net goes bad."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from cli.adding import add
from models.answers import answers_path
from models.eccv16.twin import write_twin
from shared import reports
from shared.items import ItemState
from shared.jobs import Job
from shared.registry import load_registry, shipped
from shared.storage.directory import DirectoryStore
from tests.house import House, make_house, picture
from tests.worker.test_slices import submit
from worker.host import NET_FAILED

pytestmark = pytest.mark.slow

#: What a process runs whose nets lie on a GPU, for want of one on the CPU: one process, a thread a slot, one net.
AS_ON_A_GPU = """
import sys
import worker.app, worker.workshop
worker.app.on_gpu = worker.workshop.on_gpu = lambda settings: True
from photochrom.command import main
sys.argv = ["photochrom", "worker"]
main()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A storage folder."""
    return tmp_path / "objects"


@pytest.fixture
def house(data: Path, client: redis.Redis) -> House:
    """API and index over a storage that other processes can read."""
    return make_house(client, store=DirectoryStore(data, fsync=False))


@pytest.fixture
def start(data: Path, redis_url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts worker hosts over the house's storage and index."""
    processes = []

    def start(*command: str, **settings: str) -> subprocess.Popen[str]:
        environment = {
            "STORAGE_URL": str(data),
            "REDIS_URL": redis_url,
            "SWEEP_SECONDS": "1",
            "LEASE_SECONDS": "3",
            "LOG_FORMAT": "json",
            "HOST": "tested",
            **settings,
        }
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *(command or ("-m", "photochrom", "worker"))],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **{f"PHOTOCHROM_{name}": value for name, value in environment.items()}},
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def ended(house: House, job: Job, process: subprocess.Popen[str], seconds: float = 60) -> list[ItemState]:
    """Waits for the job's end and returns its items' states."""
    until = time.monotonic() + seconds
    while house.services.ledger.read_ending(job) is None:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.1)
    return [row.state for row in reports.rows(house.services.ledger, job)]


def test_threads_share_one_net(
    house: House, start: Callable[..., subprocess.Popen[str]], client: redis.Redis, tmp_path: Path
) -> None:
    """As on a GPU: one process colors a job with two threads and gives the bytes that a process a slot gives."""
    pictures = [picture(seed=number) for number in range(6)]
    job = submit(house, *pictures)
    process = start("-c", AS_ON_A_GPU, WORKERS="2")
    assert ended(house, job, process) == [ItemState.SUCCEEDED] * 6
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    twin = make_house(client)
    again = submit(twin, *pictures)
    twin.work()
    digests = [
        [row.derivative.sha256 for row in reports.rows(side.services.ledger, done) if row.derivative]
        for side, done in ((house, job), (twin, again))
    ]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 6


def test_a_host_whose_net_goes_bad_leaves(
    house: House, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A self-test that fails between two items ends the host: exit 70, a line that says why, and no item is charged."""
    weights, folder = tmp_path / "thin.caffemodel", tmp_path / "models"
    write_twin(weights, width=16)
    model = add("thin", shipped().named("eccv16"), weights, shipped(), folder)
    registry = load_registry(folder)
    process = start(WORKERS="1", MODELS_DIR=str(folder), MODELS="thin", SELF_TEST_ITEMS="1")
    first = submit(house, picture(), recipe={"model": "thin"}, registry=registry)
    assert ended(house, first, process) == [ItemState.SUCCEEDED]
    answers = answers_path(model, folder)
    right = answers.read_text()
    answers.write_text(re.sub(r"-?\d+\.\d+", "77.7", right))
    second = submit(house, picture(seed=1), recipe={"model": "thin"}, registry=registry)
    assert process.wait(60) == NET_FAILED
    logged = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    failure = next(line for line in logged if line["event"] == "net_self_test_failed")
    assert failure["level"] == "critical"
    assert "is right" in failure["detail"]
    assert house.services.ledger.read_outcome(second, 0) is None
    assert house.services.index.progress(second.id).counts.failed == 0
    # What is wrong is put right, and another host does what this one left.
    verdict = start(WORKERS="1", MODELS_DIR=str(folder), MODELS="thin", SELF_TEST_ITEMS="1")
    assert verdict.wait(60) == 2
    answers.write_text(right)
    process = start(WORKERS="1", MODELS_DIR=str(folder), MODELS="thin", SELF_TEST_ITEMS="1")
    assert ended(house, second, process) == [ItemState.SUCCEEDED]
    outcome = house.services.ledger.read_outcome(second, 0)
    assert outcome is not None
    assert outcome.attempts == 1
