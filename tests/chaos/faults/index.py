"""What happens to what Valkey holds."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since

_PAUSE = (1.0, 3.0)


@dataclass(kw_only=True)
class FlushAll:
    """FLUSHALL."""

    name: str = "FLUSHALL"
    pause: tuple[float, float] = _PAUSE

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Wipes the server: index, bells and the broker's own records."""
        with site.valkey.client() as client:
            begun = time.time()
            client.flushall()
            return since(begun, self.name, None)


@dataclass(kw_only=True)
class FlushScripts:
    """SCRIPT FLUSH."""

    name: str = "SCRIPT FLUSH"
    pause: tuple[float, float] = _PAUSE

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Has the server forget the scripts; nothing may be begun twice for it."""
        with site.valkey.client() as client:
            begun = time.time()
            client.script_flush()
            return since(begun, self.name)


@dataclass(kw_only=True)
class DeleteKeys:
    """DEL of one to three keys, whatever they are."""

    name: str = "deletion of single keys"
    pause: tuple[float, float] = _PAUSE

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Deletes keys at random, those of running jobs among them."""
        with site.valkey.client() as client:
            begun = time.time()
            keys = sorted(client.keys("*"))
            for key in dice.sample(keys, min(len(keys), dice.randint(1, 3))):
                client.delete(key)
            return since(begun, self.name, None)


@dataclass(kw_only=True)
class FillMemory:
    """maxmemory reached: every write is refused for some seconds."""

    name: str = "maxmemory reached"
    pause: tuple[float, float] = _PAUSE
    #: seconds
    seconds: tuple[float, float] = (0.5, 4.0)

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Lowers the limit below what is used, and raises it again."""
        with site.valkey.client() as client:
            begun = time.time()
            before = client.config_get("maxmemory")["maxmemory"]
            client.config_set("maxmemory", "1mb")
            time.sleep(dice.uniform(*self.seconds))
            client.config_set("maxmemory", before)
            return since(begun, self.name, None)
