"""What happens to bells: each is doubled, their order is lost, and they ring again when all is done."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from tests.chaos.monitor import Monitor
from tests.chaos.service import Service
from tests.chaos.strikes import Strike, since


@dataclass(kw_only=True)
class RingBells:
    """Every bell duplicated as it is rung; now and then all that wait are shuffled; old ones are replayed.

    `tap` must have heard the monitor before it starts.
    """

    name: str = "bells duplicated, shuffled, replayed"
    pause: tuple[float, float] = (0.05, 0.4)
    #: every bell that was rung, as it was sent
    heard: dict[bytes, float] = field(default_factory=dict)
    _new: list[bytes] = field(default_factory=list)

    def tap(self, monitor: Monitor) -> None:
        """Listens to what is rung."""
        monitor.listen(b'"bell.', self._hear)

    def _hear(self, at: float, words: list[bytes]) -> None:
        if words[0].upper() == b"LPUSH" and words[1].startswith(b"bell.") and words[2] not in self.heard:
            self.heard[words[2]] = at
            self._new.append(words[2])

    def strike(self, site: Service, dice: random.Random) -> Strike:
        """Doubles what was rung since the last strike, shuffles what waits, replays three old ones."""
        begun = time.time()
        new, self._new = self._new, []
        old = dice.sample(sorted(self.heard), min(3, len(self.heard)))
        self._push(site, new + old, dice)
        return since(begun, self.name)

    def replay(self, site: Service, dice: random.Random) -> int:
        """Rings every bell that was ever heard once more; returns how many."""
        self._push(site, sorted(self.heard), dice)
        return len(self.heard)

    @staticmethod
    def _push(site: Service, bells: list[bytes], dice: random.Random) -> None:
        queue = f"bell.{site.model}"
        with site.valkey.client() as client, client.pipeline() as pipe:
            waiting = client.lrange(queue, 0, -1) + bells
            dice.shuffle(waiting)
            pipe.delete(queue)
            if waiting:
                pipe.lpush(queue, *waiting)
            pipe.execute()
