"""Whether to try again: pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass

from shared.errors import PhotochromError

#: Pauses before the tries after the first, seconds: about twelve in all, well inside a lease's renewals.
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Try again."""

    #: seconds to wait first
    after: float


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveUp:
    """Stop trying; the item goes back, uncharged."""

    #: the error's code
    code: str


def decide(error: PhotochromError, attempt: int, *, jitter: random.Random) -> Retry | GiveUp:
    """Decides after `attempt` (1..) failed: what waiting can mend is waited for, with up to half the pause on top."""
    if not error.retryable or attempt > len(_PAUSES):
        return GiveUp(code=error.code)
    return Retry(after=_PAUSES[attempt - 1] * (1 + jitter.random() / 2))
