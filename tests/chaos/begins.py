"""Which items were begun, when and by whom: read from the scripts' own writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.monitor import Monitor
from tests.chaos.strikes import Strike


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """An attempt."""

    #: seconds since the epoch
    at: float
    #: name of the host
    host: str


class Begins:
    """Every attempt that the monitor heard of."""

    def __init__(self, monitor: Monitor) -> None:
        self._begins: dict[tuple[str, int], list[Begin]] = defaultdict(list)
        monitor.listen(b':tries"', self._hear)

    def _hear(self, at: float, words: list[bytes]) -> None:
        if words[0].upper() != b"HSET" or len(words) != 4:
            return
        _, key, number, text = words
        _, begun, owner = text.split(b"|", 2)
        if begun == b"1":
            job = key.decode().split(":")[2]
            self._begins[job, int(number)].append(Begin(at=at, host=owner.split(b"/")[0].decode()))

    @property
    def total(self) -> int:
        """How many attempts there were."""
        return sum(len(begins) for begins in self._begins.values())

    def items(self) -> dict[tuple[str, int], list[Begin]]:
        """Returns the attempts of each item (job, number), first to last."""
        return dict(self._begins)

    def unexplained(self, strikes: Sequence[Strike]) -> list[str]:
        """Returns, in words, each attempt after the first that no fault has made necessary."""
        words = []
        for (job, number), begins in sorted(self._begins.items()):
            for one, two in pairwise(begins):
                if not any(strike.excuses(one.host, one.at, two.at) for strike in strikes):
                    words.append(
                        f"item {number} of job {job} was begun by {one.host} and {two.at - one.at:.1f} s later again "
                        f"by {two.host}, and nothing had happened to {one.host}"
                    )
        return words

    def while_paused(self, pauses: Mapping[str, tuple[float, float]]) -> list[str]:
        """Returns, in words, each attempt at an item of a job that was paused."""
        return [
            f"item {number} of job {job} was begun by {begin.host} {begin.at - pauses[job][0]:.1f} s into its pause"
            for (job, number), begins in sorted(self._begins.items())
            for begin in begins
            if job in pauses and pauses[job][0] < begin.at < pauses[job][1]
        ]

    def in_hand(self, strike: Strike, ended: Mapping[tuple[str, int], float]) -> list[tuple[str, int]]:
        """Returns the items that a struck host had begun and not ended; `ended` has when each ended."""
        return [
            item
            for item, begins in self._begins.items()
            if ended.get(item, float("inf")) > strike.at
            and any(strike.hosts is None or begin.host in strike.hosts for begin in begins if begin.at <= strike.at)
        ]
