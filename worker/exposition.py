"""What the processes of a worker host have counted, in Prometheus' text format, and the folder where it lies."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from worker.processes import is_alive, resident

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

_PREFIX = "photochrom-metrics-"

#: Files of gauges that end with their process.
_LIVING = re.compile(r"gauge_live\w+_(\d+)\.db")


@contextmanager
def counting_folder() -> Iterator[Path]:
    """Makes a folder for the block, locked for as long as it is ours; removes those that killed hosts left behind."""
    where = Path(tempfile.gettempdir())
    for old in where.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = _lock(old)
            shutil.rmtree(old, ignore_errors=True)
            os.close(lock)
    folder, lock = _fresh(where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def expose(folder: Path, host: int) -> bytes:
    """Returns what was counted in `folder`, and the memory of the host whose process id is `host`."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see worker.metrics
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: PLC0415

    for file in folder.iterdir():
        if (found := _LIVING.fullmatch(file.name)) and not is_alive(int(found[1])):
            mark_process_dead(int(found[1]), str(folder))  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    registry.register(_Memory(host))
    return generate_latest(registry)


class _Memory:
    """Collects the memory of a host's processes."""

    def __init__(self, host: int) -> None:
        self._host = host

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields their number, their memory and the largest, by part."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see worker.metrics

        number = GaugeMetricFamily("photochrom_processes", "Processes of this host.", labels=["part"])
        held = GaugeMetricFamily("photochrom_resident_bytes", "Resident memory of a part's processes.", labels=["part"])
        most = GaugeMetricFamily("photochrom_resident_largest_bytes", "That of the largest one.", labels=["part"])
        for part, sizes in resident(self._host).items():
            number.add_metric([part], len(sizes))
            held.add_metric([part], sum(sizes))
            most.add_metric([part], max(sizes, default=0))
        yield from (number, held, most)


def _fresh(where: Path) -> tuple[Path, int]:
    """Returns a new folder and the lock on it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
        try:
            lock = _lock(folder)
        except OSError:
            # Another host that starts just now took it for one that was left behind.
            continue
        if folder.is_dir():
            return folder, lock
        os.close(lock)


def _lock(folder: Path) -> int:
    """Locks a folder until the descriptor is closed; raises OSError where somebody has, or it is another user's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
