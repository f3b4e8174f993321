"""What happens to Valkey as a process."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since
from tests.chaos.valkey import Persistence


@dataclass(kw_only=True)
class KillValkey:
    """SIGKILL, some seconds without a server, and a start with what its persistence has left."""

    persistence: Persistence
    pause: tuple[float, float] = (1.5, 5.0)

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"SIGKILL of Valkey, persistence {self.persistence}"

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Kills it and starts it again."""
        if site.valkey.persistence is not self.persistence:
            site.valkey.persist(self.persistence)
            time.sleep(dice.uniform(1, 3))
        begun = time.time()
        site.valkey.kill()
        time.sleep(dice.choice((0.0, 0.3, 2.0)))
        site.valkey.start()
        return since(begun, self.name, None)
