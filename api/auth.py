"""Who is asking: an API key's tenant, or the one person at this machine."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api.keys import Scope, digest_of, find_key
from shared import layout
from shared.clock import Clock
from shared.errors import ForeignHost, ForeignOrigin, Unauthorized
from shared.storage import ObjectStore

#: How long what was read of the keys is believed, seconds: a revoked key dies within this.
_CACHE_SECONDS = 30.0

#: Keys that are remembered at once.
_MOST = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Knock:
    """What a request says of where it comes from; None for a header that it does not have."""

    #: Authorization
    authorization: str | None
    #: Host
    host: str
    #: Origin
    origin: str | None
    #: Sec-Fetch-Site (W3C Fetch Metadata)
    site: str | None
    #: whether a browser opens this address as a page of its own: a link was followed
    navigates: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Whose request it is, and what it may do."""

    #: the tenant
    tenant: str
    #: what its key may do
    scopes: frozenset[Scope]
    #: whether it showed a key; else it is the person at this machine, who has no quotas
    keyed: bool


_PERSON_HERE = Caller(tenant=layout.DEFAULT_TENANT, scopes=frozenset(Scope), keyed=False)


class Doorkeeper:
    """Decides who asks; remembers for half a minute what storage said."""

    def __init__(self, store: ObjectStore, clock: Clock, *, exposed: bool = False) -> None:
        """Takes the storage of the keys; `exposed` where other machines can reach the server."""
        self._store = store
        self._clock = clock
        self._exposed = exposed
        self._guard = threading.Lock()
        self._seen: dict[str, tuple[float, Any]] = {}

    def caller(self, knock: Knock) -> Caller:
        """Returns who makes a request.

        Raises Unauthorized where keys exist and none that is good is shown; without keys ForeignHost and ForeignOrigin
        for whatever a page of another site could have sent (DNS rebinding, cross-site posts).
        """
        if self.keyless():
            return self._person_here(knock)
        scheme, _, key = (knock.authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized()
        key = key.strip()
        record = self._remembered(digest_of(key), lambda: find_key(self._store, key))
        if record is None or not record.opens(self._clock.now()):
            raise Unauthorized("This API key is not known, has expired, or was revoked.")
        return Caller(tenant=record.tenant, scopes=record.scopes, keyed=True)

    def keyless(self) -> bool:
        """Tells whether no API key was ever made; a revoked one counts."""
        return bool(self._remembered(layout.KEYS, lambda: not any(True for _ in self._store.list(layout.KEYS))))

    def _person_here(self, knock: Knock) -> Caller:
        if self._exposed:  # a Host is what the other side says: it proves nothing to a server that others can reach
            raise Unauthorized()
        if not is_loopback(_host_name(knock.host)):
            raise ForeignHost(seen=knock.host)
        if knock.origin is not None and urlsplit(knock.origin).netloc != knock.host:
            raise ForeignOrigin(seen=knock.origin)
        # A picture or a script that another page embeds comes without an Origin.
        if knock.site in ("cross-site", "same-site") and not knock.navigates:
            raise ForeignOrigin(seen=knock.site)
        return _PERSON_HERE

    def _remembered(self, name: str, read: Callable[[], Any]) -> Any:
        now = self._clock.now()
        with self._guard:
            seen = self._seen.get(name)
        if seen and now - seen[0] < _CACHE_SECONDS:
            return seen[1]
        value = read()
        with self._guard:
            if len(self._seen) > _MOST:
                self._seen.clear()
            self._seen[name] = now, value
        return value


def is_loopback(host: str) -> bool:
    """Tells whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
