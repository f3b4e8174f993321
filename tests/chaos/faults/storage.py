"""What happens to the storage: windows of a faulty proxy before the S3 server.

No item may fail by any of them, no 202 be lost, and no answer of the API be another 5xx than 503.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.proxy import FaultyProxy
from tests.chaos.relay import Fault
from tests.chaos.site import Site
from tests.chaos.strikes import Strike, since

#: The long outage, seconds: beyond all that the client, a worker and a lease of the chaos run wait.
OUTAGE_SECONDS = 60.0

#: Least and most seconds of a window.
_SECONDS: Mapping[Fault, tuple[float, float]] = {
    Fault.ERROR_500: (1, 5),
    Fault.ERROR_503: (1, 5),
    Fault.TIMEOUT: (2, 8),
    Fault.RESET_UPLOAD: (1, 5),
    Fault.RESET_DOWNLOAD: (1, 5),
    Fault.CONFLICT: (1, 5),
    Fault.OUTAGE: (1, 4),
}

#: Shares of the requests that a window hits.
_SHARES = (0.1, 0.3, 1.0)


@dataclass(kw_only=True)
class FaultyStorage:
    """One kind of trouble for some seconds."""

    proxy: FaultyProxy
    kind: Fault
    #: least and most seconds of a window
    seconds: tuple[float, float]
    pause: tuple[float, float] = (0.5, 3.0)

    @property
    def name(self) -> str:
        """What the table calls it."""
        long = " of a minute" if self.seconds[0] >= OUTAGE_SECONDS else ""
        return f"storage: {self.kind.value.replace('_', ' ')}{long}"

    def strike(self, site: Site, dice: random.Random) -> Strike:
        """Opens a window and waits until it has closed."""
        begun, seconds = time.time(), dice.uniform(*self.seconds)
        share = 1.0 if self.kind is Fault.OUTAGE else dice.choice(_SHARES)
        self.proxy.fault(self.kind, seconds, share=share)
        time.sleep(seconds)
        # An item that was begun when its picture could not be stored is begun again.
        return since(begun, self.name, None)


def chains(proxy: FaultyProxy, windows: int) -> Sequence[Sequence[tuple[FaultyStorage, int]]]:
    """Returns two chains of `windows` windows together, at least 8: run beside each other, kinds overlap.

    Every kind comes about as often as the others, and an outage of a minute once.
    """
    kinds = [FaultyStorage(proxy=proxy, kind=kind, seconds=seconds) for kind, seconds in _SECONDS.items()]
    times = [(windows - 1 + number) // len(kinds) for number in range(len(kinds))]
    both = list(zip(kinds, times, strict=True))
    long = FaultyStorage(proxy=proxy, kind=Fault.OUTAGE, seconds=(OUTAGE_SECONDS, OUTAGE_SECONDS))
    return [both[::2], [*both[1::2], (long, 1)]]


def tally(proxy: FaultyProxy) -> dict[str, int]:
    """Returns how often each kind hit, and how many requests passed."""
    return {kind.value: proxy.hits[kind] for kind in Fault} | {"passed": proxy.passed}
