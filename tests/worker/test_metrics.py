"""A worker host's metrics: several processes that count together, and what the page says of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from shared.errors import InvalidSetting
from shared.items import ItemState
from shared.outcomes import Outcome
from shared.settings import Settings
from shared.storage.directory import DirectoryStore
from tests.house import House, make_house, picture
from tests.metrics_page import documented, samples, told, value
from tests.worker.test_host import ended
from tests.worker.test_slices import submit
from worker import metrics
from worker.exporter import exporting

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def house(tmp_path: Path, client: redis.Redis) -> House:
    """API and index over a storage that other processes can read."""
    return make_house(client, store=DirectoryStore(tmp_path / "objects", fsync=False))


@pytest.fixture
def start(tmp_path: Path, redis_url: str) -> Iterator[Start]:
    """Starts commands over the house's storage and index, with a folder for what is temporary."""
    (tmp_path / "tmp").mkdir()
    processes = []

    def start(command: str, **settings: object) -> subprocess.Popen[bytes]:
        chosen = {"STORAGE_URL": tmp_path / "objects", "REDIS_URL": redis_url, "SWEEP_SECONDS": 1, **settings}
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "photochrom", command],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "TMPDIR": str(tmp_path / "tmp"),
                    **{f"PHOTOCHROM_{name}": str(value) for name, value in chosen.items()},
                },
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def get(port: int, path: str) -> str:
    """Returns an answer, once there is one that is good."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until
            time.sleep(0.1)


def await_metric(port: int, wanted: float, name: str, **labels: str) -> None:
    """Waits until a metric has a value."""
    until = time.monotonic() + 60
    while value(samples(get(port, "/metrics")), name, **labels) != wanted:
        assert time.monotonic() < until
        time.sleep(0.1)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Returns the worker processes of a host."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in listed if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.slow
def test_processes_of_a_host_count_together(house: House, start: Start, port: int, tmp_path: Path) -> None:
    """The page names exactly what host and API tell; what a process counted outlives it; nothing is left behind."""
    left_behind = tmp_path / "tmp" / "photochrom-metrics-dead"
    left_behind.mkdir()
    first = submit(house, *[picture(seed=number) for number in range(4)], b"no picture")
    process = start("worker", WORKERS=2, METRICS_PORT=port)
    assert get(port, "/healthz") == "ok\n"
    states = ended(house, first, process)  # type: ignore[arg-type]
    assert sorted(states) == [ItemState.FAILED, *[ItemState.SUCCEEDED] * 4]
    submit(house, picture(seed=0))
    await_metric(port, 1, "items_already_made_total")
    await_metric(port, 0, "slots_busy")
    text = get(port, "/metrics")
    assert told(text) == documented("Worker host")
    found = samples(text)
    assert value(found, "items_total", state="succeeded", code="") == 5
    assert value(found, "items_total", state="failed", code="not_a_picture") == 1
    assert value(found, "stage_seconds_count", stage="net") == 4
    assert value(found, "slots") == value(found, "processes", part="worker") == 2
    assert value(found, "resident_bytes", part="sandbox") > value(found, "resident_largest_bytes", part="sandbox") > 0
    assert value(found, "host_announced") == value(found, "sweeper_leads") == 1
    assert not left_behind.exists()
    os.kill(children(process)[0], signal.SIGKILL)
    await_metric(port, 2, "processes", part="worker")
    assert value(samples(get(port, "/metrics")), "items_total", state="succeeded", code="") == 5
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not list((tmp_path / "tmp").glob("photochrom-metrics-*"))


@pytest.mark.slow
def test_the_page_names_what_the_api_tells(house: House, start: Start, port: int) -> None:
    """The page names exactly what an API tells that has answered something."""
    house.announce()
    start("api", API_PORT=port)
    get(port, "/healthz")
    assert told(get(port, "/metrics")) == documented("API")


@pytest.mark.slow
def test_a_sweeper_alone_has_metrics(start: Start, port: int) -> None:
    """`photochrom sweep` tells how its turns went, and that it is well."""
    start("sweep", METRICS_PORT=port)
    assert get(port, "/healthz") == "ok\n"
    await_metric(port, 1, "sweeper_leads")


def test_an_address_that_is_taken_is_refused() -> None:
    """A port that somebody else has ends the start, with both variables' names and the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(metrics_port=taken.getsockname()[1])
        with pytest.raises(InvalidSetting, match=r"PHOTOCHROM_METRICS_PORT.*127\.0\.0\.1:\d+"), exporting(settings):
            pytest.fail("it began")


def test_what_is_off_loads_nothing() -> None:
    """Without a port nothing is served, the calls do nothing, and prometheus_client is not even loaded."""
    code = """
import json, sys
from shared.settings import Settings
from worker import metrics
import worker.slices, worker.sweeper, worker.host
from worker.exporter import exporting
with exporting(Settings()), metrics.busy():
    metrics.claimed(1)
    metrics.given_back("corrupt")
print(json.dumps(sorted(name for name in sys.modules if name.startswith("prometheus"))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_calls_while_it_is_off() -> None:
    """Every call can be made by a process that counts nothing, as in all other tests."""
    metrics.item_ended(Outcome(number=0, state=ItemState.SUCCEEDED, filename="a.png"))
    metrics.webhook_called("delivered")
