"""The meter: charges each request to its tenant, and tells what is left."""

from __future__ import annotations

from flask import Response, g, request

from api.bodies import received
from api.quotas import fields, refusal
from shared import logs
from shared.clock import Clock
from shared.errors import IndexUnavailable
from shared.index.quotas import Balance, Limits, Quotas

_log = logs.logger(__name__)

#: How long an index that was away is not asked, seconds: a request must not wait for it each time.
_AWAY_SECONDS = 5.0


class Meter:
    """Counts what tenants ask for. Where the index is away nothing is counted, and nothing is refused."""

    def __init__(self, quotas: Quotas, limits: Limits, clock: Clock) -> None:
        self._quotas = quotas
        self._limits = limits
        self._clock = clock
        self._away_until = 0.0

    def admit(self, tenant: str) -> None:
        """Charges the request at hand and the bytes that it says it sends; raises RateLimited or QuotaExceeded."""
        length = request.content_length
        balance = self._spend(tenant, requests=1, sent=length or 0)
        if balance is None:
            return
        g.balance = balance
        if balance.refused:
            raise refusal(balance, self._limits, asked=length or 0)

    def tell(self, response: Response) -> Response:
        """Adds what is left, and charges a body whose length nobody knew before it came."""
        if balance := g.get("balance"):
            if sent := received():
                self._spend(g.caller.tenant, sent=sent, free=True)
            response.headers.update(fields(balance, self._limits))
        return response

    def _spend(self, tenant: str, *, requests: int = 0, sent: int, free: bool = False) -> Balance | None:
        if self._clock.now() < self._away_until:
            return None
        try:
            return self._quotas.spend(tenant, Limits() if free else self._limits, requests=requests, sent=sent)
        except IndexUnavailable as error:
            self._away_until = self._clock.now() + _AWAY_SECONDS
            _log.warning("nothing_is_metered", code=error.code, detail=error.detail)
            return None
