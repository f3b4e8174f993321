"""Whether a call is made again: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass

from photochrom.errors import ClientError, ProblemError, ServerUnreachable

#: Statuses after which the same call can succeed.
_TRANSIENT = (429, 502, 503, 504)

#: The longest pause, and how long calls are repeated in all, seconds.
_LONGEST = 15.0
PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """Call again."""

    #: seconds to wait first
    after: float


def decide(error: ClientError, *, attempt: int, elapsed: float, patience: float, jitter: float) -> Again | None:
    """Decides after `attempt` (1..) failed `elapsed` seconds after the first; None: give up.

    The pause doubles from half a second, up to half of it on top by `jitter` (0..1); what the server asks for wins.
    """
    asked = error.retry_after if isinstance(error, ProblemError) else None
    transient = isinstance(error, ServerUnreachable) or (isinstance(error, ProblemError) and error.status in _TRANSIENT)
    pause = asked if asked is not None else min(_LONGEST, 0.5 * 2 ** (attempt - 1)) * (1 + jitter / 2)
    return Again(after=pause) if transient and elapsed + pause <= patience else None
