"""What happens to the API."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.processes import children
from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since


@dataclass(kw_only=True)
class KillApi:
    """SIGKILL to a server, or to the process in it that answers."""

    name: str = "SIGKILL of the API"
    pause: tuple[float, float] = (0.3, 6.0)

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Kills; the supervisor, or gunicorn, starts it again."""
        with site.taken(site.apis, dice) as api:
            begun = time.time()
            answering = children(api.pid)
            if answering and dice.random() < 0.5:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(answering), signal.SIGKILL)
            else:
                api.signal(signal.SIGKILL)
            return since(begun, self.name, answers=True)
