"""What happens to worker hosts: killed, put to sleep, restarted in order."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.processes import is_alive
from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since

#: How long a host may take to stop in order: what it has begun, and Celery's own second and a half.
_STOP_SECONDS = 30.0


@dataclass(kw_only=True)
class KillWorkers:
    """SIGKILL to one process that holds a net, to a host's first process, or to all of a host."""

    name: str = "SIGKILL of a worker"
    pause: tuple[float, float] = (0.5, 4.0)

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Kills; the supervisor starts a host again, a host its own processes."""
        with site.taken(site.hosts, dice) as host:
            begun = time.time()
            workers = host.workers()
            how = dice.choice(("worker", "worker", "first", "all"))
            dying = [*workers, host.pid]
            if how == "worker" and workers:
                dying = [dice.choice(workers)]
                _kill(dying[0])
            elif how == "first":
                _kill(host.pid)
            else:
                host.signal(signal.SIGKILL)
            # The kernel takes its time, and a child hears of its parent's death later still: until then it may begin.
            _await_deaths(dying)
            return since(begun, self.name, frozenset({host.name}))


@dataclass(kw_only=True)
class SleepWorkers:
    """SIGSTOP to all of a host for longer than its leases, then SIGCONT."""

    name: str = "SIGSTOP of a worker beyond its lease"
    pause: tuple[float, float] = (0.3, 2.0)
    #: seconds
    lease: float = 5.0

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Puts it to sleep and wakes it."""
        with site.taken(site.hosts, dice) as host:
            begun = time.time()
            host.signal(signal.SIGSTOP)
            time.sleep(self.lease + dice.uniform(1, 3))
            host.signal(signal.SIGCONT)
            return since(begun, self.name, frozenset({host.name}))


@dataclass(kw_only=True)
class RestartWorkers:
    """SIGTERM to one host after the other, each started again when it has ended."""

    name: str = "SIGTERM rolling restart"
    pause: tuple[float, float] = (0.2, 1.0)
    _turn: int = 0

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Stops and starts the next host."""
        host = site.hosts[self._turn % len(site.hosts)]
        self._turn += 1
        with host.busy:
            begun = time.time()
            stopped = host.stop(_STOP_SECONDS)
            host.start()
            # A host that stops in order gives nothing back half done.
            return since(begun, self.name, frozenset() if stopped else frozenset({host.name}))


def _await_deaths(pids: list[int]) -> None:
    until = time.time() + _STOP_SECONDS
    while any(is_alive(pid) for pid in pids) and time.time() < until:
        time.sleep(0.01)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
