"""What happens to the children that decode."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from tests.chaos.faults.poison import Executioner
from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since

_LOOK_SECONDS = 0.005
_PATIENCE_SECONDS = 30.0


@dataclass(kw_only=True)
class KillChildren:
    """SIGSEGV, SIGABRT, SIGBUS or SIGKILL to a child of the sandbox amid a picture, at most one a picture."""

    name: str = "death of a sandbox child"
    pause: tuple[float, float] = (0.1, 1.0)
    _hand: dict[Site, Executioner] = field(default_factory=dict)

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Waits for a child that is at work and ends it; the picture is made by another."""
        if site not in self._hand:
            self._hand[site] = Executioner(dice, lambda: [pid for host in site.hosts for pid in host.workers()])
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._hand[site].strike() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        return since(time.time(), self.name)
